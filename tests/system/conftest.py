"""Tests that need software that pip does not install: a compiler, valgrind, qemu, a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from detloss.explorer import document
from tests.support.explorer_page import launched_browser

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.exhaustive)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a process."""
    with launched_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the explorer."""
    path = tmp_path_factory.mktemp("explorer") / "explorer.html"
    document.write(path)
    return path
