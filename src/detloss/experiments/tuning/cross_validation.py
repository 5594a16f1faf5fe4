"""Function `tune`: from data to a line of code with tuned options."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

from filelock import Timeout

import detloss
from detloss.experiments.comparison.database import folder_lock
from detloss.experiments.comparison.output import Folder, FolderError, write_atomic
from detloss.experiments.comparison.weight_search import starting_weight
from detloss.experiments.data.dataset import Dataset, SharedDataset, assign_folds
from detloss.experiments.errors import OptionError
from detloss.experiments.training.detectors import cells_per_class, unitbox_of
from detloss.experiments.training.devices import device_groups
from detloss.experiments.training.outcome import Outcome
from detloss.experiments.training.training_loop import check_trials
from detloss.experiments.training.workers import TrialRunner, Workers
from detloss.experiments.tuning import tuning_report
from detloss.experiments.tuning.candidates import Candidates
from detloss.experiments.tuning.folds import check_folds, run_tuning_trial
from detloss.experiments.tuning.search import Design, Opened, Search, TrainingError, TuningEvent, loss_argument
from detloss.experiments.tuning.search_space import WEIGHT, parameters_over, start_settings
from detloss.experiments.tuning.tuning_result import Tuned, best_of, difference_over_folds
from detloss.loss_names import CLASS_LOSSES, ROTATED_BOX_LOSSES
from detloss.types import DetectorName, Precision

RECORD, REPORT = "tune.json", "report.html"


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
    detector: DetectorName = "unitbox",
    precision: Precision = "float32",
    jobs: int = 1,
    devices_per_trial: int = 1,
    out: Path | None = None,
    overwrite: bool = False,
    on_event: Callable[[TuningEvent], None] = lambda event: None,
    run_trial: Callable[..., Outcome] = run_tuning_trial,
) -> Tuned:
    """Find the options of a loss with which a detector performs best on your data, by k-fold cross-validation.

    The training images are divided into folds. A candidate is trained once per fold, on the other folds, and its score
    is the mean AP over the folds. The first candidates are the settings without tuning: if alpha is tuned, that of
    `detloss.alpha_from_counts` for the cells of UnitBox; then the defaults of the losses. Optuna's sampler proposes the
    others; a candidate whose first folds are below the median of the others is dropped. The best candidate and the best
    of the starts are trained again, on all training images, and evaluated on the validation images, which played no
    part in the selection.

    When to choose it: the loss is settled, and its alpha, gamma or beta, or the weight of the box loss, may have a
    better value than the default on your data. To choose between losses, use ``detloss compare``.

    Args:
        load: Reads the data: ``partial(detloss.experiments.data.dataset.load, Path("data"))``.
        box: The box loss by its short name, with options after colons: ``"smooth_l1:beta=0.5"``.
        cls: The class loss, likewise.
        over: Parameters to tune: ``alpha``, ``gamma`` and ``beta``, if the losses have them, and ``weight``, the factor
            of the box loss. None: all options of the class loss that its name does not set.
        folds: At least 2.
        trials: Number of candidates, including the starts.
        steps: Batches of 16 images in every training.
        seed: Seed of the proposals, the initial weights and the order of the data.
        detector: The detector to train.
        precision: Precision of its convolutions and matrix products, ``float32`` or ``bfloat16``.
        jobs: Trainings that run at a time, each in a process with one thread.
        devices_per_trial: GPUs of a training, or processes on a CPU; each has a part of every batch.
        out: Output folder for ``tune.json``, ``report.html`` and the study, with which the same call continues an
            interrupted search. None: nothing is kept.
        overwrite: Whether to remove earlier results from the folder.
        on_event: Called with every event.
        run_trial: Trains and evaluates once; must be picklable.

    Returns:
        The candidates, the start, the best, their difference with its interval, and the line of code.

    Raises:
        OptionError: There is no such loss, parameter or detector, or they do not fit together; a number is too small; a
            fold has no boxes; or a training cannot have that many devices. It is a ValueError.
        FolderError: The folder has other results, or is in use.
        TrainingError: No start could be trained, or one of the final trainings failed.
        DatasetError: The data cannot be read.

    Edge cases:
        Of equal candidates the first is the best. A training that raises, or whose process dies, is in ``failures``;
        its candidate is excluded, and resumed by the next call. With several jobs the proposals depend on which
        training ends first. In a script the call belongs under ``if __name__ == "__main__":``, because worker processes
        import the script.

    Example:
        >>> from detloss.experiments import tune
        >>> try:
        ...     tune(list, cls="ce", over=["alpha"])
        ... except ValueError as error:
        ...     print(error)
        over: expected some of beta, weight, the parameters of smooth_l1 and ce, got 'alpha'

    Sources:
        Stone, Cross-Validatory Choice and Assessment of Statistical Predictions (1974),
        https://doi.org/10.1111/j.2517-6161.1974.tb00994.x; Bergstra et al., Algorithms for Hyper-Parameter Optimization
        (2011), https://papers.nips.cc/paper/4443; Akiba et al., Optuna (2019), https://arxiv.org/abs/1907.10902

    See also:
        `detloss.alpha_from_counts`; `detloss.experiments.compare`.
    """
    losses = loss_argument("box", box, ROTATED_BOX_LOSSES), loss_argument("cls", cls, CLASS_LOSSES)
    parameters = parameters_over(*losses, over)
    design = Design(*losses, parameters, folds, trials, steps, seed, detector, precision, jobs, devices_per_trial)
    dataset = load()
    check_folds(dataset, folds)
    check_trials([design.untuned_trial()], dataset)
    is_weighted = WEIGHT in {parameter.name for parameter in parameters}
    weight = starting_weight(design.untuned_trial(), dataset) if is_weighted else None
    starts = start_settings(parameters, cells_per_class(unitbox_of(dataset)(), dataset.train), weight)
    if trials <= len(starts):
        raise OptionError(f"trials: expected more than the {len(starts)} start settings, got {trials}")
    with ExitStack() as stack:
        url = None if out is None else stack.enter_context(study_in(out, design, dataset, overwrite=overwrite))
        candidates = Candidates(url, design.parameters, starts, folds=folds, seed=seed)
        on_event(Opened(design, dataset, candidates.all()))
        # Workers pass trials to the runner unchanged, so this one receives tuning trials only.
        runner = cast(TrialRunner, run_trial)
        workers = stack.enter_context(Workers(SharedDataset(dataset), runner, device_groups(jobs, devices_per_trial)))
        search = Search(design, candidates, workers, on_event)
        search.run()
        tried = candidates.all()
        start, best = best_of(tried[: len(starts)]), best_of(tried)
        if start is None or best is None:
            raise TrainingError(str(search.failures[0]))
        validated = search.validate({start.number: start, best.number: best})
        tuned = Tuned(
            design=design,
            fold_sizes=[assign_folds(dataset.train, folds).count(fold) for fold in range(folds)],
            candidates=tried,
            start=validated[start.number],
            best=validated[best.number],
            difference=difference_over_folds(best, start, dataset),
            importances=candidates.importances(),
            failures=search.failures,
        )
        if out is not None:
            tuning_report.write(tuned, out / REPORT)
            write_atomic(out / RECORD, json.dumps(tuned.record(), indent=1, allow_nan=False))
        return tuned


@contextmanager
def study_in(out: Path, design: Design, dataset: Dataset, *, overwrite: bool) -> Iterator[str]:
    """Open a folder for a search, or to continue one, and return the URL of its study.

    The number of candidates may differ. The lock of the folder, which a comparison takes for moments, is held until the
    end; the death of its process releases it.

    Raises:
        FolderError: The folder has other results, or another process uses it.
    """
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(folder_lock(out, timeout=0))
        except Timeout as error:
            raise FolderError(f"{out} is in use by another command: wait for it, or choose another --out") from error
        folder = Folder(out)
        settings = design.settings() | {"data": dataset.fingerprint(), "detloss": detloss.__version__}
        folder.check_or_write(settings, overwrite=overwrite)
        folder.write_problems(dataset.problems)
        if overwrite:
            (out / RECORD).unlink(missing_ok=True)
        yield folder.study
