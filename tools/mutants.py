"""Break the code in many places, one at a time: the tests must notice each mistake of `tools/mutants.toml`.

    python -m tools.mutants [--only TEXT] [--nearest]

Every mutant is applied in a copy of the tree. The tests named beside it run first, without the exhaustive ones: what a
part of `make test` notices, `make test` does. A mutant that lives goes on to all of `make test`, and then to
`make test-all`. A mutant of the C++ kernels is compiled for the best instruction set of this processor alone.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.support.processor import instruction_sets

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_name("mutants.toml")
BEST = instruction_sets()[-1]
LIBRARY = "src/detloss/kernels/cpp/built"
IN_TEST, IN_TEST_ALL, LIVES = "make test", "make test-all", "lives"


@dataclass(frozen=True)
class Mutant:
    """A mistake: the file, a piece of its text, what takes its place, and the tests most likely to notice."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.file}: {' '.join(self.old.split())}  ->  {' '.join(self.new.split())}"

    @property
    def is_compiled(self) -> bool:
        return self.file.endswith((".h", ".cpp"))

    def text(self, root: Path) -> str:
        """The file with the mistake in it."""
        text = (root / self.file).read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(
                f"{LIST.name}: expected {self.old!r} once in {self.file}, got {text.count(self.old)} times"
            )
        return text.replace(self.old, self.new)


def mutants() -> list[Mutant]:
    rows = tomllib.loads(LIST.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(row["file"], row["old"], row["new"], tuple(row["tests"])) for row in rows]


def copy_of_the_tree(place: Path) -> Path:
    """What git knows of, and the compiled kernels."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place / name)
    shutil.copytree(ROOT / LIBRARY, place / LIBRARY)
    return place


def compile_kernels(tree: Path) -> None:
    """Build the library in a copy; objects that are not asked for anew are kept beside it."""
    compiler = shlex.join([sys.executable, str(tree / "tools/kept_objects.py"), str(tree.parent / "objects"), BEST])
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace", "--force"]
    done = subprocess.run(command, cwd=tree, env={**os.environ, "CXX": compiler}, capture_output=True, text=True)
    if done.returncode or "no C++ kernels were built" in done.stdout + done.stderr:
        raise RuntimeError(f"the kernels of the mutant do not compile:\n{done.stdout}{done.stderr}")


def passes(tree: Path, marker: str, tests: tuple[str, ...]) -> bool:
    """Run tests of the copy in a fork, which has torch loaded and the package not."""
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code not in (0, 1, 2):  # passed; failed; ended while tests were collected, as an import that fails does
            raise RuntimeError(f"pytest {' '.join(tests)} ended with {code}: see {tree.parent / 'output'}")
        return code == 0
    try:
        import pytest

        output = os.open(tree.parent / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(tree)
        sys.path[:0] = [str(tree / "src"), str(tree)]
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
        options = ["-x", "-q", "-p", "no:cacheprovider", "--rootdir", str(tree), "-m", marker]
        options += ["-o", "faulthandler_exit_on_timeout=true"]  # a test that hangs has noticed something, too
        os._exit(pytest.main([*options, *tests]))
    finally:
        os._exit(9)


def noticed_by(mutant: Mutant, tree: Path, nearest: bool) -> str:
    """Which verb notices a mutant."""
    everything = ("-n", str(os.cpu_count()))
    if not passes(tree, "not exhaustive", mutant.tests):
        return IN_TEST
    if nearest:
        return LIVES
    if not passes(tree, "not exhaustive", everything):
        return IN_TEST
    return LIVES if passes(tree, "exhaustive", everything) else IN_TEST_ALL


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__.partition("\n")[0])
    options.add_argument("--only", default="", help="mutants whose name contains this text")
    options.add_argument("--nearest", action="store_true", help="run the tests beside each mutant and no others")
    chosen = options.parse_args()
    asked = [mutant for mutant in mutants() if chosen.only in mutant.name]
    sys.dont_write_bytecode = True  # of one size and second, two versions of a file would be taken for each other
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        tree = copy_of_the_tree(Path(folder) / "tree")
        if any(mutant.is_compiled for mutant in asked):
            print("Compiling the kernels as they are, some minutes.", flush=True)
            compile_kernels(tree)
        for tests in {mutant.tests: None for mutant in asked}:
            if not passes(tree, "not exhaustive", tests):
                raise SystemExit(f"pytest {' '.join(tests)} fails on the code as it stands: mutants would tell nothing")
        for number, mutant in enumerate(asked, start=1):
            original = (tree / mutant.file).read_text(encoding="utf-8")
            (tree / mutant.file).write_text(mutant.text(tree), encoding="utf-8")
            if mutant.is_compiled:
                compile_kernels(tree)
            answer = noticed_by(mutant, tree, chosen.nearest)
            (tree / mutant.file).write_text(original, encoding="utf-8")
            if mutant.is_compiled:
                compile_kernels(tree)
            found[answer] += 1
            print(f"{number:3d}/{len(asked)} {answer:13s} {mutant.name}", flush=True)
    print(f"{len(asked)} mutants: {', '.join(f'{count} {answer}' for answer, count in found.items())}")
    sys.exit(found[LIVES] > 0 or found[IN_TEST] < 0.9 * len(asked))


if __name__ == "__main__":
    main()
