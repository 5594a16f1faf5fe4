"""Measurement of one case at one size: memory and launches of every implementation, then interleaved times."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

import detloss
from benchmarks.bounds import bytes_moved
from benchmarks.cases import COMPILED, Case, Loss
from benchmarks.environment import Environment
from benchmarks.inputs import Size
from benchmarks.meters import Run
from benchmarks.results import Measurement, Result
from benchmarks.timing import Candidate, forward_backward, interleaved

Mode = Callable[[Loss, Sequence[Tensor]], Run]

SAMPLE = 65_536
"""Elements of the call from which the memory of larger calls is extrapolated."""


@dataclass(frozen=True)
class Implementation:
    """A loss and the context in which it is called."""

    name: str
    loss: Loss
    context: Callable[[], AbstractContextManager[None]] = nullcontext
    compiled: bool = False

    def candidate(self, mode: Mode, operands: Sequence[Tensor]) -> Candidate:
        """The loss applied to its operands, compiled for their size where it is compiled."""
        if not self.compiled:
            return Candidate(mode(self.loss, operands), self.context)
        torch.compiler.reset()
        return Candidate(mode(torch.compile(self.loss, dynamic=False), operands), self.context)


def implementations(case: Case, environment: Environment) -> Iterator[Implementation]:
    """The backends of detloss, all peers, and the compiled formula."""
    yield from backends_and_baseline(case, environment)
    yield from (Implementation(name, loss) for name, loss in case.peers.items() if name != case.baseline)
    if environment.device.type == "cuda":
        yield from (Implementation(name, loss) for name, loss in case.on_gpu.items())
    if environment.compiles:
        yield Implementation(COMPILED, case.lean, compiled=True)


def backends_and_baseline(case: Case, environment: Environment) -> Iterator[Implementation]:
    """The backends of detloss and the first peer."""
    yield from (Implementation(name, case.ours, partial(detloss.use_backend, name)) for name in environment.backends)
    yield Implementation(case.baseline, case.peers[case.baseline])


def measure(
    case: Case,
    size: Size,
    environment: Environment,
    measured: Iterable[Implementation],
    mode: Mode = forward_backward,
) -> Result:
    """Skip implementations that need too much memory, read the meters of the others, and time them."""
    operands = case.family.operands(size, environment.device)
    candidates: dict[str, Candidate] = {}
    measurements: dict[str, Measurement] = {}
    for each in measured:
        needed = estimated_peak(each, case, size, environment)
        if needed > environment.available() / 2:
            measurements[each.name] = Measurement(skipped=f"needs {needed / 1e9:.0f} GB")
        else:
            candidates[each.name] = each.candidate(mode, operands)
            measurements[each.name] = readings(candidates[each.name], environment, each.compiled)
    bounds = case.family.bounds(*operands) if mode is forward_backward else {}  # they include the gradient
    timed = candidates | {name: Candidate(run) for name, run in bounds.items()}
    for name, seconds in interleaved(timed, environment.budget, environment.clock).items():
        measurements[name] = replace(measurements.get(name, Measurement()), seconds=seconds)
    gradient = sum(operand.nbytes for operand in operands if operand.requires_grad)
    return Result(case, size, environment.backends, gradient, bytes_moved(operands), measurements)


def estimated_peak(implementation: Implementation, case: Case, size: Size, environment: Environment) -> int:
    """Peak memory extrapolated from a smaller call; 0 where the call itself is small."""
    if size.elements <= 16 * SAMPLE:
        return 0
    sample = size.with_elements(SAMPLE)
    operands = case.family.operands(sample, environment.device)
    candidate = Candidate(forward_backward(implementation.loss, operands), implementation.context)
    return candidate.read(environment.peak) * size.elements // sample.elements


def readings(candidate: Candidate, environment: Environment, compiled: bool) -> Measurement:
    """All figures of a candidate except its interleaved times."""
    launches, synchronizations = environment.launches, environment.synchronizations
    return Measurement(
        compile_seconds=compile_seconds(candidate, environment) if compiled else None,
        peak=candidate.read(environment.peak),
        launches=candidate.read(launches) if launches else None,
        synchronizations=candidate.read(synchronizations) if synchronizations else None,
    )


def compile_seconds(candidate: Candidate, environment: Environment) -> float:
    """The difference between the first and the second call."""
    return candidate.read(environment.clock, 1) - candidate.read(environment.clock, 1)
