"""The meter of memory, on calls of which one knows what they hold."""

import pytest
import torch
from torch import Tensor

from benchmarks.contest import inference, training
from benchmarks.memory import available_bytes, peak_bytes

COUNT = 100_000
BYTES = 4 * COUNT


@pytest.fixture
def numbers() -> Tensor:
    return torch.ones(COUNT)


def test_two_temporaries_at_a_time(numbers: Tensor) -> None:
    def run() -> None:
        first = torch.exp(numbers)
        second = torch.exp(first)
        del first, second

    assert peak_bytes(run) == 2 * BYTES


def test_what_is_freed_in_between_counts_no_more(numbers: Tensor) -> None:
    def run() -> None:
        for _ in range(3):
            torch.exp(numbers)
        torch.exp(torch.exp(torch.exp(numbers)))  # each is let go once the next is made

    assert peak_bytes(run) == 2 * BYTES


def test_letting_go_of_what_was_there_before_hides_nothing(numbers: Tensor) -> None:
    held = [numbers.clone()]

    def run() -> None:
        held.clear()
        held.append(torch.exp(numbers))

    assert peak_bytes(run) == BYTES


def test_nothing_in_place(numbers: Tensor) -> None:
    assert peak_bytes(numbers.exp_) == 0


def test_memory_inside_an_operator_counts(numbers: Tensor) -> None:
    weight = numbers.view(1, -1)
    before = peak_bytes(lambda: torch.softmax(weight, -1))
    assert peak_bytes(lambda: torch.nn.functional.cross_entropy(weight, torch.zeros(1, dtype=torch.long))) >= before


def test_training_holds_the_gradient_and_leaves_none_behind(numbers: Tensor) -> None:
    numbers.requires_grad_()
    run = training(torch.sum, [numbers])
    assert BYTES <= peak_bytes(run) <= BYTES + 64
    assert numbers.grad is None


def test_inference_holds_no_gradient(numbers: Tensor) -> None:
    assert peak_bytes(inference(torch.sum, [numbers.requires_grad_()])) <= 64


def test_some_memory_is_available() -> None:
    assert available_bytes() > 0
