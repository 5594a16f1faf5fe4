"""Experiment of `detloss simulate`, compared with scalar code and with published figures."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from detloss.catalog import LOSSES
from detloss.experiments.simulation import simulation_plots
from detloss.experiments.simulation.experiment import (
    GRADIENTS,
    Simulation,
    anchor_centers,
    cases_at,
    default_losses,
    descend,
    has_gradient,
    losses_with,
    simulate,
)
from detloss.loss_names import BOX_LOSSES, loss_named
from tests.experiments.simulation import exact_descent as oracle
from tests.support.marks import exhaustive_except

BY_NAME = {loss.name: loss for loss in LOSSES}
BOXES = ("iou", "giou", "diou", "ciou")
NUMBERS = ("l1", "l2", "smooth_l1")
WITH_GRADIENT = [
    *(("exact", name) for name in oracle.LOSSES),
    *(("detach", name) for name in oracle.LOSSES),
    *(("published", name) for name in BOXES),
]


# ------------------------------------------------------------------------------------------------------------- cases


def test_points_are_uniform_in_the_disc(seed: int) -> None:
    x, y = (anchor_centers(20_000, seed) - 10.0).T
    radius = torch.hypot(x, y)
    assert radius.max() <= 3
    for share in (0.1, 0.25, 0.5, 0.9):  # of the area: a circle of radius 3 sqrt(share)
        assert (radius < 3 * math.sqrt(share)).double().mean().item() == pytest.approx(share, abs=0.02)
    quarters = torch.bincount(2 * (x > 0).long() + (y > 0).long()) / len(x)
    assert quarters.tolist() == pytest.approx([0.25] * 4, abs=0.02)


def test_points_follow_the_seed(seed: int) -> None:
    points = anchor_centers(50, seed)
    assert torch.equal(points, anchor_centers(50, seed))
    assert not torch.equal(points, anchor_centers(50, seed + 1))


def test_every_point_has_every_anchor_with_every_target(seed: int) -> None:
    points = anchor_centers(3, seed)
    boxes, targets = cases_at(points)
    rows = torch.cat([boxes, targets], dim=-1).view(3, 343, 8)
    for point, found in zip(points.tolist(), rows.numpy().round(9).tolist(), strict=True):
        expected = np.round([anchor + target for anchor, target in oracle.cases(point)], 9).tolist()
        assert sorted(found) == sorted(expected)


# --------------------------------------------------------------------------------------------------------- gradients


def random_pairs(seed: int, count: int = 400) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes that overlap their targets, lie inside, around or apart."""
    generator = np.random.default_rng(seed)
    target = np.concatenate([np.full((count, 2), 10.0), np.exp(generator.uniform(-0.7, 0.7, (count, 2)))], axis=1)
    spread = generator.choice([0.2, 1.0, 2.5], (count, 1))
    box = target + np.concatenate([generator.normal(0, spread, (count, 2)), np.zeros((count, 2))], axis=1)
    box[:, 2:] = np.exp(generator.uniform(-1.5, 1.5, (count, 2)))
    return torch.from_numpy(box), torch.from_numpy(target)


def test_random_pairs_cover_all_configurations(seed: int) -> None:
    boxes, targets = random_pairs(seed)
    shares = [oracle.overlap(box, target) for box, target in zip(boxes.tolist(), targets.tolist(), strict=True)]
    assert 0.2 < np.mean(np.array(shares) == 0) < 0.8
    inside = ((boxes - targets)[:, :2].abs() < (targets - boxes)[:, 2:] / 2).all(1)
    around = ((boxes - targets)[:, :2].abs() < (boxes - targets)[:, 2:] / 2).all(1)
    assert inside.sum() > 5
    assert around.sum() > 5


@pytest.mark.parametrize(("which", "name"), WITH_GRADIENT)
def test_gradients_equal_the_definitions(which: str, name: str, seed: int) -> None:
    boxes, targets = random_pairs(seed)
    expected = [
        oracle.gradient(name, which, box, target) for box, target in zip(boxes.tolist(), targets.tolist(), strict=True)
    ]
    found = GRADIENTS[which](BY_NAME[name])(boxes, targets)
    assert found.numpy() == pytest.approx(np.array(expected), rel=1e-9, abs=1e-10)


def test_the_three_gradients_differ_where_they_should(seed: int) -> None:
    boxes, targets = random_pairs(seed)
    found = {pair: GRADIENTS[pair[0]](BY_NAME[pair[1]])(boxes, targets) for pair in WITH_GRADIENT}
    for name in BOXES:
        has_diagonal = name in ("diou", "ciou")
        assert torch.allclose(found["exact", name], found["detach", name]) is not has_diagonal
        assert not torch.allclose(found["exact", name], found["published", name])


@pytest.mark.parametrize("name", BOXES)
def test_identical_boxes_have_a_finite_published_step(name: str) -> None:
    boxes = torch.tensor([[10.0, 10.0, 1.0, 1.0]], dtype=torch.float64)
    assert GRADIENTS["published"](BY_NAME[name])(boxes, boxes).isfinite().all()


# ----------------------------------------------------------------------------------------------------------- descent


@pytest.mark.parametrize(
    ("which", "name"),
    exhaustive_except(
        [
            ("exact", "giou"),
            ("exact", "smooth_l1"),
            ("detach", "ciou"),
            ("published", "giou"),
            ("published", "ciou"),
        ],
        lambda case: case[1] == "ciou",
    ),
)
def test_the_error_equals_that_of_scalar_code(which: str, name: str, seed: int) -> None:
    point = anchor_centers(1, seed)
    course = descend(BY_NAME[name], GRADIENTS[which](BY_NAME[name]), point)
    expected = [oracle.errors(name, which, box, target) for box, target in oracle.cases(*point.tolist())]
    totals = np.sum(expected, axis=0)
    assert course.totals[:51] == pytest.approx(totals[:51], rel=1e-6)
    # later, boxes go back and forth over the kinks of their loss, where a rounding decides to which side a step goes
    assert course.totals == pytest.approx(totals, rel=0.1)
    assert course.final.tolist() == pytest.approx([totals[-1] / 343], rel=0.1)


@pytest.mark.parametrize("points_per_batch", [1, 3, 7])
def test_batches_add_up_to_the_whole(points_per_batch: int, seed: int) -> None:
    points, done = anchor_centers(7, seed), []
    whole = descend(BY_NAME["ciou"], GRADIENTS["exact"](BY_NAME["ciou"]), points, points_per_batch=100)
    parts = descend(
        BY_NAME["ciou"],
        GRADIENTS["exact"](BY_NAME["ciou"]),
        points,
        points_per_batch=points_per_batch,
        advance=done.append,
    )
    assert parts.totals == pytest.approx(whole.totals, rel=1e-3)
    assert parts.final.tolist() == pytest.approx(whole.final.tolist(), rel=1e-2)
    assert sum(done) == 7
    assert len(done) == -(-7 // points_per_batch)


def test_every_loss_starts_from_the_same_error_and_lowers_it(seed: int) -> None:
    simulation = simulate([BY_NAME[name] for name in (*NUMBERS, *BOXES)], gradient="exact", points=8, seed=seed)
    start, *_ = simulation.courses[0].totals
    for course in simulation.courses:
        assert len(course.totals) == 201
        assert course.totals[0] == start
        assert course.totals[200] < course.totals[20] < start
        assert course.final.sum().item() * 343 == pytest.approx(course.totals[200])
        assert course.is_trivial is (course.loss.name in NUMBERS)


def test_iou_moves_no_disjoint_box(seed: int) -> None:
    angle = 2 * math.pi * np.random.default_rng(seed).random()
    far = torch.tensor([[10 + 2.99 * math.cos(angle), 10 + 2.99 * math.sin(angle)]], dtype=torch.float64)
    boxes, targets = cases_at(far)
    apart = sum(not oracle.overlap(box, target) for box, target in zip(boxes.tolist(), targets.tolist(), strict=True))
    course = descend(BY_NAME["iou"], GRADIENTS["exact"](BY_NAME["iou"]), far)
    assert apart > 200
    assert course.totals[200] > 0.5 * course.totals[0] * apart / 343


MEASURED = {
    ("exact", "iou"): (6.308, 6.074, 5.968, 5.950, 5.901),
    ("exact", "giou"): (4.049, 1.939, 0.593, 0.323, 0.0295),
    ("exact", "diou"): (5.095, 2.853, 0.718, 0.304, 0.0529),
    ("exact", "ciou"): (4.843, 2.487, 0.494, 0.258, 0.0075),
    ("published", "iou"): (6.237, 6.018, 5.972, 5.970, 5.900),
    ("published", "giou"): (4.358, 3.333, 2.341, 1.869, 1.507),
    ("published", "diou"): (2.307, 0.529, 0.407, 0.398, 0.0041),
    ("published", "ciou"): (1.761, 0.431, 0.404, 0.395, 0.0042),
    ("detach", "diou"): (None, 0.943, None, None, None),
    ("detach", "ciou"): (None, 0.671, None, None, None),
}
"""Total errors at full size in millions, after 20, 50, 100, 160, 200 steps."""


@pytest.fixture(scope="module")
def points() -> torch.Tensor:
    """A hundred points whose cases err as much as those of all 5000: few stand for all only if they lie as evenly."""
    share = (torch.arange(100, dtype=torch.float64) + 0.5) / 100
    turn = torch.arange(100, dtype=torch.float64) * math.pi * (3 - math.sqrt(5))  # the golden angle, as in a sunflower
    return 10 + 3 * share.sqrt()[:, None] * torch.stack([turn.cos(), turn.sin()], dim=-1)


@pytest.mark.parametrize(("which", "name"), exhaustive_except(MEASURED, lambda case: case[1] == "giou"))
def test_the_experiment_reproduces_the_published_figures(which: str, name: str, points: torch.Tensor) -> None:
    course = descend(BY_NAME[name], GRADIENTS[which](BY_NAME[name]), points)
    in_millions = 5000 / len(points) / 1e6
    assert course.totals[0] * in_millions == pytest.approx(6.656, rel=0.01)
    for step, expected in zip((20, 50, 100, 160, 200), MEASURED[which, name], strict=True):
        if expected is not None:
            assert course.totals[step] * in_millions == pytest.approx(expected, rel=0.1), step


# -------------------------------------------------------------------------------------------------------- experiment


def test_which_losses_have_which_gradient() -> None:
    assert [loss.name for loss in losses_with("published")] == list(BOXES)
    for which in ("exact", "detach"):
        assert {loss.name for loss in default_losses(which)} == set(oracle.LOSSES)
    of_boxes = {loss.name for loss in BOX_LOSSES.values()}
    assert {loss.name for loss in losses_with("exact")} == of_boxes
    assert of_boxes - {loss.name for loss in losses_with("detach")} == {"eiou", "wiou", "shapeiou"}
    assert not has_gradient(loss_named("alpha-diou"), "detach")
    assert has_gradient(loss_named("alpha-diou"), "exact")


def test_the_experiment_runs_on_one_thread_and_restores_the_setting() -> None:
    before, seen = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        simulate(
            [BY_NAME["l2"]],
            gradient="exact",
            points=1,
            seed=0,
            advance=lambda loss, points: seen.append((loss.name, points, torch.get_num_threads())),
        )
        assert seen == [("l2", 1, 1)]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# ----------------------------------------------------------------------------------------------------------- picture


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(default_losses("exact"), gradient="exact", points=4, seed=11)


def test_the_plot_shows_errors_and_maps(simulation: Simulation) -> None:
    figure = simulation_plots.draw(simulation)
    curves, *maps = figure.axes
    assert "exact gradient" in figure.get_suptitle()
    assert "1,372 cases" in figure.get_suptitle()
    assert curves.get_yscale() == "log"
    for line, course in zip(curves.lines, simulation.courses, strict=True):
        assert line.get_ydata() == pytest.approx(course.totals)
        assert line.get_label().startswith(course.loss.title)
        assert ("trivial" in line.get_label()) is course.is_trivial
    assert [panel.get_title() for panel in maps[:8]] == [course.loss.title for course in simulation.courses]
    for panel, course in zip(maps, simulation.courses, strict=False):
        (dots,) = panel.collections
        assert np.asarray(dots.get_offsets()) == pytest.approx(simulation.points.numpy() - 10)
        assert np.asarray(dots.get_array()) == pytest.approx(course.final.numpy(), abs=1e-30)


def test_the_plot_is_an_image(simulation: Simulation, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    simulation_plots.write(simulation, path)
    pixels = np.asarray(Image.open(path).convert("L"), dtype=float)
    assert pixels.shape[1] > 1000
    assert all(half.std() > 10 for half in np.array_split(pixels, 2)), "curves above, maps below"
