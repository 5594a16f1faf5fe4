"""The same seeds in every run, the regression seeds beside them, and fresh ones in `tools.fuzz`."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.seeds import regressions

ROOT = Path(__file__).parents[1]
CONFTEST = f"""
import sys, types
sys.modules["torch"] = types.SimpleNamespace(manual_seed=lambda seed: print("torch", seed))  # which is slow to load
sys.path.insert(0, {str(ROOT)!r})
from tests.support.seeds import *
"""
TESTS = """
import os, pytest

def test_without_a_seed():
    pass

@pytest.mark.parametrize("case", ["a", "b"])
def test_drawing(case, seed):
    print(case, seed)

def test_failing(seed):
    assert os.environ.get("DETLOSS_TEST_SEED") != "7", "unlucky"
"""
SEEDS = """# a comment
test_drawing.py::test_drawing[b] 35  # why
test_drawing.py::test_failing 36
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with tests under the project's own hooks."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "regression_seeds.txt").write_text(SEEDS)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_drawing.py").write_text(TESTS)
    (tmp_path / "pytest.ini").touch()
    return tmp_path


def python(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments, "-p", "no:cacheprovider"]
    quick = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=project, env=os.environ | quick | environment, capture_output=True, text=True)


def drawn(output: str) -> set[str]:
    return {line for line in output.splitlines() if line.startswith(("a ", "b ", "torch "))}


def test_a_run_repeats_and_replays_the_regression_seeds(project: Path) -> None:
    first = python(project, "-m", "pytest", "-v", "-rP").stdout
    names = {line.split()[0] for line in first.splitlines() if "PASSED" in line and "%" in line}
    assert names == {
        f"test_drawing.py::test_{name}"
        for name in ("without_a_seed", "drawing[a]", "drawing[b]", "drawing[b-seed=35]", "failing", "failing[seed=36]")
    }
    assert "b 35" in drawn(first)
    assert len(drawn(first)) == 6 + 3, "no seed twice"
    assert drawn(python(project, "-m", "pytest", "-rP", "test_drawing.py::test_failing", ".").stdout) == drawn(first)
    assert not drawn(python(project, "-m", "pytest", "-rP", DETLOSS_TEST_SEED="8").stdout) & drawn(first) - {"b 35"}


FUZZ = """
import sys
from tools.fuzz import fresh, fuzz
print(fuzz({seeds}, {end}, ["-p", "xdist", "--numprocesses=1", *sys.argv[1:]]))
"""


def test_fuzzing_draws_afresh_and_says_how_to_repeat_a_failure(project: Path) -> None:
    output = python(project, "-c", FUZZ.format(seeds=[6, 7], end="float('inf')")).stdout
    assert "unlucky" in output
    ran, [failure] = ast.literal_eval(output.splitlines()[-1])
    assert ran == 6, "three tests draw, and those of the regression seeds do not draw afresh"
    repeat, replay = failure.splitlines()
    assert repeat == f"repeat: DETLOSS_TEST_SEED=7 {sys.executable} -m pytest test_drawing.py::test_failing"
    nodeid, seed = replay.removeprefix("replay: ").split()
    assert (nodeid, seed.isdigit()) == ("test_drawing.py::test_failing", True)


def test_fuzzing_ends_in_time(project: Path) -> None:
    cases = "@pytest.mark.parametrize('case', range(300))\ndef test_many(case, seed):\n    pass\n"
    (project / "test_many.py").write_text(f"import pytest\n\n{cases}")
    ran, failed = ast.literal_eval(python(project, "-c", FUZZ.format(seeds="fresh()", end=0)).stdout.splitlines()[-1])
    assert 1 <= ran < 300, "the first round, cut short"
    assert failed == []


def test_every_regression_seed_names_a_test_that_is_there() -> None:
    for nodeid, _ in regressions(ROOT):
        path, _, name = nodeid.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8")
