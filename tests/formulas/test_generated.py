"""Generated code of the fused kernels: up to date."""

from pathlib import Path

import pytest

from detloss.formulas import elementwise
from tools.print_formulas import files
from tools.trace import traced


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_generated_files_are_current(path: Path) -> None:
    assert path.read_text() == files()[path]


def test_steps_that_no_output_needs_are_left_out() -> None:
    program = traced("l1", ("pred", "target"), lambda m, p, t: elementwise.l1(m, p, t)[:1])
    assert [step.function for step in program.steps] == ["-", "absolute"]


def test_a_formula_that_branches_is_an_error() -> None:
    with pytest.raises(TypeError, match="a formula branches on a value"):
        traced("bad", ("x",), lambda m, x: (x if x > 0 else -x,))


def test_another_primitive_is_an_error() -> None:
    with pytest.raises(AttributeError, match="cosine is not a primitive of the vocabulary"):
        traced("bad", ("x",), lambda m, x: (m.cosine(x),))
