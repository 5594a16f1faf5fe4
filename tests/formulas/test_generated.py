"""What the fused kernels calculate is what formulas.py says today."""

from pathlib import Path

import pytest

from detloss import formulas
from tools.print_formulas import files
from tools.trace import traced


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_printed_files_are_current(path: Path) -> None:
    assert path.read_text() == files()[path]


def test_steps_that_no_output_needs_are_left_out() -> None:
    program = traced("l1", ("pred", "target"), lambda m, p, t: formulas.l1(m, p, t)[:1])
    assert [step.word for step in program.steps] == ["-", "absolute"]


def test_a_formula_that_branches_cannot_be_printed() -> None:
    with pytest.raises(TypeError, match="a formula branches on a value"):
        traced("bad", ("x",), lambda m, x: (x if x > 0 else -x,))


def test_a_formula_with_another_word_cannot_be_printed() -> None:
    with pytest.raises(AttributeError, match="cosine is no word of the vocabulary"):
        traced("bad", ("x",), lambda m, x: (m.cosine(x),))
