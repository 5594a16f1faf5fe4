"""HTML page of the report, also while trials run."""

import platform
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from importlib.metadata import version
from math import inf, isnan
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import Any, Generic, Self, TypeVar

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

import detloss
from detloss.experiments.comparison.findings import findings
from detloss.experiments.comparison.output import write_atomic
from detloss.experiments.comparison.plan import ComparisonSettings, Plan, pair_of
from detloss.experiments.comparison.progress import remarks_on, trial_name
from detloss.experiments.comparison.ranking import Ranking
from detloss.experiments.comparison.report import charts
from detloss.experiments.comparison.report.breakdowns import MIN_IMAGES, breakdowns, source
from detloss.experiments.comparison.report.example_images import ExampleImages
from detloss.experiments.comparison.report.next_steps import next_steps
from detloss.experiments.comparison.report.positives import positives
from detloss.experiments.comparison.runner import Results
from detloss.experiments.console import printable
from detloss.experiments.data.dataset import LISTED_PROBLEMS, Dataset
from detloss.experiments.training.snapshots import Snapshot, SnapshotSchedule, evenly_spaced
from detloss.loss_names import loss_named

PACKAGES = ("torch", "numpy", "faster-coco-eval")
"""Packages whose versions may change the results."""

SIZES = ("small", "medium", "large")
DATA_IMAGES = 6  # shown before there are predictions
REFRESH = 5  # seconds after which a browser reloads the page while trials run
WRITING_TIME = 0.1  # maximum fraction of the time that is spent on writing while trials run

State = TypeVar("State")


def versions() -> dict[str, str]:
    """Versions of the software that produced the results."""
    return {
        "detloss": detloss.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "system": platform.platform(),
    }


def render(template: str, **values: Any) -> str:
    """Render the template of a page."""
    environment = Environment(
        loader=PackageLoader("detloss.experiments", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    return environment.get_template(template).render(values)


def snapshots_by_pair(results: Results) -> dict[str, Sequence[Snapshot]]:
    """Snapshots of each pair, from its first seed that has any."""
    of_trials = {one.trial: one.snapshots for one in results.outcomes if one.snapshots} | results.running
    of_pairs: dict[str, Sequence[Snapshot]] = {}
    for trial in sorted(of_trials, key=lambda trial: trial.seed):
        of_pairs.setdefault(str(pair_of(trial)), of_trials[trial])
    return of_pairs


def title_of(plan: Plan, dataset: Dataset, settings: ComparisonSettings) -> str:
    """State what is compared: the detector, its initial weights and the images; of a user's trainer, what is known."""
    on_data = f" on {dataset.name}" if dataset.validation else ""
    if settings.trainer is not None:
        return f"Losses in {settings.trainer}{on_data}"
    size = max(max(sample.image.shape[:2]) for sample in dataset.validation)
    return f"Losses in {plan.detector} from random weights{on_data}, images of {size} pixels, {plan.steps} steps"


def write_page(
    path: Path,
    results: Results,
    ranking: Ranking,
    dataset: Dataset,
    settings: ComparisonSettings,
    *,
    running: bool = False,
) -> None:
    """Write the page, completely or not at all; while trials are running, it reloads itself."""
    standings = ranking.standings
    styles = charts.series_styles([str(pair) for pair in results.plan.weights])
    evaluated = bool(standings) and all(standing.evaluations for standing in standings)
    labels = [label for sample in dataset.validation for label in sample.labels.tolist()]
    objects = np.bincount(labels, minlength=len(dataset.class_names))
    found = breakdowns(ranking, dataset) if evaluated else []
    fits = results.plan.fits(results.ended)
    images, snapshots = ExampleImages(dataset), snapshots_by_pair(results)
    order = list(dict.fromkeys([*[standing.name for standing in standings], *styles]))
    strips = images.strips({name: snapshots[name] for name in order if name in snapshots})
    galleries = images.galleries(standings)
    shown = evenly_spaced([image for image, one in enumerate(dataset.validation) if len(one.boxes)], DATA_IMAGES)
    page = render(
        "comparison/report/page.html.j2",
        title=title_of(results.plan, dataset, settings),
        measure=ranking.measure,
        ranking=ranking,
        standings=standings,
        baseline=ranking.baseline,
        findings=findings(ranking, results),
        remarks=remarks_on(settings, results),
        results=results,
        trial_name=trial_name,
        refresh=REFRESH if running else None,
        dataset=dataset,
        listed_problems=LISTED_PROBLEMS,
        colors=charts.COLORS,
        styles=styles,
        legend_keys={name: charts.legend_key(series) for name, series in styles.items()},
        ticks=charts.axis_of_differences(ranking),
        next_steps=None if running else next_steps(ranking, results, dataset, settings),
        titles={name: loss_named(name).title for pair in results.plan.weights if pair.cls for name in pair},
        ap_over_weight=charts.ap_over_weight(fits, styles, ranking.measure) if standings else [],
        fits=fits,
        evaluated=evaluated,
        interval_of_images=all(one.evaluation or one.image_scores for each in standings for one in each.outcomes),
        precision_recall=charts.precision_recall(standings, objects, styles) if evaluated else "",
        training_losses=charts.training_losses([one for one in standings if one.outcomes[0].curve], styles),
        breakdowns=found,
        source=source(ranking, found),
        min_images=MIN_IMAGES,
        infinity=inf,
        positives=positives([outcome.trial for standing in standings for outcome in standing.outcomes], dataset),
        ap_over_steps=charts.ap_over_steps(standings, styles),
        snapshot_images=len(SnapshotSchedule(dataset, results.plan.steps).images),
        strips=strips,
        galleries=galleries,
        sizes=[one for one in SIZES if evaluated and not all(isnan(each.summary(one).mean) for each in standings)],
        data_views=[] if strips or galleries else [images.view(image, None) for image in shown],
        embedded_images=list(images.embedded.values()),
        settings=settings,
        versions=versions(),
    )
    write_atomic(path, page)


class LivePage(AbstractContextManager["LivePage[State]"], Generic[State]):
    """Writes the latest state in a thread; errors are ignored, because writing the final page raises them again."""

    def __init__(self, write: Callable[[State], None]) -> None:
        self.write = write
        self.changed, self.ended = Event(), Event()
        self.thread = Thread(target=self.work)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        self.changed.set()
        self.thread.join()

    def show(self, state: State) -> None:
        """Write this state as soon as possible, unless a later one replaces it."""
        self.latest = state
        self.changed.set()

    def work(self) -> None:
        """Write states until the end; one that is still waiting then is left to the final page."""
        while self.changed.wait() and not self.ended.is_set():
            self.changed.clear()
            start = perf_counter()
            with suppress(Exception):
                self.write(self.latest)
            self.ended.wait((perf_counter() - start) * (1 / WRITING_TIME - 1))
