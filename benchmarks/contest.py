"""Contenders timed in turns, in one process: what slows the machine for a while slows all of them."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from torch import Tensor

Run = Callable[[], object]
Clock = Callable[[Run, int], float]
Figure = TypeVar("Figure")


@dataclass(frozen=True)
class Contender:
    """A call to be measured, and the circumstances under which it is made."""

    run: Run
    context: Callable[[], AbstractContextManager[None]] = nullcontext

    def measured(self, meter: Callable[..., Figure], *options: object) -> Figure:
        """What a clock or a meter says of the call."""
        with self.context():
            return meter(self.run, *options)


@dataclass(frozen=True)
class Budget:
    """How long a contest may take.

    Attributes:
        seconds: What all contenders share.
        stint: How long a contender runs at least when its turn comes, so that the clock's grain does not count.
        rounds: How many rounds are enough.
    """

    seconds: float
    stint: float
    rounds: int


def training(loss: Callable[..., Tensor], operands: Sequence[Tensor]) -> Run:
    """A forward and a backward pass that leaves nothing behind."""
    leaves = [operand for operand in operands if operand.requires_grad]

    def run() -> None:
        loss(*operands).backward()
        for leaf in leaves:
            leaf.grad = None

    return run


def inference(loss: Callable[..., Tensor], operands: Sequence[Tensor]) -> Run:
    """A forward pass of operands that want no gradient."""
    detached = [operand.detach() for operand in operands]
    return lambda: loss(*detached)


def processor_seconds(run: Run, calls: int) -> float:
    """Seconds a call by the clock on the wall."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep Python's garbage collector out of the measurement."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def contest(contenders: Mapping[str, Contender], budget: Budget, clock: Clock) -> dict[str, tuple[float, ...]]:
    """Seconds a call of every contender, one figure a round; a slow contender rests once its share is spent."""
    share = budget.seconds / max(len(contenders), 1)
    order, random = list(contenders), Random(0)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    with no_collection():
        expected = {name: seconds_of_a_call(contender, clock) for name, contender in contenders.items()}
        calls = {name: max(1, round(budget.stint / expected[name])) for name in contenders}
        rounds = {name: rounds_for(expected[name] * (1 + calls[name]), share, budget) for name in contenders}
        for turn in range(max(rounds.values(), default=0)):
            random.shuffle(order)
            for name in order:
                if turn < rounds[name]:
                    contenders[name].measured(clock, 1)  # finds caches and allocator as the neighbour left them
                    seconds[name].append(contenders[name].measured(clock, calls[name]))
    return {name: tuple(each) for name, each in seconds.items()}


def seconds_of_a_call(contender: Contender, clock: Clock) -> float:
    """About what a call takes that has been made before."""
    first = contender.measured(clock, 1)
    return first if first > 0.01 else contender.measured(clock, 5)


def rounds_for(stint: float, share: float, budget: Budget) -> int:
    """As many rounds as the share allows, three at least, but one where three would take the whole budget."""
    least = 3 if 3 * stint < budget.seconds else 1
    return max(least, min(budget.rounds, int(share / stint)))
