"""Every instruction set of this processor: equal bits for boxes, the documented error bounds for the rest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from detloss import kernels
from detloss.catalog import Kind
from tests.support.marks import exhaustive_except
from tests.support.processor import instruction_sets
from tests.support.random_results import calls
from tests.support.tolerances import Results, differences

pytestmark = pytest.mark.skipif("cpp" not in kernels.AVAILABLE["cpu"], reason="installed without a C++ compiler")
ROOT = Path(__file__).parents[3]


def python(instruction_set: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DETLOSS_ISA": instruction_set}
    return subprocess.run([sys.executable, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.exhaustive
def test_every_instruction_set_gives_the_same_results(seed: int, tmp_path: Path) -> None:
    found = {}
    for name in instruction_sets():
        done = python(name, "-m", "tests.support.random_results", str(seed), tmp_path / name)
        assert done.returncode == 0, done.stderr
        found[name] = [Results(*each) for each in torch.load(tmp_path / name)]
    best = found.pop(instruction_sets()[-1])
    for name, others in found.items():
        for call, one, other in zip(calls(seed), best, others, strict=True):
            # Exponentials and powers have other rounding errors with fused multiply-adds.
            exact = call.row.kind is Kind.BOX and call.row.bound != "smooth"
            apart = list(differences(call, other, one, exact=exact))
            assert not apart, "\n".join([f"{name}, seed {seed}: {call}", *apart])
        assert any(not torch.equal(one.value, other.value) for one, other in zip(best, others)), "it was another set"


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", instruction_sets())
def test_a_vast_gradient_has_the_bits_of_its_parts(name: str, seed: int) -> None:
    done = python(name, "-m", "tests.support.large_gradient", str(seed))
    assert done.returncode == 0, f"seed {seed}\n{done.stderr}"


@pytest.mark.parametrize("wrong", exhaustive_except(["v9", "avx2", "V3", " "], lambda name: name == "V3"))
def test_a_set_that_does_not_exist_is_an_error_that_names_those_that_do(wrong: str) -> None:
    done = python(wrong, "-c", "import detloss")
    assert done.returncode != 0
    assert "DETLOSS_ISA: expected" in done.stderr
    assert repr(wrong) in done.stderr
    assert all(name in done.stderr for name in instruction_sets())
