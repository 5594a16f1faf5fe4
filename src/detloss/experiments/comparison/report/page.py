"""The page as a whole: everything gathered, and written into the template."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from math import isnan
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

import detloss
from detloss.experiments.comparison.findings import findings
from detloss.experiments.comparison.output import write_whole
from detloss.experiments.comparison.plan import pair_of
from detloss.experiments.comparison.ranking import Standing
from detloss.experiments.comparison.report import charts
from detloss.experiments.comparison.report.breakdowns import FEWEST_IMAGES, breakdowns
from detloss.experiments.comparison.report.image_selection import Album
from detloss.experiments.comparison.report.positives import positives
from detloss.experiments.comparison.report.series_style import COLORS, looks_of
from detloss.experiments.comparison.request import Request
from detloss.experiments.comparison.runner import Results
from detloss.experiments.console import printable, remarks_on
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.snapshots import Glimpse, evenly

JUDGING = ("torch", "numpy", "faster-coco-eval")
"""Packages whose versions may move a number of the page."""

SCENES = 6  # images shown before there are predictions
REFRESH = 5  # seconds after which a browser reads the page again while trials run


def versions() -> dict[str, str]:
    """What the numbers were made with."""
    return {
        "detloss": detloss.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in JUDGING},
        "system": platform.platform(),
    }


def glimpses_of(results: Results) -> dict[str, Sequence[Glimpse]]:
    """What was seen of each pair in training, on its first seed of which something was seen."""
    seen = {outcome.trial: outcome.glimpses for outcome in results.outcomes if outcome.glimpses} | results.running
    of_pairs: dict[str, Sequence[Glimpse]] = {}
    for trial in sorted(seen, key=lambda trial: trial.seed):
        of_pairs.setdefault(str(pair_of(trial)), seen[trial])
    return of_pairs


def scenes_of(dataset: Dataset) -> list[int]:
    """A few validation images with objects."""
    return evenly([image for image, sample in enumerate(dataset.validation) if len(sample.boxes)], SCENES)


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
        request: The options of the comparison.
        running: Whether trials are running, so that the page refreshes itself.
    """
    baseline = request.baseline
    looks = looks_of([str(pair) for pair in results.plan.weights])
    objects = np.bincount(
        np.concatenate([sample.labels for sample in dataset.validation]), minlength=len(dataset.class_names)
    )
    album, glimpses = Album(dataset), glimpses_of(results)
    filmed = list(dict.fromkeys([*[standing.name for standing in standings], *looks]))
    films = album.films({name: glimpses[name] for name in filmed if name in glimpses})
    galleries = album.galleries(standings)
    loader = PackageLoader("detloss.experiments.comparison", "report")
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
        colors=COLORS,
        looks=looks,
        swatches={name: charts.swatch(look) for name, look in looks.items()},
        spread=charts.spread(standings, looks) if standings else "",
        precision_recall=charts.precision_recall(standings, objects, looks) if standings else "",
        convergence=charts.convergence(standings, looks),
        breakdowns=breakdowns(standings, dataset, baseline),
        fewest_images=FEWEST_IMAGES,
        positives=positives([outcome.trial for standing in standings for outcome in standing.outcomes], dataset),
        learning=charts.learning(standings, looks),
        films=films,
        galleries=galleries,
        sizes=[
            size
            for size in ("small", "medium", "large")
            if not all(isnan(standing.summary(size).mean) for standing in standings)
        ],
        scenes=[] if films or galleries else [album.picture(image, None) for image in scenes_of(dataset)],
        photographs=list(album.photographs.values()),
        request=request,
        versions=versions(),
    )
    write_whole(path, page)
