"""The page as a whole: everything gathered, and written into the template."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

import detloss
from detloss.study.comparison import Results
from detloss.study.dataset import Dataset
from detloss.study.findings import findings
from detloss.study.folder import write_whole
from detloss.study.printable import printable
from detloss.study.report import charts
from detloss.study.report.looks import COLOURS, looks_of
from detloss.study.report.photographs import Mark, marks, photograph
from detloss.study.report.positives import positives
from detloss.study.report.recall import FEWEST_IMAGES, breakdowns
from detloss.study.request import Request
from detloss.study.standings import Standing
from detloss.study.terminal import remarks_on

JUDGING = ("torch", "numpy", "faster-coco-eval")
"""Packages whose versions may move a number of the page."""


REFRESH = 5  # seconds after which a browser reads the page again while trials run


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
    results: Results,
    standings: Sequence[Standing],
    dataset: Dataset,
    request: Request,
    *,
    running: bool = False,
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: The file to write.
        results: What was planned, and what has come of it.
        standings: How the pairs stand to each other; none before the first trial of a comparison has finished.
        dataset: What was trained and judged on.
        request: What was asked.
        running: Whether trials are running, so that the page refreshes itself.
    """
    baseline = request.baseline
    shown = min((len(standing.outcomes[0].predictions) for standing in standings), default=0)
    looks = looks_of([str(pair) for pair in results.plan.weights])
    objects = np.bincount(
        np.concatenate([sample.labels for sample in dataset.validation]), minlength=len(dataset.class_names)
    )
    loader = PackageLoader("detloss.study", "report")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    page = environment.get_template("page.html.j2").render(
        standings=standings,
        baseline=baseline,
        findings=findings(standings, baseline, results),
        remarks=remarks_on(request, results),
        results=results,
        refresh=REFRESH if running else None,
        dataset=dataset,
        colours=COLOURS,
        looks=looks,
        swatches={name: charts.swatch(look) for name, look in looks.items()},
        spread=charts.spread(standings, looks) if standings else "",
        precision_recall=charts.precision_recall(standings, objects, looks) if standings else "",
        convergence=charts.convergence(standings, looks),
        breakdowns=breakdowns(standings, dataset, baseline),
        fewest_images=FEWEST_IMAGES,
        positives=positives([outcome.trial for standing in standings for outcome in standing.outcomes], dataset),
        photographs=[photograph(sample) for sample in dataset.validation[:shown]],
        pictures={standing.name: pictures_of(standing, dataset) for standing in standings},
        request=request,
        versions=versions(),
    )
    write_whole(path, page)
