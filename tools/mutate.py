"""Flip every operator, word and constant of formulas.py, one at a time: the tests must notice each flip.

    python -m tools.mutate [--only TEXT]

A mutant that no test notices is live. The few that cannot be noticed, since they compute the same, are listed in
`tools/equivalent.txt`, each with its proof in a line; every other live mutant makes this command fail.
"""

import argparse
import ast
import copy
import importlib.util
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/detloss/formulas.py"
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
# Quick ones first: the first failure ends a mutant.
TESTS = (
    "tests/losses/test_losses.py",
    "tests/losses/test_edge_cases.py",
    "tests/losses/test_targets.py",
    "tests/losses/test_invariances.py",
    "tests/battery/test_battery.py",
)
SKIPPED = "not cpp and not sums and not modules and not buffers and not errors and not float16"
# What else a function cannot touch: the battery is the slow part.
GROUPS = {"l1": "regression", "l2": "regression", "smooth_l1": "regression", "odds": "binary"} | {
    "binary_cross_entropy": "binary",
    "balanced_cross_entropy": "binary",
    "sigmoid_focal": "binary",
    "cross_entropy": "softmax",
    "softmax_focal": "softmax",
}
SEED = "20261123"  # fixed, so that a verdict can be repeated

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
WORDS = {"minimum": "maximum", "maximum": "minimum", "weighted": "quotient", "quotient": "weighted"}
DROPPED = {"relu", "absolute", "sign", "inverse", "constant"}


@dataclass(frozen=True)
class Mutant:
    """One flip: where, what it was, what it became, and the whole mutated module."""

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
        case ast.Compare(left, [op], right):
            yield ast.Compare(left, [OPERATORS[type(op)]()], right)
            if type(op) in MIRRORED:
                yield ast.Compare(left, [MIRRORED[type(op)]()], right)
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Constant(value) if isinstance(value, float):
            yield ast.Constant(1.0 if value == 0.0 else 0.0 if value == 1.0 else value * 1.01)
        case ast.Call(ast.Attribute(ast.Name("m"), word) as function, arguments):
            if word in WORDS:
                yield ast.Call(ast.Attribute(function.value, WORDS[word]), arguments, [])
            if word in DROPPED:
                yield arguments[0]
            if word == "where":
                yield ast.Call(function, [arguments[0], arguments[2], arguments[1]], [])


def mutants() -> list[Mutant]:
    """Every flip of every function."""
    tree = ast.parse(SOURCE.read_text())
    found = []
    for function in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        for node in ast.walk(function):
            for flip in flips(node):
                flip = copy.deepcopy(flip)
                changed = ast.unparse(ast.fix_missing_locations(Replace(node, flip).visit(copied(tree, node))))
                found.append(Mutant(function.name, statement(function, node), ast.unparse(flip), changed))
    return numbered(found)


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
        distinct.append(Mutant(mutant.function, mutant.before, mutant.after + again, mutant.text))
    return distinct


def survives(text: str, group: str) -> bool:
    """Run the tests on a mutated formulas.py in this process, which must be fresh."""
    import pytest

    class Mutated:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> object:
            if name != "detloss.formulas":
                return None
            return importlib.util.spec_from_loader(name, Mutated)

        @staticmethod
        def create_module(spec: object) -> None:
            return None

        @staticmethod
        def exec_module(module: object) -> None:
            exec(compile(text, "mutated formulas.py", "exec"), vars(module))

    sys.meta_path.insert(0, Mutated)
    sys.path.insert(0, str(ROOT))
    os.environ["DETLOSS_TEST_SEED"] = SEED
    use_backend = importlib.import_module("detloss").use_backend
    use_backend("eager")  # the C++ of a formula is printed already: no mutant reaches it
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
        f"{SKIPPED} and (not test_error_bounds or {group})",
        "--rootdir",
        str(ROOT),
    ]
    return pytest.main([*options, *(str(ROOT / test) for test in TESTS)]) == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="mutants whose name contains this text")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    import mpmath  # noqa: F401 - loaded once here, inherited by every fork
    import torch

    torch.set_num_threads(1)
    proved = {line.split("  |  ")[0] for line in EQUIVALENT.read_text().splitlines() if "  |  " in line}
    chosen = [mutant for mutant in mutants() if asked.only in mutant.name]
    if not all(survives_in_a_fork(SOURCE.read_text(), group) for group in {*GROUPS.values(), "boxes"}):
        sys.exit("the tests fail on formulas.py as it stands: nothing can be learnt from mutants")
    live, done = [], 0
    # One fork a mutant: what a mutated import leaves behind must not reach the next one.
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("fork"), max_tasks_per_child=None) as pool:
        texts, groups = zip(*((mutant.text, GROUPS.get(mutant.function, "boxes")) for mutant in chosen))
        for mutant, alive in zip(chosen, pool.map(survives_in_a_fork, texts, groups)):
            done += 1
            if alive and mutant.name not in proved:
                live.append(mutant.name)
            status = "dead" if not alive else "equivalent" if mutant.name in proved else "LIVE"
            print(f"{done:4d}/{len(chosen)} {status:10s} {mutant.name}", flush=True)
    print(f"{len(chosen)} mutants, {len(live)} live")
    sys.exit(1 if live else 0)


def survives_in_a_fork(text: str, group: str) -> bool:
    """Ask a fresh child, so that modules are imported anew."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if survives(text, group) else 1)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":
    main()
