"""One case at one size: who takes part, what is read from the meters beforehand, and the contest."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

import detloss
from benchmarks.cases import COMPILED, Case, Loss
from benchmarks.contest import Contender, Run, contest, training
from benchmarks.result import Result, Score
from benchmarks.size import Size
from benchmarks.stage import Stage

Mode = Callable[[Loss, Sequence[Tensor]], Run]

SAMPLE = 65_536
"""Entries that tell how much memory many more would take."""


@dataclass(frozen=True)
class Entrant:
    """A loss with the circumstances under which it is called."""

    name: str
    loss: Loss
    context: Callable[[], AbstractContextManager[None]] = nullcontext
    compiled: bool = False

    def ready(self, mode: Mode, operands: Sequence[Tensor]) -> Contender:
        """The loss on its operands; compiled for every size anew, which is the best that `torch.compile` can do."""
        if not self.compiled:
            return Contender(mode(self.loss, operands), self.context)
        torch.compiler.reset()
        return Contender(mode(torch.compile(self.loss, dynamic=False), operands), self.context)


def everybody(case: Case, stage: Stage) -> Iterator[Entrant]:
    """The library's backends, all peers, and the compiled formula."""
    yield from ours_and_main_peer(case, stage)
    yield from (Entrant(name, loss) for name, loss in case.peers.items() if name != case.main_peer)
    if stage.device.type == "cuda":
        yield from (Entrant(name, loss) for name, loss in case.on_gpu.items())
    if stage.compiles:
        yield Entrant(COMPILED, case.lean, compiled=True)


def ours_and_main_peer(case: Case, stage: Stage) -> Iterator[Entrant]:
    """The library's backends, and the peer that targets speak of."""
    yield from (Entrant(name, case.ours, partial(detloss.use_backend, name)) for name in stage.backends)
    yield Entrant(case.main_peer, case.peers[case.main_peer])


def measure(case: Case, size: Size, stage: Stage, entrants: Iterable[Entrant], mode: Mode = training) -> Result:
    """Turn away what does not fit into memory, read the meters, and hold the contest."""
    operands = case.family.operands(size, stage.device)
    contenders: dict[str, Contender] = {}
    scores: dict[str, Score] = {}
    for entrant in entrants:
        needed = bytes_needed(entrant, case, size, stage)
        if needed > stage.available() / 2:
            scores[entrant.name] = Score(absent=f"would take {needed / 1e9:.0f} GB")
        else:
            contenders[entrant.name] = entrant.ready(mode, operands)
            scores[entrant.name] = metered(contenders[entrant.name], stage, entrant.compiled)
    limits = case.family.limits(size, *operands) if mode is training else {}  # they move a gradient too
    yardsticks = {name: Contender(run) for name, run in limits.items()}
    for name, seconds in contest(contenders | yardsticks, stage.budget, stage.clock).items():
        scores[name] = replace(scores.get(name, Score()), seconds=seconds)
    gradient = sum(operand.nbytes for operand in operands if operand.requires_grad)
    moved = gradient + sum(operand.nbytes for operand in operands)
    return Result(case, size, stage.backends, gradient, moved, scores)


def bytes_needed(entrant: Entrant, case: Case, size: Size, stage: Stage) -> int:
    """What a call would hold, from a smaller one; nothing to speak of where the call itself is small."""
    if size.entries <= 16 * SAMPLE:
        return 0
    sample = size.with_entries(SAMPLE)
    operands = case.family.operands(sample, stage.device)
    peak = Contender(training(entrant.loss, operands), entrant.context).measured(stage.peak)
    return peak * size.entries // sample.entries


def metered(contender: Contender, stage: Stage, compiled: bool) -> Score:
    """All figures of a contender but its times in the contest."""
    return Score(
        compile_seconds=extra_of_first_call(contender, stage) if compiled else None,
        peak=contender.measured(stage.peak),
        launches=contender.measured(stage.launches) if stage.launches else None,
        synchronisations=contender.measured(stage.synchronisations) if stage.synchronisations else None,
    )


def extra_of_first_call(contender: Contender, stage: Stage) -> float:
    """How much longer the first call takes than the second."""
    return contender.measured(stage.clock, 1) - contender.measured(stage.clock, 1)
