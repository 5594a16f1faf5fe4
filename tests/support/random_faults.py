"""Processes that share trials, while some of them are killed, suspended and terminated at random."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from math import log2
from pathlib import Path

from detloss.experiments.comparison.database import StorageError
from detloss.experiments.comparison.output import Folder
from detloss.experiments.comparison.plan import Pair, Plan
from detloss.experiments.comparison.runner import Comparison
from detloss.experiments.comparison.store import TrialStore
from detloss.experiments.data.dataset import Dataset
from detloss.experiments.training.devices import Device
from detloss.experiments.training.outcome import Outcome, Phase, Trial
from detloss.experiments.training.training_loop import OnProgress
from detloss.experiments.training.workers import Finished
from tests.support.trials import outcome_of, small_dataset

PLAN = Plan({Pair("l1", "focal"): (1.0, 2.0, 4.0), Pair("giou", "focal"): (1.0, 2.0, 4.0)}, seeds=range(6), steps=8)
NAME = "random faults"
AGENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # torch continues an import of numpy that an exception interrupted
from tests.support.random_faults import agent
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    agent(*sys.argv[1:])
except KeyboardInterrupt:
    sys.exit(1)
"""
FAULTS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGSTOP)
AGENTS = 3


def short_trial(trial: Trial, dataset: Dataset, *, device: Device, on_progress: OnProgress | None = None) -> Outcome:
    """Take a fraction of a second; the AP is best at weight 2, and symmetric over the logarithm of the weight."""
    time.sleep(random.uniform(0, 0.3))
    return outcome_of(trial, ap=0.5 - 0.1 * abs(log2(trial.weight / 2)) + 0.01 * (trial.seed % 10))


def agent(address: str, path: str) -> None:
    """Run trials until none is left, and print the results of this process."""
    try:
        folder = Folder(Path(path))
        folder.begin(PLAN.detector_settings, PLAN.to_json(), overwrite=False)
        store = TrialStore(address, NAME, PLAN, heartbeat_interval=0.2, heartbeat_timeout=6.0)
        comparison = Comparison(PLAN, store, folder)
        for event in comparison.run(small_dataset, groups=[("cpu",)], run_trial=short_trial):
            if isinstance(event, Finished):
                print(event.outcome.trial, flush=True)
    except StorageError as error:
        sys.exit(str(error))


def disturb(address: str, folder: Path, generator: random.Random, seconds: float) -> None:
    """Share a comparison while processes are disturbed, then let it end, and check it.

    Raises:
        AssertionError: A planned trial has not exactly one result, a result that was reported is lost, or a process
            printed an error.
    """
    agents: dict[int, subprocess.Popen[str]] = {}
    printed: list[str] = []

    def start(slot: int) -> None:
        words = [sys.executable, "-c", AGENT, address, str(folder / str(slot))]
        with (folder / "errors").open("a") as errors:
            agents[slot] = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True)

    def collect(slot: int) -> None:
        printed.extend(agents[slot].communicate()[0].splitlines())

    for slot in range(AGENTS):
        start(slot)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(generator.uniform(0.2, 3.0))
        slot, fault = generator.randrange(AGENTS), generator.choice(FAULTS)
        agents[slot].send_signal(fault)
        if fault == signal.SIGSTOP:
            time.sleep(generator.uniform(0.1, 8.0))
            agents[slot].send_signal(signal.SIGCONT)
        else:
            collect(slot)
            start(slot)
    for slot in agents:
        collect(slot)
        assert agents[slot].returncode == 0, (folder / "errors").read_text()
    check(address, printed, (folder / "errors").read_text())


def check(address: str, printed: list[str], errors: str) -> None:
    """Compare the results in the storage with the plan and with what the processes reported."""
    store = TrialStore(address, NAME, PLAN, read_only=True)
    results = [outcome.trial for outcome in store.results()]
    store.close()
    planned = [*PLAN.search_trials({}), *PLAN.comparison_trials(dict.fromkeys(PLAN.weights, 2.0))]
    assert Counter(results) == Counter(planned)
    phases = [trial.phase for trial in results]
    assert phases == sorted(phases, key=(Phase.SEARCH, Phase.COMPARE).index), "the search ends first"
    reported = Counter(printed)
    assert not reported - Counter(map(str, planned)), "a result was reported twice, or is not stored"
    assert "Traceback" not in errors, errors
