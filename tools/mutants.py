"""Mutation testing: apply the mutants of `tools/mutants.toml` one at a time; the tests must fail for each.

    python -m tools.mutants [--only TEXT] [--nearest]

A mutant is applied in a copy of the repository. The tests in its table run first, without the exhaustive ones, because
a mutant detected by part of `make test` is detected by `make test`. A mutant that survives is tested with all of
`make test`, then with `make test-all`. Mutants of C++ files are compiled for the best instruction set of this CPU only.
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
IN_TEST, IN_TEST_ALL, SURVIVED = "make test", "make test-all", "survived"


@dataclass(frozen=True)
class Mutant:
    """A file, a piece of its text, the replacement, and the tests most likely to fail."""

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
        """The mutated text of the file."""
        text = (root / self.file).read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(
                f"{LIST.name}: expected {self.old!r} once in {self.file}, got {text.count(self.old)} times"
            )
        return text.replace(self.old, self.new)


def mutants() -> list[Mutant]:
    rows = tomllib.loads(LIST.read_text(encoding="utf-8"))["mutant"]
    return [Mutant(row["file"], row["old"], row["new"], tuple(row["tests"])) for row in rows]


def copy_of_repository(folder: Path) -> Path:
    """A copy of the tracked files and the compiled kernels."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(ROOT / LIBRARY, folder / LIBRARY)
    return folder


def compile_kernels(copy: Path) -> None:
    """Compile the library of a copy, with a cache of object files next to it."""
    compiler = shlex.join([sys.executable, str(copy / "tools/object_cache.py"), str(copy.parent / "objects"), BEST])
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace", "--force"]
    done = subprocess.run(command, cwd=copy, env={**os.environ, "CXX": compiler}, capture_output=True, text=True)
    if done.returncode or "no C++ kernels were built" in done.stdout + done.stderr:
        raise RuntimeError(f"the kernels of the mutant do not compile:\n{done.stdout}{done.stderr}")


def passes(copy: Path, marker: str, tests: tuple[str, ...]) -> bool:
    """Run tests of the copy in a forked process, in which torch is loaded and the package is not."""
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code not in (0, 1, 2):  # passed, failed, interrupted by an error of collection such as a failed import
            raise RuntimeError(f"pytest {' '.join(tests)} exited with {code}: see {copy.parent / 'output'}")
        return code == 0
    try:
        import pytest

        output = os.open(copy.parent / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(copy)
        sys.path[:0] = [str(copy / "src"), str(copy)]
        os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
        options = ["-x", "-q", "-p", "no:cacheprovider", "--rootdir", str(copy), "-m", marker]
        options += ["-o", "faulthandler_exit_on_timeout=true"]  # a test that does not end is a failure, too
        os._exit(pytest.main([*options, *tests]))
    finally:
        os._exit(9)


def detected_by(mutant: Mutant, copy: Path, nearest: bool) -> str:
    """The command whose tests fail for a mutant."""
    all_tests = ("-n", str(os.cpu_count()))
    if not passes(copy, "not exhaustive", mutant.tests):
        return IN_TEST
    if nearest:
        return SURVIVED
    if not passes(copy, "not exhaustive", all_tests):
        return IN_TEST
    return SURVIVED if passes(copy, "exhaustive", all_tests) else IN_TEST_ALL


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__.partition("\n")[0])
    options.add_argument("--only", default="", help="only mutants whose name contains this text")
    options.add_argument("--nearest", action="store_true", help="run only the tests in the table of each mutant")
    given = options.parse_args()
    selected = [mutant for mutant in mutants() if given.only in mutant.name]
    sys.dont_write_bytecode = True  # bytecode of an earlier text of the same size and second would be used
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_of_repository(Path(folder) / "repository")
        if any(mutant.is_compiled for mutant in selected):
            print("Compiling the unchanged kernels, some minutes.", flush=True)
            compile_kernels(copy)
        for tests in {mutant.tests: None for mutant in selected}:
            if not passes(copy, "not exhaustive", tests):
                raise SystemExit(f"pytest {' '.join(tests)} fails on the unchanged code, so that it detects no mutant")
        for number, mutant in enumerate(selected, start=1):
            original = (copy / mutant.file).read_text(encoding="utf-8")
            (copy / mutant.file).write_text(mutant.text(copy), encoding="utf-8")
            if mutant.is_compiled:
                compile_kernels(copy)
            result = detected_by(mutant, copy, given.nearest)
            (copy / mutant.file).write_text(original, encoding="utf-8")
            if mutant.is_compiled:
                compile_kernels(copy)
            found[result] += 1
            print(f"{number:3d}/{len(selected)} {result:13s} {mutant.name}", flush=True)
    print(f"{len(selected)} mutants: {', '.join(f'{count} {result}' for result, count in found.items())}")
    sys.exit(found[SURVIVED] > 0 or found[IN_TEST] < 0.9 * len(selected))


if __name__ == "__main__":
    main()
