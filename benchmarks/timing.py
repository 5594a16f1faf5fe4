"""Interleaved timing: in every round each candidate runs once, in random order, so that drift affects all alike.

torch.utils.benchmark times one candidate after the other, where drift of the machine looks like a difference.
"""

import gc
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from torch import Tensor

from benchmarks.meters import Clock, Run

Reading = TypeVar("Reading")
Name = TypeVar("Name", bound=Hashable)

LONG = 0.05
"""Seconds of a call whose time hardly depends on the state of caches and allocator before it."""


@dataclass(frozen=True)
class Candidate:
    """A call to measure and the context in which it runs."""

    run: Run
    context: Callable[[], AbstractContextManager[None]] = nullcontext

    def read(self, meter: Callable[..., Reading], *options: object) -> Reading:
        """Read a clock or another meter for the call."""
        with self.context():
            return meter(self.run, *options)


@dataclass(frozen=True)
class Budget:
    """Limits of one interleaved measurement.

    Attributes:
        seconds: Time for all candidates together.
        min_run_time: Seconds that one reading of the clock spans at least.
        rounds: Maximum number of rounds.
    """

    seconds: float
    min_run_time: float
    rounds: int


def forward_backward(loss: Callable[..., Tensor], operands: Sequence[Tensor]) -> Run:
    """A forward and a backward pass; the gradients are discarded."""
    leaves = [operand for operand in operands if operand.requires_grad]

    def run() -> None:
        loss(*operands).backward()
        for leaf in leaves:
            leaf.grad = None

    return run


def forward(loss: Callable[..., Tensor], operands: Sequence[Tensor]) -> Run:
    """A forward pass without gradients."""
    detached = [operand.detach() for operand in operands]
    return lambda: loss(*detached)


@contextmanager
def no_collection() -> Iterator[None]:
    """Disable Python's garbage collector; within another such context, do nothing."""
    if not gc.isenabled():
        yield
        return
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def interleaved(candidates: Mapping[Name, Candidate], budget: Budget, clock: Clock) -> dict[Name, tuple[float, ...]]:
    """Seconds per call of every candidate, one figure per round; a slow candidate takes part in fewer rounds.

    A candidate whose first call takes more than a third of the budget is not called again.
    """
    fraction = budget.seconds / max(len(candidates), 1)
    order, random = list(candidates), Random(0)
    seconds: dict[Name, list[float]] = {name: [] for name in candidates}
    with no_collection():
        first = {name: candidate.read(clock, 1) for name, candidate in candidates.items()}
        expected = {name: warm_seconds(candidate, first[name], clock) for name, candidate in candidates.items()}
        calls = {name: max(1, round(budget.min_run_time / expected[name])) for name in candidates}
        rounds = {name: rounds_for(expected[name] * (1 + calls[name]), fraction, budget) for name in candidates}
        for name in candidates:
            if first[name] > budget.seconds / 3:
                seconds[name], rounds[name] = [first[name]], 0
        for turn in range(max(rounds.values(), default=0)):
            random.shuffle(order)
            for name in order:
                if turn < rounds[name]:
                    if expected[name] < LONG:
                        candidates[name].read(clock, 1)  # warms caches and allocator after the previous candidate
                    seconds[name].append(candidates[name].read(clock, calls[name]))
    return {name: tuple(each) for name, each in seconds.items()}


def warm_seconds(candidate: Candidate, first: float, clock: Clock) -> float:
    """Approximate seconds per call after the first call."""
    return first if first > 0.01 else candidate.read(clock, 5)


def rounds_for(seconds_per_round: float, seconds: float, budget: Budget) -> int:
    """The rounds that fit, at least 3."""
    return max(3, min(budget.rounds, int(seconds / seconds_per_round)))
