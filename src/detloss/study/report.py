"""The page that tells what a comparison found: one file that needs no network and no script."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from statistics import fmean

import torch
from jinja2 import Environment, StrictUndefined

import detloss
from detloss.study.comparison import Comparison
from detloss.study.dataset import Dataset
from detloss.study.pictures import Mark, convergence, marks, photograph, spread
from detloss.study.training import Outcome


@dataclass(frozen=True)
class Summary:
    """What one number was over the seeds."""

    mean: float
    lowest: float
    highest: float

    def __format__(self, spec: str) -> str:
        """The mean and, if there is one, the range; `spec` formats each number."""
        mean, lowest, highest = (format(value, spec) for value in (self.mean, self.lowest, self.highest))
        return f"{mean} ({lowest}–{highest})" if lowest != highest else mean

    @property
    def width(self) -> float:
        """How far the seeds lie apart."""
        return self.highest - self.lowest

    def overlaps(self, other: "Summary") -> bool:
        """Whether both ranges have a value in common."""
        return self.lowest <= other.highest and other.lowest <= self.highest


@dataclass(frozen=True)
class Pair:
    """The finished trials of a box and a class loss, in the order of their seeds."""

    box: str
    cls: str
    weight: float
    outcomes: Sequence[Outcome]

    @property
    def name(self) -> str:
        """Both names, as in tables."""
        return f"{self.box} + {self.cls}"

    @property
    def ap(self) -> Summary:
        """COCO's AP, the mean over IoU thresholds .5 to .95."""
        return summarize([outcome.ap for outcome in self.outcomes])

    @property
    def ap50(self) -> Summary:
        """AP at IoU .5."""
        return summarize([outcome.ap50 for outcome in self.outcomes])

    @property
    def ap75(self) -> Summary:
        """AP at IoU .75."""
        return summarize([outcome.ap75 for outcome in self.outcomes])

    @property
    def seconds(self) -> Summary:
        """How long a trial took."""
        return summarize([outcome.seconds for outcome in self.outcomes])


def summarize(values: Sequence[float]) -> Summary:
    """Mean and range."""
    return Summary(fmean(values), min(values), max(values))


def pairs_of(outcomes: Sequence[Outcome]) -> list[Pair]:
    """Gather the seeds of every pair of losses; the highest mean AP comes first."""
    groups: dict[tuple[str, str, float], list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.trial.seed):
        groups.setdefault((outcome.trial.box, outcome.trial.cls, outcome.trial.weight), []).append(outcome)
    pairs = [Pair(*losses, group) for losses, group in groups.items()]
    return sorted(pairs, key=lambda pair: -pair.ap.mean)


def findings(pairs: Sequence[Pair]) -> list[str]:
    """Say in sentences what was found, and how little a few seeds prove."""
    first, *others = pairs
    seeds = max(len(pair.outcomes) for pair in pairs)
    value = f"{first.ap.mean:.3f}{range_in_words(first.ap, seeds)}"
    if not others:
        return [f"The mean AP of {first.name} is {value}."]
    best = f"{first.name} has the highest mean AP, {value}."
    if seeds == 1:
        return [best, "With one seed there is no telling chance from merit: another seed may turn the order."]
    close = ", ".join(pair.name for pair in others if pair.ap.overlaps(first.ap))
    apart = first.ap.mean - others[-1].ap.mean
    widest = max(pair.ap.width for pair in pairs)
    return [
        best,
        f"Its range overlaps with that of {close}: these cannot be told apart here."
        if close
        else "No other pair's range over the seeds reaches into its range.",
        f"The means lie {apart:.3f} apart at most, while the seeds alone move one pair by up to {widest:.3f}.",
        f"An order of means over {seeds} seeds is a hint, not a verdict.",
    ]


def range_in_words(summary: Summary, seeds: int) -> str:
    """The range as part of a sentence, where there is one."""
    return f" ({summary.lowest:.3f} to {summary.highest:.3f} over {seeds} seeds)" if seeds > 1 else ""


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "detloss": detloss.__version__,
        "system": platform.platform(),
    }


def pictures_of(pair: Pair, dataset: Dataset) -> list[list[Mark]]:
    """What to draw on each of the first validation images, as the pair's first seed predicts it."""
    predictions = pair.outcomes[0].predictions
    return [
        marks(sample, prediction, dataset.class_names) for sample, prediction in zip(dataset.validation, predictions)
    ]


def write(
    path: Path, comparison: Comparison, dataset: Dataset, *, settings: Mapping[str, object], command: str
) -> None:
    """Write the page.

    Args:
        path: The file to write.
        comparison: What was planned, and what has come of it; at least one trial is finished.
        dataset: What was trained and judged on.
        settings: The options of the run, by their names.
        command: What the user typed.
    """
    pairs = pairs_of(comparison.outcomes)
    shown = max(len(outcome.predictions) for outcome in comparison.outcomes)
    template = files("detloss.study").joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(template).render(
        pairs=pairs,
        findings=findings(pairs),
        comparison=comparison,
        dataset=dataset,
        spread=spread([pair.name for pair in pairs], [[run.ap for run in pair.outcomes] for pair in pairs]),
        curves={pair.name: convergence(pair.outcomes) for pair in pairs},
        photographs=[photograph(sample) for sample in dataset.validation[:shown]],
        pictures={pair.name: pictures_of(pair, dataset) for pair in pairs},
        settings=settings,
        versions=versions(),
        command=command,
    )
    path.write_text(page, encoding="utf-8")
