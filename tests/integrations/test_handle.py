"""Handles restore the replaced attributes: only on their object, and in any valid order."""

import pytest
from torch import nn

from detloss.integrations import Handle


class Head(nn.Module):
    """A module with a part, a method and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Linear(1, 1)
        self.number = 3

    def loss(self) -> str:
        return "theirs"


def test_everything_is_restored() -> None:
    head, other = Head(), Head()
    part, state = head.part, list(head.state_dict())
    with Handle() as handle:
        handle.replace(head, "part", nn.ReLU())
        handle.replace(head, "number", 4)
        handle.replace(head, "loss", lambda: "ours")
        assert (head.loss(), head.number, type(head.part)) == ("ours", 4, nn.ReLU)
        assert (other.loss(), other.number) == ("theirs", 3)
    assert head.part is part
    assert (head.loss(), head.number) == ("theirs", 3)
    assert "loss" not in vars(head)
    assert list(head.state_dict()) == state
    handle.remove()
    assert head.number == 3


def test_handles_are_removed_in_the_opposite_order() -> None:
    head, first, second = Head(), Handle(), Handle()
    first.replace(head, "number", 4)
    second.replace(head, "number", 5)
    with pytest.raises(RuntimeError, match=r"Head.number: expected the value that this handle has set, got another"):
        first.remove()
    assert head.number == 5
    second.remove()
    first.remove()
    assert head.number == 3


def test_one_attribute_twice() -> None:
    head, handle = Head(), Handle()
    handle.replace(head, "number", 4)
    handle.replace(head, "number", 5)
    handle.remove()
    assert head.number == 3
