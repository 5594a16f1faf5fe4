"""The page of the audit of other libraries: its rows, its sums, and their headline in the READMEs."""

import re

import pytest

from detloss.auditing.audit_command import COLUMNS
from detloss.auditing.known_peers import PEERS
from tools.peers_page import HEADLINES, PAGE, ROOT

TEXT = PAGE.read_text(encoding="utf-8")
NOT_RUN = ("mmdet",)  # cannot be installed beside this version of torch


def rows() -> list[list[str]]:
    return [line.strip().split(" | ") for line in TEXT.splitlines() if line.count(" | ") == len(COLUMNS) - 1]


def test_the_page_has_all_peers() -> None:
    assert rows()[0] == [f":header: {COLUMNS[0]}", *COLUMNS[1:]]
    assert [row[1] for row in rows()[1:]] == [
        peer.name.partition(":")[2] for peer in PEERS if peer.library not in NOT_RUN
    ]
    assert f"Known, but not installed: {', '.join(NOT_RUN)}." in TEXT


def test_the_sums() -> None:
    broken, checked = map(sum, zip(*(map(int, row[3].split(" of ")) for row in rows()[1:])))
    assert f"In all, {broken} of {checked} promises are broken." in TEXT


@pytest.mark.parametrize("name", HEADLINES)
def test_the_headline(name: str) -> None:
    broken, checked = re.search(r"In all, (\d+) of (\d+) promises", TEXT).groups()
    assert HEADLINES[name].format(broken=broken, checked=checked) in (ROOT / name).read_text(encoding="utf-8")
