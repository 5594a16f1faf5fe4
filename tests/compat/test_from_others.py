"""Migration page: its code prints the output shown."""

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "from_others.rst"


@pytest.mark.filterwarnings("ignore:`torch.jit.script:FutureWarning")  # fvcore compiles its losses when it is imported
@pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")
def test_the_numbers_are_those_that_the_libraries_give() -> None:
    failures, lines = doctest.testfile(str(PAGE), module_relative=False)
    assert lines > 50
    assert failures == 0
