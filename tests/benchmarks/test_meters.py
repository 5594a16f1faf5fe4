"""Peak memory, for calls whose memory is known."""

import pytest
import torch
from torch import Tensor

from benchmarks.meters import available_bytes, peak_bytes
from benchmarks.timing import forward, forward_backward

COUNT = 100_000
BYTES = 4 * COUNT


@pytest.fixture
def numbers() -> Tensor:
    return torch.ones(COUNT)


def test_two_simultaneous_temporaries(numbers: Tensor) -> None:
    def run() -> None:
        first = torch.exp(numbers)
        second = torch.exp(first)
        del first, second

    assert peak_bytes(run) == 2 * BYTES


def test_freed_memory_is_subtracted(numbers: Tensor) -> None:
    def run() -> None:
        for _ in range(3):
            torch.exp(numbers)
        torch.exp(torch.exp(torch.exp(numbers)))  # each input is freed after its output exists

    assert peak_bytes(run) == 2 * BYTES


def test_freeing_earlier_memory_does_not_lower_the_peak(numbers: Tensor) -> None:
    held = [numbers.clone()]

    def run() -> None:
        held.clear()
        held.append(torch.exp(numbers))

    assert peak_bytes(run) == BYTES


def test_in_place_operation_allocates_nothing(numbers: Tensor) -> None:
    assert peak_bytes(numbers.exp_) == 0


def test_memory_inside_an_operator_is_included(numbers: Tensor) -> None:
    weight = numbers.view(1, -1)
    before = peak_bytes(lambda: torch.softmax(weight, -1))
    assert peak_bytes(lambda: torch.nn.functional.cross_entropy(weight, torch.zeros(1, dtype=torch.long))) >= before


def test_forward_backward_allocates_and_discards_the_gradient(numbers: Tensor) -> None:
    numbers.requires_grad_()
    run = forward_backward(torch.sum, [numbers])
    assert BYTES <= peak_bytes(run) <= BYTES + 64
    assert numbers.grad is None


def test_forward_allocates_no_gradient(numbers: Tensor) -> None:
    assert peak_bytes(forward(torch.sum, [numbers.requires_grad_()])) <= 64


def test_available_memory_is_positive() -> None:
    assert available_bytes() > 0
