"""Accuracy on Triton: the battery against exact values, and agreement with the eager backend."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import torch

from tools.gpu.part import Run, moved

if TYPE_CHECKING:
    from detloss.auditing.battery.cases import Case
    from tests.support.loss_table import Row
    from tests.support.random_calls import Call
    from tests.support.tolerances import Results


def battery(run: Run) -> None:
    """Difficult inputs of every loss against exact values."""
    from detloss.auditing.battery.cases import GROUPS
    from detloss.auditing.battery.measure import Worst, describe, measure
    from tests.support.battery_sample import DTYPES, FRACTIONS, exceeded, sampled

    worst: dict[tuple[str, torch.dtype], Worst] = defaultdict(Worst)

    def check(case: Case) -> None:
        pred, target, options = (moved(each, run.device) for each in (case.pred, case.target, case.options))
        there = replace(case, pred=pred, target=target, options=options)
        errors = list(measure(there, there.ours))
        for error in errors:
            worst[case.loss, case.dtype].add(error)
        run.failures += [describe(case, error) for error in exceeded(case, errors)]

    random, cases = Random(run.seed), []
    for group in GROUPS:
        for dtype in DTYPES:
            selected = sampled(group, dtype, run.seed, FRACTIONS[group])
            cases += random.sample(selected, min(run.extent.cases, len(selected)))
    random.shuffle(cases)  # every loss is checked even if the time is short
    run.each([(f"{case.loss}, {case.family}", partial(check, case)) for case in cases])
    run.figures += [
        {"loss": loss, "dtype": name_of(dtype), "worst error in ulps (value, gradient)": str(found)}
        for (loss, dtype), found in sorted(worst.items(), key=lambda item: (item[0][0], str(item[0][1])))
    ]


def every_loss(run: Run, dtype: torch.dtype = torch.float32) -> None:
    """Every loss, without reduction and averaged, against the eager backend."""
    from tests.support.loss_table import TABLE
    from tests.support.random_calls import Call

    def call(row: Row, reduction: str) -> Call:
        pred, target = row.inputs(run.seed, dtype)
        options = {**row.options, "reduction": reduction, "normalizer": None, "weight": None}
        is_soft, gradients = target.is_floating_point(), (True, row.soft_target, False)
        return Call(row, pred, target, options, soft=is_soft, requires_grad=gradients)

    rows = [row for row in TABLE if run.includes(row.name)]
    compare(run, [call(row, reduction) for row in rows for reduction in ("none", "mean")])


def bfloat16(run: Run) -> None:
    """Every loss with bfloat16 operands."""
    every_loss(run, torch.bfloat16)


def random_calls(run: Run) -> None:
    """Random calls with every option against the eager backend."""
    from tests.support.random_calls import KINDS, draw

    drawn = (draw(Random(f"{run.seed} {k}"), kind) for k in range(run.extent.calls) for kind in KINDS)
    compare(run, [call for call in drawn if call.pred.numel() <= run.extent.largest_call])


def compare(run: Run, calls: Iterable[Call]) -> None:
    """Evaluate calls on both backends."""
    from tests.support.tolerances import differences

    compared: dict[tuple[str, torch.dtype], list[bool]] = defaultdict(list)

    def check(call: Call) -> None:
        found = list(differences(call, on("triton", call, run.device), on("eager", call, run.device)))
        compared[call.name, call.pred.dtype].append(not found)
        run.failures += [f"{call}: {difference}" for difference in found]

    run.each([(str(call), partial(check, call)) for call in calls])
    run.figures += [
        {"loss": name, "dtype": name_of(dtype), "calls": len(same), "agree with eager": sum(same)}
        for (name, dtype), same in sorted(compared.items(), key=str)
    ]


def on(backend: str, call: Call, device: torch.device) -> Results:
    """The results of a call on a backend and a device, moved to the CPU."""
    from tests.support.tolerances import Results, results

    pred, target, options = (moved(each, device) for each in (call.pred, call.target, call.options))
    found = results(replace(call, pred=pred, target=target, options=options), backend)
    return Results(found.value.cpu(), {name: gradient.cpu() for name, gradient in found.gradients.items()})


def name_of(dtype: torch.dtype) -> str:
    """The name of a dtype."""
    return str(dtype).removeprefix("torch.")
