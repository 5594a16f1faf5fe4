"""Run the tests with random inputs in rounds, each with a new seed, until the time limit.

    python -m tools.fuzz [--minutes 10] [--jobs 2] [pytest arguments]

For each failure it prints the command that reproduces it and its line for `tests/regression_seeds.txt`. The module is
also a pytest plugin of the worker processes: it deselects tests without a seed and shuffles the others, because the
time limit cuts the last round short.
"""

import argparse
import os
import random
import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.support.seeds import regression_seed


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select the tests with random inputs and shuffle them by the seed of the round."""
    selected = [item for item in items if has_new_seed(item)]
    config.hook.pytest_deselected(items=[item for item in items if not has_new_seed(item)])
    random.Random(os.environ["DETLOSS_TEST_SEED"]).shuffle(selected)
    items[:] = selected


def has_new_seed(item: pytest.Item) -> bool:
    """Whether a test uses the fixture `seed` with a seed other than a regression seed."""
    return "seed" in getattr(item, "fixturenames", ()) and regression_seed(item) is None


SMALL_QUEUES = ("--dist=load", "--maxschedchunk=1")  # a worker runs all of its queue after the deadline


@dataclass
class Round:
    """Plugin of the main process: records failures and stops the round at the deadline."""

    seed: int
    deadline: float
    tests: int = 0
    failures: list[str] = field(default_factory=list)
    is_cut_short: bool = False

    @pytest.hookimpl
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        # xdist distributes the tests in a loop that ends by the attribute of its own session.
        self.session = session.config.pluginmanager.get_plugin("dsession") or session

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.tests += report.when == "call"
        if report.failed:
            seed = dict(report.user_properties).get("seed")
            command = f"DETLOSS_TEST_SEED={self.seed} {sys.executable} -m pytest {shlex.quote(report.nodeid)}"
            self.failures.append(f"reproduce: {command}\nregression seed: {report.nodeid} {seed}")
            print(f"\n{report.longreprtext}\n{self.failures[-1]}", flush=True)
        if time.monotonic() >= self.deadline:
            self.is_cut_short = True
            self.session.shouldstop = "time limit reached"


def fuzz(seeds: Iterable[int], deadline: float, arguments: list[str]) -> tuple[int, list[str]]:
    """Run one round per seed until the deadline; return the number of tests and how to reproduce each failure."""
    tests, failures = 0, []
    for seed in seeds:
        print(f"seed {seed}", flush=True)
        os.environ["DETLOSS_TEST_SEED"] = str(seed)
        current = Round(seed, deadline)
        code = pytest.main(["-p", "tools.fuzz", "-q", "--no-header", "--tb=no", *arguments], plugins=[current])
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
            raise SystemExit(f"pytest exited with {code!r}")
        if code == pytest.ExitCode.INTERRUPTED and not current.is_cut_short:
            raise KeyboardInterrupt
        tests, failures = tests + current.tests, failures + current.failures
        if time.monotonic() >= deadline:
            break
    return tests, failures


def random_seeds() -> Iterator[int]:
    """Seeds from the random source of the operating system."""
    while True:
        yield random.SystemRandom().randrange(2**31)


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__.partition("\n")[0])
    options.add_argument("--minutes", type=float, default=10.0, help="time limit (default: 10)")
    options.add_argument("--jobs", type=int, default=2, help="number of processes (default: 2)")
    given, arguments = options.parse_known_args()
    deadline = time.monotonic() + 60 * given.minutes
    tests, failures = fuzz(random_seeds(), deadline, [f"--numprocesses={given.jobs}", *SMALL_QUEUES, *arguments])
    print(f"\n{tests} tests with new seeds, {len(failures)} failures", *failures, sep="\n")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
