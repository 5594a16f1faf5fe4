"""The whole way from data to a line of code."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import cast

import detloss
from detloss.experiments.comparison.output import Folder, FolderError, write_whole
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.data.shared_memory import SharedDataset
from detloss.experiments.training.builders import cells_of_classes, unitbox_of
from detloss.experiments.training.devices import teams
from detloss.experiments.training.trial import DetectorError, Outcome, check_trials
from detloss.experiments.training.workers import TrialRunner, Workers
from detloss.experiments.tuning import tuning_plots
from detloss.experiments.tuning.candidates import Candidates
from detloss.experiments.tuning.folds import check_folds, run_tuning_trial
from detloss.experiments.tuning.search import (
    Design,
    Opened,
    Search,
    TrainingError,
    Watch,
    designed,
)
from detloss.experiments.tuning.search_space import TuningError, starts_of
from detloss.experiments.tuning.tuning_result import (
    Tuned,
    best_of,
    difference_over_folds,
    sizes_of_folds,
)

RECORD, PICTURE = "tune.json", "tune.png"


def tune(
    load: Callable[[], Dataset],
    *,
    box: str = "smooth_l1",
    cls: str = "focal",
    over: Sequence[str] | None = None,
    folds: int = 3,
    trials: int = 20,
    steps: int = 600,
    seed: int = 0,
    detector: str = "unitbox",
    precision: str = "float32",
    jobs: int = 1,
    devices_per_trial: int = 1,
    out: Path | None = None,
    overwrite: bool = False,
    watch: Watch = lambda happening: None,
    run_trial: Callable[..., Outcome] = run_tuning_trial,
) -> Tuned:
    """Find the options of a loss with which a detector does best on your data, by k-fold cross-validation.

    The training images are divided into folds. A candidate is trained once for every fold, on the other folds, and its
    score is the mean AP over the folds. The first candidates are what one would use without tuning: if alpha is tuned,
    that of `detloss.alpha_from_counts` on the entries of UnitBox's cells, then the defaults of the losses. Optuna's
    sampler proposes the others; one that does worse on its first folds than half of the others did is dropped. The
    best candidate and the best of the starts are trained once more, on all training images, and judged on the
    validation images, which chose nothing.

    When to choose it: where a loss is settled and you want to know whether its alpha, gamma or beta, or the weight of
    the box loss, should be other than the default on your data. Which loss is best is for ``detloss compare``.

    Args:
        load: Reads the data: ``partial(detloss.experiments.data.dataset.load, Path("data"))``.
        box: The box loss, by its short name.
        cls: The class loss, likewise.
        over: What is tuned: options that the losses have, of ``alpha``, ``gamma`` and ``beta``, and ``weight``, the
            factor of the box loss. None: all options of the class loss.
        folds: At least 2.
        trials: How many candidates are tried, the starts among them.
        steps: Batches of 16 images in every training.
        seed: Decides the proposals, the initial weights and the order of the data.
        detector: What is trained.
        precision: What its convolutions and matrix products calculate in, ``float32`` or ``bfloat16``.
        jobs: Trainings at the same time, one process and one thread each.
        devices_per_trial: GPUs that a training has, or processes where there are none; each has a part of every batch.
        out: Folder of the results: ``tune.json``, ``tune.png`` and the study, by which the same call goes on where it
            was interrupted. None: nothing is kept.
        overwrite: Whether what the folder has of an earlier run is removed.
        watch: Called with everything that happens.
        run_trial: Trains and judges once; must be picklable.

    Returns:
        The candidates, the start, the best, their difference with its interval, and the line of code to paste.

    Raises:
        ValueError: There is no such loss, parameter or detector, or they do not fit together, a number is too small, or
            a fold has no boxes.
        FolderError: The folder has other results, or is in use.
        DevicesError: A training cannot have so many devices here.
        TrainingError: No start could be trained, or one of the last trainings failed.
        DatasetError: The data cannot be read.

    Edge cases:
        Of equals the first candidate is the best. A training that raises, or whose process dies, is in ``failures``;
        its candidate is left out, and begun again where it stopped by the next call. With several jobs the proposals
        depend on which training ends first. In a script the call belongs under ``if __name__ == "__main__":``, because
        worker processes import the script.

    Example:
        >>> from detloss.experiments import tune
        >>> try:
        ...     tune(list, cls="ce", over=["alpha"])
        ... except ValueError as error:
        ...     print(error)
        over: expected some of beta, weight, which smooth_l1 and ce have, got 'alpha'

    Sources:
        Stone, Cross-Validatory Choice and Assessment of Statistical Predictions (1974),
        https://doi.org/10.1111/j.2517-6161.1974.tb00994.x; Bergstra et al., Algorithms for Hyper-Parameter Optimization
        (2011), https://papers.nips.cc/paper/4443; Akiba et al., Optuna (2019), https://arxiv.org/abs/1907.10902

    See also:
        `detloss.alpha_from_counts`; `detloss.experiments.compare`.
    """
    design = designed(
        box=box,
        cls=cls,
        over=over,
        folds=folds,
        trials=trials,
        steps=steps,
        seed=seed,
        detector=detector,
        precision=precision,
        jobs=jobs,
        devices_per_trial=devices_per_trial,
    )
    dataset = load()
    check_folds(dataset, folds)
    try:
        check_trials([design.sample()], dataset)
    except DetectorError as error:
        raise TuningError(str(error)) from error
    starts = starts_of(design.parameters, cells_of_classes(unitbox_of(dataset)(), dataset.train))
    if trials <= len(starts):
        raise TuningError(f"trials: expected more than the {len(starts)} that the search starts from, got {trials}")
    with ExitStack() as stack:
        url = None if out is None else stack.enter_context(study_in(out, design, dataset, overwrite=overwrite))
        candidates = Candidates(url, design.parameters, starts, folds=folds, seed=seed)
        watch(Opened(design, dataset, candidates.all()))
        # Workers hand a trial to its runner as it is, so this runner gets none but its own kind.
        runner = cast(TrialRunner, run_trial)
        workers = stack.enter_context(Workers(SharedDataset(dataset), runner, teams(jobs, devices_per_trial)))
        search = Search(design, candidates, workers, watch)
        search.try_candidates()
        tried = candidates.all()
        start, best = best_of(tried[: len(starts)]), best_of(tried)
        if start is None or best is None:
            raise TrainingError(search.failures[0])
        judged = search.judge({start.number: start, best.number: best})
        tuned = Tuned(
            design=design,
            fold_sizes=sizes_of_folds(dataset, folds),
            candidates=tried,
            start=judged[start.number],
            best=judged[best.number],
            difference=difference_over_folds(best, start, dataset),
            failures=search.failures,
        )
        if out is not None:
            write(tuned, out)
        return tuned


@contextmanager
def study_in(out: Path, design: Design, dataset: Dataset, *, overwrite: bool) -> Iterator[str]:
    """Take a folder for a search, or for the rest of one, and give the address of its study.

    More candidates are no other search. The folder's lock, which a comparison takes for moments, is held all the time;
    the death of its holder opens it.

    Raises:
        FolderError: There are results of something else, or another process has the folder.
    """
    out.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(out / ".lock", timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise FolderError(f"{out} is in use by another command: wait for it, or give another --out") from error
        folder = Folder(out)
        settings = design.settings() | {"data": dataset.fingerprint(), "detloss": detloss.__version__}
        folder.begin(settings, overwrite=overwrite)
        if overwrite:
            for name in (RECORD, PICTURE):
                (out / name).unlink(missing_ok=True)
        yield folder.study


def write(tuned: Tuned, out: Path) -> None:
    """Write the picture and then the numbers, each whole or not at all."""
    part = out / f"{PICTURE}.part"
    tuning_plots.write(tuned, part)
    os.replace(part, out / PICTURE)
    write_whole(out / RECORD, json.dumps(tuned.record(), indent=1, allow_nan=False))
