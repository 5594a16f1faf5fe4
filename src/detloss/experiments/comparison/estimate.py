"""What a comparison is going to do, and about how long that takes."""

from collections.abc import Sequence
from contextlib import suppress
from time import process_time

from detloss.experiments.comparison.plan import Plan
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.devices import Place, Team
from detloss.experiments.training.trial import Outcome, pace


def in_words(plan: Plan) -> str:
    """Tell the plan as a sentence."""
    search = plan.search()
    searched = (
        f"{counted(len(search), 'trial')} of {counted(search[0].steps, 'step')} to find the weights, then "
        if search
        else ""
    )
    trials = counted(len(plan.weights) * len(plan.seeds), "trial")
    pairs, seeds = counted(len(plan.weights), "pair"), counted(len(plan.seeds), "seed")
    return f"{searched}{trials} of {counted(plan.steps, 'step')}: {pairs} on {seeds}"


def counted(number: int, thing: str) -> str:
    """A number of things."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def seconds_left(plan: Plan, done: Sequence[Outcome], dataset: Dataset, teams: Sequence[Team]) -> float | None:
    """Estimate how long the rest of a plan takes on this machine alone, from a few steps of one pair.

    Worker processes take about as long to start as this process did, which counts too. None: no pair can be trained
    for so few steps; the trials will tell why.
    """
    startup = process_time()
    for trial in plan.samples():
        with suppress(FloatingPointError):
            step, judging = pace(trial, dataset, Place(teams[0][0]))
            break
    else:
        return None
    steps = plan.all_steps() - sum(outcome.trial.steps for outcome in done)
    trials = plan.all_trials() - len(done)
    return startup + (steps * step / len(teams[0]) + trials * judging) / min(len(teams), max(trials, 1))


def duration(seconds: float) -> str:
    """A time as one says it."""
    if seconds < 90:
        return counted(max(round(seconds), 1), "second")
    return f"{seconds / 60:.0f} minutes" if seconds < 90 * 60 else f"{seconds / 3600:.1f} hours"
