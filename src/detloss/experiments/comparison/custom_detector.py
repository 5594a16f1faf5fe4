"""Comparison of losses in the user's own detector, by a training function."""

import inspect
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Generic, Literal, TypeVar

import numpy as np
import torch
from rich.console import Console

from detloss.experiments.comparison.output import Folder
from detloss.experiments.comparison.plan import MATTERS, ComparisonSettings, Pair, Plan, default_seeds, weight_grid
from detloss.experiments.comparison.ranking import Ranking
from detloss.experiments.comparison.session import Session
from detloss.experiments.data.dataset import Dataset, SharedDataset
from detloss.experiments.training.devices import Device, DeviceGroup, device_groups
from detloss.experiments.training.outcome import Outcome, Trial
from detloss.experiments.training.training_loop import OnProgress

Loss = TypeVar("Loss")
TrainFunction = Callable[[Loss, float, int, int], float | Sequence[float]]


def compare(
    train: TrainFunction[Loss],
    losses: Mapping[str, Loss],
    seeds: Sequence[int] | Literal["auto"] | None = None,
    weights: Mapping[str, float | Sequence[float]] | None = None,
    *,
    steps: int = 1200,
    baseline: str | None = None,
    storage: str | None = None,
    version: str | None = None,
    jobs: int = 1,
    devices: Sequence[str] | None = None,
    matters: float = MATTERS,
    out: str | Path | None = None,
) -> Ranking:
    """Compare losses in your own detector.

    First each loss is trained at five weights between 0.5 and 8, on two further seeds for an eighth of the steps. A
    parabola over the logarithm of the weight selects the weight; where its top lies beyond these, up to two more are
    tried. Then each loss is trained on every seed. The variance over the seeds is pooled over all losses, and the
    intervals of all differences from the baseline hold together.

    When to choose it: your training is a Python function. ``detloss compare --train`` starts a training script instead
    and evaluates its predictions. With the same seed, ``train`` should start from the same weights and see the same
    data in the same order, so that only the loss differs.

    Args:
        train: Called as ``train(loss, weight, seed, steps)``; returns the score of the trained detector on data that it
            was not trained on, higher is better, or one score per validation image in a fixed order. With the scores of
            the images, the intervals account for the choice of the images as well as for that of the seeds.
        losses: The losses by name; the values are passed to ``train`` unchanged.
        seeds: Seeds of the comparison; None: five for two losses, otherwise three. "auto": three, then up to 20 in
            rounds for the losses that may be the best, until one is left or the others are equal.
        weights: The weight of every loss, or several weights to search; None: five weights are searched.
        steps: Passed to ``train``; in the search an eighth of it, rounded up.
        baseline: The loss that the others are compared with; None: the first.
        storage: Database of the finished trainings, sqlite:///FILE, postgresql://... or FILE.log on a shared file
            system: the same call continues an interrupted comparison, a call with more losses or seeds or with other
            weights trains only what is missing, and processes or machines that make the same call share the trainings.
            None: a file in ``out``; without ``out``, nothing is kept.
        version: A version of everything that the scores depend on beside the other arguments, such as the data.
            Trainings of another version, or with another source of ``train`` as far as Python can read it, are not
            reused.
        jobs: Number of trainings at the same time. With 1, ``train`` runs in this process and may be a closure. With
            more, each runs in a process with one thread, which imports ``train`` and receives the loss: both must be
            picklable.
        devices: Names of GPUs such as cuda:1, assigned to the trainings in turn as the current device, "cuda". None:
            with several jobs, all GPUs.
        matters: Difference of scores below which two losses are equal in practice.
        out: Folder for progress in the terminal, results.jsonl and report.html.

    Returns:
        The losses by descending mean score, each with scores, mean, difference with its interval, verdict, and regret:
        the upper bound of the score that is lost by choosing this loss instead of the best one. ``best`` has the losses
        that may be the best.

    Raises:
        ValueError: There is no loss, no seed or a repeated one, a weight is missing or not above 0, steps or jobs are
            below 1, there is no such baseline, or ``train`` cannot be pickled for several jobs.
        detloss.experiments.comparison.database.StorageError: The database cannot be used.

    Edge cases:
        If ``train`` raises an exception or returns a number that is not finite, the training has failed and the others
        continue; the printed result names it. With one seed, or if all differences are the same on all seeds, the
        variance over the seeds is unknown, and every verdict is "not distinguishable".

    Example:
        >>> from detloss.experiments import compare
        >>> def train(quality, weight, seed, steps):
        ...     return quality + 0.01 * ((seed + 10 * quality) % 3)
        >>> found = compare(train, {"giou": 0.4, "l2": 0.3}, weights={"giou": 1.0, "l2": 0.2})
        >>> print(found)
        loss  weight  mean    difference                  regret  verdict
        giou  1       0.4120                              0.0000  baseline
        l2    0.2     0.3080  -0.1040 [-0.1207, -0.0873]  0.1167  worse

    Sources:
        Dunnett, A Multiple Comparison Procedure for Comparing Several Treatments with a Control (1955),
        https://doi.org/10.1080/01621459.1955.10501294; Hsu, Constrained Simultaneous Confidence Intervals for Multiple
        Comparisons with the Best (1984), https://doi.org/10.1214/aos/1176346732
    """
    plan = plan_for(losses, seeds, weights, steps, detector_name(train, version))
    reference = next(iter(losses)) if baseline is None else baseline
    if reference not in losses:
        raise ValueError(f"baseline: expected one of {', '.join(losses)}, got {reference!r}")
    if jobs < 1:
        raise ValueError(f"jobs: expected at least 1, got {jobs}")
    count = "auto" if plan.auto else len(plan.seeds)
    function = Function(train, losses, in_process=jobs == 1)
    settings = ComparisonSettings(
        command=f"detloss.experiments.compare({function.name}, ...)",
        data=None,
        size=None,
        scenes=None,
        baseline=Pair(reference),
        quick=False,
        options={"losses": ", ".join(losses), "seeds": count, "steps": steps, "matters": matters},
        matters=matters,
        trainer=f"the function {function.name}",
    )
    groups = groups_of(jobs, devices)
    with TemporaryDirectory() as temporary:
        session = Session(Console(), plan, settings, Folder(Path(out or temporary)), trainer=function)
        if out is None:
            comparison = session.begin(storage, overwrite=False)
            function.prepare(session.dataset)
            dataset = SharedDataset(session.dataset)
            for _ in comparison.run(dataset, groups=groups, run_trial=function, in_process=jobs == 1):
                pass
        else:
            comparison, code = session.compare(storage, groups, overwrite=False, in_process=jobs == 1)
            if code:
                raise KeyboardInterrupt
        return session.rank(comparison)


def plan_for(
    losses: Mapping[str, Loss],
    seeds: Sequence[int] | Literal["auto"] | None,
    weights: Mapping[str, float | Sequence[float]] | None,
    steps: int,
    detector: str,
) -> Plan:
    """Check the arguments and make the plan."""
    if not losses:
        raise ValueError("losses: expected at least one, got none")
    auto = seeds == "auto"
    if seeds is None or seeds == "auto":
        seeds = range(default_seeds(len(losses), auto=auto))
    if not seeds or len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds: expected at least one, without repetition, got {list(seeds)}")
    if steps < 1:
        raise ValueError(f"steps: expected at least 1, got {steps}")
    candidates = {Pair(name): weight_grid(1.0) for name in losses}
    if weights is not None:
        candidates = {Pair(name): candidates_of(name, weights.get(name)) for name in losses}
    return Plan(candidates, list(seeds), steps, detector, auto=auto)


def candidates_of(name: str, given: float | Sequence[float] | None) -> tuple[float, ...]:
    """The weights of a loss: one, or several to search."""
    found = tuple(given) if isinstance(given, Sequence) else (given,)
    numbers = tuple(weight for weight in found if isinstance(weight, int | float) and 0 < weight < inf)
    if not found or len(set(numbers)) < len(found):
        raise ValueError(f"weights: expected a number above 0 for {name}, or several different ones, got {given}")
    return numbers


def detector_name(train: TrainFunction[Loss], version: str | None) -> str:
    """A name of the training with a hash of its source, where Python can read it, and of its version."""
    try:
        source = inspect.getsource(inspect.unwrap(getattr(train, "func", train)))
    except (OSError, TypeError):
        source = ""
    return f"custom {sha256(repr((source, version)).encode()).hexdigest()[:8]}"


def groups_of(jobs: int, devices: Sequence[str] | None) -> list[DeviceGroup]:
    """The device of each training that runs at the same time; a single training chooses its device itself."""
    if devices is not None:
        if not devices:
            raise ValueError("devices: expected at least one, got none")
        return [(devices[job % len(devices)],) for job in range(jobs)]
    return device_groups(jobs) if jobs > 1 else [("cpu",)]


@dataclass(frozen=True)
class Function(Generic[Loss]):
    """A training function of the user, as a `Trainer`."""

    train: TrainFunction[Loss]
    losses: Mapping[str, Loss]
    in_process: bool

    @property
    def name(self) -> str:
        """Name of the function."""
        return str(getattr(self.train, "__qualname__", type(self.train).__name__))

    def prepare(self, dataset: Dataset) -> None:
        """Raise a ValueError if other processes cannot receive the function."""
        if not self.in_process:
            try:
                pickle.dumps(self)
            except Exception as error:  # any class may have a method for pickling
                expected = "a function at the top level of a module and losses that can be pickled, for jobs above 1"
                raise ValueError(f"train: expected {expected}, got {self.name}: {error}") from error

    def __call__(
        self, trial: Trial, dataset: Dataset, *, device: Device = Device(), on_progress: OnProgress | None = None
    ) -> Outcome:
        """Train once."""
        if device.name.startswith("cuda"):
            torch.cuda.set_device(device.name)
        start = perf_counter()
        returned = self.train(self.losses[trial.box], trial.weight, trial.seed, trial.steps)
        seconds = perf_counter() - start
        scores = np.asarray(returned, np.float64)
        if scores.ndim > 1 or not scores.size or not np.isfinite(scores).all():
            raise ValueError(f"train: expected a finite number or one per image for {trial.box}, got {returned}")
        return Outcome(trial, float(scores.mean()), seconds, image_scores=tuple(scores.tolist()) if scores.ndim else ())
