"""The page as a whole: everything gathered, and written into the template."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

import detloss
from detloss.study.comparison import Comparison
from detloss.study.dataset import Dataset
from detloss.study.plan import Pair
from detloss.study.report import charts
from detloss.study.report.looks import COLOURS, looks_of
from detloss.study.report.photographs import Mark, marks, photograph
from detloss.study.report.positives import positives
from detloss.study.report.recall import FEWEST_IMAGES, breakdowns
from detloss.study.standings import Standing, findings

JUDGING = ("torch", "numpy", "faster-coco-eval")
"""Packages whose versions may move a number of the page."""


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    return {
        "detloss": detloss.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in JUDGING},
        "system": platform.platform(),
    }


def pictures_of(standing: Standing, dataset: Dataset) -> list[list[Mark]]:
    """What to draw on each of the first validation images, as the pair's first seed predicts it."""
    predictions = standing.outcomes[0].predictions
    return [
        marks(sample, prediction, dataset.class_names, dataset.geometry)
        for sample, prediction in zip(dataset.validation, predictions)
    ]


def write(
    path: Path,
    comparison: Comparison,
    standings: Sequence[Standing],
    dataset: Dataset,
    *,
    baseline: Pair,
    remarks: Sequence[str],
    settings: Mapping[str, object],
    command: str,
) -> None:
    """Write the page.

    Args:
        path: The file to write.
        comparison: What was planned, and what has come of it.
        standings: How the pairs stand to each other; at least one.
        dataset: What was trained and judged on.
        baseline: The pair that the others are compared with.
        remarks: Sentences about the search and the settings.
        settings: The options of the run, by their names.
        command: What the user typed.
    """
    shown = min(len(standing.outcomes[0].predictions) for standing in standings)
    looks = looks_of([str(pair) for pair in comparison.plan.weights])
    objects = np.bincount(
        np.concatenate([sample.labels for sample in dataset.validation]), minlength=len(dataset.class_names)
    )
    loader = PackageLoader("detloss.study", "report")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("page.html.j2").render(
        standings=standings,
        baseline=baseline,
        findings=findings(standings, baseline),
        remarks=remarks,
        comparison=comparison,
        dataset=dataset,
        colours=COLOURS,
        looks=looks,
        swatches={name: charts.swatch(look) for name, look in looks.items()},
        spread=charts.spread(standings, looks),
        precision_recall=charts.precision_recall(standings, objects, looks),
        convergence=charts.convergence(standings, looks),
        breakdowns=breakdowns(standings, dataset, baseline),
        fewest_images=FEWEST_IMAGES,
        positives=positives([outcome.trial for standing in standings for outcome in standing.outcomes], dataset),
        photographs=[photograph(sample) for sample in dataset.validation[:shown]],
        pictures={standing.name: pictures_of(standing, dataset) for standing in standings},
        settings=settings,
        versions=versions(),
        command=command,
    )
    path.write_text(page, encoding="utf-8")
