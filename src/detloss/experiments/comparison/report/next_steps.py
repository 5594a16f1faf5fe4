"""Next steps after a comparison: the code that uses the best pair, and the command that trains more seeds."""

import shlex
from dataclasses import dataclass

import detloss
from detloss.experiments.comparison.plan import ComparisonSettings, default_seeds
from detloss.experiments.comparison.ranking import Ranking, Standing
from detloss.experiments.comparison.runner import Results
from detloss.experiments.comparison.statistics import MAX_SEEDS
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.detectors import sized
from detloss.loss_names import loss_named, python_code

NOT_REPEATED = ("--seeds", "--quick", "--overwrite")
"""Options that the command with more seeds does not repeat."""


@dataclass(frozen=True)
class NextSteps:
    """The pair to use, at least until more is known, and what would decide between the best pairs.

    `code` uses the pair in a detector; it is empty if the losses are not those of detloss. `advice` is empty if nothing
    is left to decide, and `command`, which trains more seeds, if they would not decide.
    """

    best: Standing
    code: str
    advice: str = ""
    command: str = ""


def next_steps(ranking: Ranking, results: Results, dataset: Dataset, settings: ComparisonSettings) -> NextSteps | None:
    """Find the next steps; None if no pair can be recommended."""
    if not ranking.best:
        return None
    best, *others = ranking.best
    code, trained = code_of(best, dataset), len(results.plan.seeds)
    if ranking.equal or not others or not ranking.estimate:
        return NextSteps(best, code)
    if not ranking.estimate.known:
        seeds = default_seeds(len(results.plan.weights))
        advice = f"One seed cannot separate a difference from chance. {seeds} seeds give intervals."
        return (
            NextSteps(best, code, advice, with_seeds(settings.command, seeds))
            if trained == 1
            else NextSteps(best, code)
        )
    closest = min(others, key=lambda one: abs(one.mean - best.mean))
    difference = abs(closest.mean - best.mean)
    size = f"the difference of {difference:.3f}{ranking.unit} between {best.name} and {closest.name}"
    if difference < ranking.matters:
        difference, size = ranking.matters, f"a difference of {ranking.matters:g}{ranking.unit}"
    needed, images = ranking.estimate.needed(difference, ranking.contrasts) if difference else (None, 1.0)
    if needed is None:
        return NextSteps(best, code, f"Even {MAX_SEEDS} seeds would hardly detect {size}.")
    seeds = max(needed, trained + 1)
    if images > 1:
        advice = f"About {images:.0f} times as many validation images and {seeds} seeds would detect {size}."
        return NextSteps(best, code, advice)
    advice = f"About {seeds} seeds would detect {size}: {seeds - trained} more. The finished trials are not repeated."
    return NextSteps(best, code, advice, with_seeds(settings.command, seeds))


def code_of(standing: Standing, dataset: Dataset) -> str:
    """Write Python code that uses the losses of a pair in a detector."""
    if not standing.pair.cls or dataset.geometry == detloss.Rotated():
        return ""
    box, cls = map(loss_named, standing.pair)
    box = sized(box, dataset) if dataset.train else box
    losses = f"box={python_code(box)}, classification={python_code(cls)}"
    return f"use_losses(model, {losses}, box_weight={standing.weight:g})"


def with_seeds(command: str, seeds: int) -> str:
    """The command, or the call of `detloss.experiments.compare`, with this number of seeds."""
    if command.startswith("detloss.experiments.compare("):
        return f"{command.removesuffix(')')}, seeds=range({seeds}))"
    words = shlex.split(command)
    kept = [
        word
        for before, word in zip(["", *words], words)
        if before != "--seeds" and word.partition("=")[0] not in NOT_REPEATED
    ]
    return shlex.join([*kept, "--seeds", str(seeds)])
