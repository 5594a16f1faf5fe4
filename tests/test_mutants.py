"""The list of mutants matches the current code."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tools.mutants import Mutant, mutants

ROOT = Path(__file__).parents[1]
PARTS = ("formulas/", "kernels/cpp/", "kernels/triton/", "kernels/eager/", "engine/", "detectors/", "experiments/")


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_mutants_change_the_text_and_parse(mutant: Mutant) -> None:
    text = mutant.text(ROOT)
    assert text != (ROOT / mutant.file).read_text(encoding="utf-8")
    if not mutant.is_compiled:
        ast.parse(text)
    assert any((ROOT / test).exists() for test in mutant.tests)


def test_every_part_has_mutants() -> None:
    found = Counter(part for mutant in mutants() for part in PARTS if f"detloss/{part}" in mutant.file)
    assert set(found) == set(PARTS)
    assert min(found.values()) >= 5
    assert found.total() >= 40


def test_missing_text_is_an_error() -> None:
    with pytest.raises(ValueError, match="mutants.toml: expected 'no such text' once in setup.py, got 0 times"):
        Mutant("setup.py", "no such text", "", ()).text(ROOT)
