"""Seeds of random inputs: fixed by default, new ones in `make fuzz`, and those of earlier failures."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

RUN_SEED = int(os.environ.get("DETLOSS_TEST_SEED", "12"))


def regressions(root: Path) -> Iterator[tuple[str, int]]:
    """Node IDs and seeds of earlier failures."""
    for line in (root / "tests" / "regression_seeds.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            nodeid, _, seed = line.partition("  # ")[0].rpartition(" ")
            yield nodeid, int(seed)


def pytest_report_header() -> str:
    return f"DETLOSS_TEST_SEED={RUN_SEED}"


@pytest.hookimpl(trylast=True)  # the seed comes last in a node ID
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize a function by its regression seeds; the hook below removes those of other cases."""
    function, known = metafunc.definition.nodeid, regressions(metafunc.config.rootpath)
    seeds = [seed for nodeid, seed in known if nodeid.partition("[")[0] == function]
    if seeds:
        ids = [pytest.HIDDEN_PARAM, *(f"seed={seed}" for seed in seeds)]
        metafunc.parametrize("seed", [None, *seeds], ids=ids, indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    known = set(regressions(config.rootpath))
    items[:] = [item for item in items if regression_seed(item) is None or regression(item) in known]


def regression_seed(item: pytest.Item) -> int | None:
    """The regression seed of a test, if it has one."""
    return item.callspec.params.get("seed") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None


def regression(item: pytest.Item) -> tuple[str, int | None]:
    """The node ID without the regression seed, and that seed."""
    seed = regression_seed(item)
    return item.nodeid.replace(f"-seed={seed}]", "]").removesuffix(f"[seed={seed}]"), seed


def own_seed(item: pytest.Item) -> int:
    """A seed that depends on the test and on the seed of the run."""
    return random.Random(f"{RUN_SEED} {item.nodeid}").randrange(2**31)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of a test's random inputs, shown in its output and in its report."""
    value = getattr(request, "param", None)
    value = own_seed(request.node) if value is None else value
    print(f"DETLOSS_TEST_SEED={RUN_SEED}, this test's seed={value}")
    request.node.user_properties.append(("seed", value))
    return value


@pytest.fixture(autouse=True)
def repeatable(request: pytest.FixtureRequest) -> None:
    """Seed the global generator of torch, so that a test does not depend on the tests before it."""
    import torch

    torch.manual_seed(own_seed(request.node))
