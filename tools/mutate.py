"""Flip every operator, primitive and constant of formulas/, one at a time: the tests must notice each flip.

    python -m tools.mutate [--only TEXT]

A mutant that no test notices is live. The few that cannot be noticed, since they compute the same, are listed in
`tools/equivalent.txt`, each with its proof in a line; every other live mutant makes this command fail. The formulas of
Gaussians and of convex shapes are left out: their tests take too long for a run per flip.
"""

import argparse
import ast
import copy
import importlib.util
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parents[1]
FORMULAS = ROOT / "src/detloss/formulas"
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
# Quick ones first: the first failure ends a mutant.
TESTS = (
    "tests/losses/test_losses.py",
    "tests/losses/test_edge_cases.py",
    "tests/losses/test_targets.py",
    "tests/losses/test_invariances.py",
    "tests/auditing/test_battery.py",
)
# What of the battery the formulas of each file affect: the battery is the slow part.
BATTERY = {
    "elementwise": "(regression or binary)",
    "two_sided": "binary",
    "softmax": "softmax",
    "penalties": "boxes",
    "axis_aligned": "boxes",
}
SKIPPED = "not cpp and not sums and not modules and not buffers and not errors and not float16"
SEED = "20261123"  # fixed, so that a result can be repeated

OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
MIRRORED: dict[type, type] = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
EXCHANGED = {"minimum": "maximum", "maximum": "minimum", "weighted": "quotient", "quotient": "weighted"}
DROPPED = {"relu", "absolute", "sign", "inverse", "constant"}


@dataclass(frozen=True)
class Mutant:
    """One flip: where, what it was, what it became, and the whole mutated module."""

    module: str
    function: str
    before: str
    after: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.function}: {self.before}  ->  {self.after}"


def flips(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that could stand in the place of one."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(op)](), right)
        case ast.Compare(left, [op], right) if type(op) in OPERATORS:
            yield ast.Compare(left, [OPERATORS[type(op)]()], right)
            if type(op) in MIRRORED:
                yield ast.Compare(left, [MIRRORED[type(op)]()], right)
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Constant(value) if isinstance(value, float):
            yield ast.Constant(1.0 if value == 0.0 else 0.0 if value == 1.0 else value * 1.01)
        case ast.Call(ast.Attribute(ast.Name("m"), primitive) as function, arguments):
            if primitive in EXCHANGED:
                yield ast.Call(ast.Attribute(function.value, EXCHANGED[primitive]), arguments, [])
            if primitive in DROPPED:
                yield arguments[0]
            if primitive == "where":
                yield ast.Call(function, [arguments[0], arguments[2], arguments[1]], [])


def mutants() -> list[Mutant]:
    """Every flip of every function."""
    found = []
    for module in BATTERY:
        tree = ast.parse(text_of(module))
        for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
            for node in ast.walk(function):
                for flip in flips(node):
                    flip = copy.deepcopy(flip)
                    changed = ast.unparse(ast.fix_missing_locations(Replace(node, flip).visit(copied(tree, node))))
                    found.append(Mutant(module, function.name, statement(function, node), ast.unparse(flip), changed))
    return numbered(found)


def text_of(module: str) -> str:
    """The text of a module of formulas."""
    return (FORMULAS / f"{module}.py").read_text()


def copied(tree: ast.Module, node: ast.AST) -> ast.Module:
    """A deep copy in which the one node is still itself, so that it can be found."""
    return copy.deepcopy(tree, {id(node): node})


class Replace(ast.NodeTransformer):
    """Put one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else super().visit(node)


def statement(function: ast.FunctionDef, node: ast.AST) -> str:
    """The expression that is flipped and the name its statement assigns, to tell equal expressions apart."""
    owner = next(s for s in function.body if any(inner is node for inner in ast.walk(s)))
    target = ast.unparse(owner.targets[0]) if isinstance(owner, ast.Assign) else type(owner).__name__.lower()
    return f"[{target}] {ast.unparse(node)}"


def numbered(found: list[Mutant]) -> list[Mutant]:
    """Distinct names for flips that read the same."""
    seen: dict[str, int] = {}
    distinct = []
    for mutant in found:
        seen[mutant.name] = seen.get(mutant.name, 0) + 1
        again = f" (#{seen[mutant.name]})" if seen[mutant.name] > 1 else ""
        distinct.append(replace(mutant, after=mutant.after + again))
    return distinct


def survives(module: str, text: str) -> bool:
    """Run the tests on a mutated module in this process, which must be fresh."""
    import pytest

    mutated = f"detloss.formulas.{module}"

    class Mutated:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> object:
            if name != mutated:
                return None
            return importlib.util.spec_from_loader(name, Mutated)

        @staticmethod
        def create_module(spec: object) -> None:
            return None

        @staticmethod
        def exec_module(module: object) -> None:
            exec(compile(text, f"mutated {module}", "exec"), vars(module))

    sys.meta_path.insert(0, Mutated)
    sys.path.insert(0, str(ROOT))
    os.environ["DETLOSS_TEST_SEED"] = SEED
    use_backend = importlib.import_module("detloss").use_backend
    use_backend("eager")  # the C++ code is generated from the formulas as they are
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    options = [
        "-x",
        "-q",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "-k",
        f"{SKIPPED} and (not test_error_bounds or {BATTERY[module]})",
        "--rootdir",
        str(ROOT),
    ]
    return pytest.main([*options, *(str(ROOT / test) for test in TESTS)]) == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="mutants whose name contains this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    import mpmath  # noqa: F401 - loaded once here, inherited by every fork
    import torch

    torch.set_num_threads(1)
    proved = {line.split("  |  ")[0] for line in EQUIVALENT.read_text().splitlines() if "  |  " in line}
    chosen = [mutant for mutant in mutants() if options.only in mutant.name]
    for module in {mutant.module for mutant in chosen}:
        if not survives_in_a_fork(module, text_of(module)):
            sys.exit(f"the tests of {module}.py fail without a flip: no mutant can be tested")
    live, done = [], 0
    # One fork per mutant: the imports of one must not affect the next.
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("fork"), max_tasks_per_child=None) as pool:
        modules, texts = zip(*((mutant.module, mutant.text) for mutant in chosen))
        for mutant, alive in zip(chosen, pool.map(survives_in_a_fork, modules, texts)):
            done += 1
            if alive and mutant.name not in proved:
                live.append(mutant.name)
            status = "dead" if not alive else "equivalent" if mutant.name in proved else "LIVE"
            print(f"{done:4d}/{len(chosen)} {status:10s} {mutant.name}", flush=True)
    print(f"{len(chosen)} mutants, {len(live)} live")
    sys.exit(1 if live else 0)


def survives_in_a_fork(module: str, text: str) -> bool:
    """Run the tests in a fresh child process, which imports every module again."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if survives(module, text) else 1)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":
    main()
