"""The tests that draw their inputs, with fresh seeds, again and again until the minutes are over.

    python -m tools.fuzz [--minutes 10] [--jobs 2] [pytest arguments]

Each failure is followed by the command that repeats it and by its line for `tests/regression_seeds.txt`. This module is
also the plugin of the processes that run the tests: it leaves out tests without a seed and shuffles the rest, so that
a round that is cut short does not always run the same ones.
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
    """Keep what draws from a fresh seed, in an order that follows from the seed of the round."""
    drawing = [item for item in items if draws(item)]
    config.hook.pytest_deselected(items=[item for item in items if not draws(item)])
    random.Random(os.environ["DETLOSS_TEST_SEED"]).shuffle(drawing)
    items[:] = drawing


def draws(item: pytest.Item) -> bool:
    """Whether a test uses the fixture `seed`, and not one of the regression seeds."""
    return "seed" in getattr(item, "fixturenames", ()) and regression_seed(item) is None


@dataclass
class Watch:
    """The plugin of the process that hands out the tests: it notes failures and ends the round in time."""

    seed: int
    end: float
    ran: int = 0
    failed: list[str] = field(default_factory=list)
    over: bool = False

    @pytest.hookimpl
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        # With xdist the loop that hands out the tests ends by the attribute of its own session.
        self.session = session.config.pluginmanager.get_plugin("dsession") or session

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.ran += report.when == "call"
        if report.failed:
            own = dict(report.user_properties).get("seed")
            command = f"DETLOSS_TEST_SEED={self.seed} {sys.executable} -m pytest {shlex.quote(report.nodeid)}"
            self.failed.append(f"repeat: {command}\nreplay: {report.nodeid} {own}")
            print(f"\n{report.longreprtext}\n{self.failed[-1]}", flush=True)
        if time.monotonic() >= self.end:
            self.over = True
            self.session.shouldstop = "the time is over"


def fuzz(seeds: Iterable[int], end: float, arguments: list[str]) -> tuple[int, list[str]]:
    """How many tests ran, and how to repeat those that failed; rounds begin until the end."""
    ran, failed = 0, []
    for seed in seeds:
        print(f"seed {seed}", flush=True)
        os.environ["DETLOSS_TEST_SEED"] = str(seed)
        watch = Watch(seed, end)
        code = pytest.main(["-p", "tools.fuzz", "-q", "--no-header", "--tb=no", *arguments], plugins=[watch])
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
            raise SystemExit(f"pytest ended with {code!r}")
        if code == pytest.ExitCode.INTERRUPTED and not watch.over:
            raise KeyboardInterrupt
        ran, failed = ran + watch.ran, failed + watch.failed
        if time.monotonic() >= end:
            break
    return ran, failed


def fresh() -> Iterator[int]:
    """Seeds that nobody chose."""
    while True:
        yield random.SystemRandom().randrange(2**31)


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tools.fuzz", description=__doc__.partition("\n")[0])
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--jobs", type=int, default=2)
    chosen, arguments = options.parse_known_args()
    end = time.monotonic() + 60 * chosen.minutes
    ran, failed = fuzz(fresh(), end, [f"--numprocesses={chosen.jobs}", *arguments])
    print(f"\n{ran} tests ran with fresh seeds, {len(failed)} failed", *failed, sep="\n")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
