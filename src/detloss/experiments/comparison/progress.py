"""Terminal output of a comparison: plan, estimated duration, progress of the trials, and the ranking."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from time import process_time
from typing import Self

import torch
from rich.console import Console
from rich.progress import TaskID

from detloss.experiments.comparison.plan import ROUNDS, ComparisonSettings, Plan, pair_of
from detloss.experiments.comparison.ranking import UNWRAPPED, Ranking
from detloss.experiments.comparison.runner import Late, Received, Restarted, Results, RoundStarted, RunEvent, Waiting
from detloss.experiments.comparison.store import HEARTBEAT_TIMEOUT
from detloss.experiments.console import counted, duration, print_line, progress_bars
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.detectors import DETECTORS
from detloss.experiments.training.devices import Device, DeviceGroup
from detloss.experiments.training.outcome import Outcome, Phase, Trial
from detloss.experiments.training.training_loop import measure_speed
from detloss.experiments.training.workers import Advanced, Failed, Finished, Started

FASTER = 0.8  # fraction of the estimated duration below which bfloat16 is suggested
QUICK = "A quick look at one seed, with half the steps and the listed weights: its ranking is not reliable."


def trial_name(trial: Trial) -> str:
    """A trial in words."""
    weight = f", weight {trial.weight:g}" if trial.phase is Phase.SEARCH else ""
    return f"{pair_of(trial)}{weight}, seed {trial.seed}"


def scored(outcome: Outcome) -> str:
    """The result of a trial in words."""
    return f"{'score' if outcome.evaluation is None else 'AP'} {outcome.score:.3f}"


def plan_in_words(plan: Plan) -> str:
    """A plan as a sentence."""
    search = plan.search_trials({})
    searched = (
        f"{len(search)} or more trials of {counted(search[0].steps, 'step')} to select the weights, then "
        if search
        else ""
    )
    trials = counted(plan.comparison_count, "trial")
    pairs, seeds = counted(len(plan.weights) - len(plan.dropped), "pair"), counted(len(plan.seeds), "seed")
    rounds = f"; up to {ROUNDS[-1]} seeds for pairs that may be the best" * plan.auto
    return f"{searched}{trials} of {counted(plan.steps, 'step')}: {pairs} on {seeds}{rounds}"


def estimated_seconds(
    results: Results, dataset: Dataset, groups: Sequence[DeviceGroup], precision: str
) -> float | None:
    """Estimate how long the rest of a plan takes on this machine alone, from a few steps of one pair.

    The start of a worker process is assumed to take as long as that of this process did. None: every pair raised
    within these steps, which the trials will report, or a command or function of the user trains.
    """
    plan, done = replace(results.plan, precision=precision), results.outcomes
    if plan.detector not in DETECTORS:
        return None
    startup = process_time()
    for trial in plan.sample_trials():
        with suppress(FloatingPointError):
            step, evaluation = measure_speed(trial, dataset, Device(groups[0][0]))
            break
    else:
        return None
    steps = results.step_count - sum(outcome.trial.steps for outcome in done)
    trials = results.missing
    return startup + (steps * step / len(groups[0]) + trials * evaluation) / min(len(groups), max(trials, 1))


def say_plan(
    console: Console, results: Results, dataset: Dataset, groups: Sequence[DeviceGroup], remarks: Sequence[str]
) -> None:
    """Print the plan of a comparison and its estimated duration."""
    plan, done = results.plan, len(results.outcomes)
    lines = [f"plan: {plan_in_words(plan)}", *remarks]
    if done:
        lines.append(f"finished earlier or by other processes: {done} of {counted(results.trial_count, 'trial')}")
    seconds = estimated_seconds(results, dataset, groups, plan.precision) if results.missing else None
    if seconds is not None:
        this_round = " for this round" * plan.auto
        lines.append(
            f"estimate: about {duration(seconds)}{this_round} on this machine alone, with {len(groups)} at a time"
        )
        if torch.cuda.is_available():
            bfloat16 = estimated_seconds(results, dataset, groups, "bfloat16")
            if bfloat16 is not None and bfloat16 < FASTER * seconds:
                lines.append(f"about {duration(bfloat16)} with --precision bfloat16, which is less precise")
    for line in lines:
        print_line(console, line)


def remarks_on(settings: ComparisonSettings, results: Results | None = None) -> list[str]:
    """State the limits of the results: that it is a quick look, the selected weights, and which are uncertain."""
    quick = [QUICK] * settings.quick
    fits = results.plan.fits(results.ended) if results else {}
    if not results or not fits or all(outcome.trial.phase is Phase.SEARCH for outcome in results.outcomes):
        return quick
    remarks = [f"Weights selected by the search: {', '.join(f'{pair} {fit.weight:g}' for pair, fit in fits.items())}."]
    ends = [str(pair) for pair, fit in fits.items() if fit.at_end]
    if ends:
        remarks.append(f"At an end of the search, so that a better weight may lie beyond it: {', '.join(ends)}.")
    flat = [str(pair) for pair, fit in fits.items() if not fit.has_maximum]
    if flat:
        remarks.append(
            f"Weight of the best mean, because the scores have no maximum over the weight: {', '.join(flat)}."
        )
    return [*quick, " ".join(remarks)]


def print_ranking(console: Console, ranking: Ranking) -> None:
    """Print the ranking as a table; only a terminal wraps it."""
    unwrapped = Console(file=console.file, width=UNWRAPPED)
    (console if console.is_terminal else unwrapped).print(
        "", ranking.table(ranking.measure, digits=3, ranges=True), sep="\n"
    )
    print_line(
        console,
        f"{ranking.measure}: mean (lowest–highest over the seeds); difference from {ranking.baseline}: mean [95 %"
        f" interval, for all pairs together]; regret: upper bound of the {ranking.measure} lost by choosing this pair"
        " instead of the best\n",
    )


class ProgressDisplay(AbstractContextManager["ProgressDisplay"]):
    """One bar for the comparison and one for every running trial, and a line for every trial that ends."""

    def __init__(self, console: Console, results: Results) -> None:
        self.console, self.results = console, results
        self.ended = len(results.outcomes)
        self.steps = {outcome.trial: outcome.trial.steps for outcome in results.outcomes}
        self.bars = progress_bars(console)
        done_steps = sum(self.steps.values())
        self.overall = self.bars.add_task("all trials", total=results.step_count, completed=done_steps, unit="steps")
        self.running: dict[Trial, TaskID] = {}

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bars.stop()

    def show(self, event: RunEvent) -> None:
        """Update the display."""
        match event:
            case Started(trial):
                self.running[trial] = self.bars.add_task(trial_name(trial), total=trial.steps, unit="steps")
            case Advanced(trial, step, snapshot):
                self.bars.update(self.running[trial], completed=step)
                if snapshot is not None:
                    self.bars.update(self.running[trial], description=f"{trial_name(trial)}, AP {snapshot.ap:.3f}")
                self.count(trial, step)
            case Finished(outcome):
                self.end(outcome.trial, f"{scored(outcome)}, {outcome.seconds:.0f} s")
            case Received(outcome):
                self.end(outcome.trial, f"{scored(outcome)}, from another process")
            case Failed(trial, reason):
                self.end(trial, f"failed: {reason}")
            case Restarted(failure):
                self.clear(failure.trial)
                print_line(self.console, f"{trial_name(failure.trial)}: {failure.reason}; it is restarted")
            case Late(trial):
                self.clear(trial)
                print_line(self.console, f"{trial_name(trial)}: another process finished first; its result is kept")
            case Waiting(trials):
                rule = f"trials without a heartbeat for {HEARTBEAT_TIMEOUT:g} seconds are restarted"
                print_line(self.console, f"waiting for {counted(len(trials), 'trial')} of other processes; {rule}")
            case RoundStarted(plan):
                self.bars.update(self.overall, total=self.results.step_count)
                left = [str(pair) for pair in plan.weights if pair not in plan.dropped]
                print_line(self.console, f"not decided: {counted(len(plan.seeds), 'seed')} of {', '.join(left)}")

    def count(self, trial: Trial, steps: int) -> None:
        """Update the bar of the comparison."""
        self.steps[trial] = steps
        self.bars.update(self.overall, completed=sum(self.steps.values()))

    def end(self, trial: Trial, result: str) -> None:
        """Replace the bar of a trial that ended by a line."""
        self.ended += 1
        self.bars.update(self.overall, total=self.results.step_count)
        self.count(trial, trial.steps)
        self.clear(trial)
        print_line(self.console, f"[{self.ended}/{self.results.trial_count}] {trial_name(trial)}: {result}")

    def clear(self, trial: Trial) -> None:
        """Remove the bar of a trial, if it has one."""
        if trial in self.running:
            self.bars.remove_task(self.running.pop(trial))
