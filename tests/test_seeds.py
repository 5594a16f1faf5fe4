"""Seeds of the tests: equal in every run, regression seeds in addition, new ones in `tools.fuzz`."""

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
sys.modules["torch"] = types.SimpleNamespace(manual_seed=lambda seed: print("torch", seed))  # torch is slow to import
sys.path.insert(0, {str(ROOT)!r})
from tests.support.seeds import *
"""
TESTS = """
import os, pytest

def test_without_a_seed():
    pass

@pytest.mark.parametrize("case", ["a", "b"])
def test_random(case, seed):
    print(case, seed)

def test_failing(seed):
    assert os.environ.get("DETLOSS_TEST_SEED") != "7", "unlucky"
"""
SEEDS = """# a comment
test_example.py::test_random[b] 35  # reason
test_example.py::test_failing 36
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with tests and the hooks of this project."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "regression_seeds.txt").write_text(SEEDS)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_example.py").write_text(TESTS)
    (tmp_path / "pytest.ini").touch()
    return tmp_path


def python(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments, "-p", "no:cacheprovider"]
    fast = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=project, env=os.environ | fast | environment, capture_output=True, text=True)


def seeds(output: str) -> set[str]:
    return {line for line in output.splitlines() if line.startswith(("a ", "b ", "torch "))}


def test_runs_are_reproducible_and_include_the_regression_seeds(project: Path) -> None:
    first = python(project, "-m", "pytest", "-v", "-rP").stdout
    names = {line.split()[0] for line in first.splitlines() if "PASSED" in line and "%" in line}
    assert names == {
        f"test_example.py::test_{name}"
        for name in ("without_a_seed", "random[a]", "random[b]", "random[b-seed=35]", "failing", "failing[seed=36]")
    }
    assert "b 35" in seeds(first)
    assert len(seeds(first)) == 6 + 3, "all seeds are different"
    assert seeds(python(project, "-m", "pytest", "-rP", "test_example.py::test_failing", ".").stdout) == seeds(first)
    assert not seeds(python(project, "-m", "pytest", "-rP", DETLOSS_TEST_SEED="8").stdout) & seeds(first) - {"b 35"}


FUZZ = """
import sys
from tools.fuzz import fuzz, random_seeds
print(fuzz({seeds}, {deadline}, ["-p", "xdist", "--numprocesses=1", *sys.argv[1:]]))
"""


@pytest.mark.exhaustive
def test_fuzzing_uses_new_seeds_and_prints_how_to_reproduce_a_failure(project: Path) -> None:
    output = python(project, "-c", FUZZ.format(seeds=[6, 7], deadline="float('inf')")).stdout
    assert "unlucky" in output
    tests, [failure] = ast.literal_eval(output.splitlines()[-1])
    assert tests == 6, "three tests per round, without those of the regression seeds"
    reproduce, regression = failure.splitlines()
    assert reproduce == f"reproduce: DETLOSS_TEST_SEED=7 {sys.executable} -m pytest test_example.py::test_failing"
    nodeid, seed = regression.removeprefix("regression seed: ").split()
    assert (nodeid, seed.isdigit()) == ("test_example.py::test_failing", True)


def test_fuzzing_stops_at_the_deadline(project: Path) -> None:
    cases = "@pytest.mark.parametrize('case', range(300))\ndef test_many(case, seed):\n    pass\n"
    (project / "test_many.py").write_text(f"import pytest\n\n{cases}")
    output = python(project, "-c", FUZZ.format(seeds="random_seeds()", deadline=0)).stdout
    tests, failures = ast.literal_eval(output.splitlines()[-1])
    assert 1 <= tests < 300, "part of the first round"
    assert failures == []


def test_regression_seeds_refer_to_existing_tests() -> None:
    for nodeid, _ in regressions(ROOT):
        path, _, name = nodeid.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text(encoding="utf-8")
