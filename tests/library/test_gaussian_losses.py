"""The losses of rotated boxes as Gaussians, against their definitions on matrices in 160 digits."""

import math
from collections.abc import Callable
from functools import partial
from random import Random

import pytest
import torch
from mpmath import matrix, mp, mpf
from torch import Tensor

import detloss
from tests.oracle import gaussians as oracle
from tests.oracle.ulp import value_error

Row = list[float]
SATURATED = {
    "gwd": (detloss.gaussian_wasserstein_loss, oracle.wasserstein),
    "relative gwd": (partial(detloss.gaussian_wasserstein_loss, relative=True), oracle.relative_wasserstein),
    "kld": (detloss.kullback_leibler_loss, oracle.kullback_leibler),
    "reverse kld": (
        partial(detloss.kullback_leibler_loss, direction="target_to_pred"),
        oracle.reverse_kullback_leibler,
    ),
}
LOSSES = {
    f"{name}, {form}": (partial(loss, form=form), oracle.saturated(distance, form, 1.0))
    for name, (loss, distance) in SATURATED.items()
    for form in ("sqrt", "log", "linear")
} | {
    "gwd, tau 2.5": (
        partial(detloss.gaussian_wasserstein_loss, tau=2.5),
        oracle.saturated(oracle.wasserstein, "sqrt", 2.5),
    ),
    "kld, tau 2.5": (
        partial(detloss.kullback_leibler_loss, tau=2.5),
        oracle.saturated(oracle.kullback_leibler, "log", 2.5),
    ),
    "probiou": (detloss.probabilistic_iou_loss, oracle.hellinger),
    "probiou, log": (partial(detloss.probabilistic_iou_loss, form="log"), oracle.bhattacharyya),
}
FUNCTIONS = {
    detloss.gaussian_wasserstein_loss: detloss.GaussianWassersteinLoss,
    detloss.kullback_leibler_loss: detloss.KullbackLeiblerLoss,
    detloss.probabilistic_iou_loss: detloss.ProbabilisticIoULoss,
}
FROM_ZERO = [name for name in LOSSES if "tau" not in name]
SYMMETRIC = [name for name in LOSSES if "kld" not in name]
RELATIVE = [name for name in LOSSES if not name.startswith("gwd")]
SMOOTH = [name for name in FROM_ZERO if "sqrt" not in name and name != "probiou"]

CENTRES, SIDES = {0, 1, 5, 6}, {2, 3, 7, 8}
KIN = [next(kin for kin in (CENTRES, {2, 3}, {7, 8}, {4, 9}) if k in kin) for k in range(10)]  # what cancels together

every_loss = pytest.mark.parametrize("name", LOSSES)
every_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)


def box(rng: Random, size: float = 1.0, thinness: float = 1.0) -> Row:
    sides = [rng.uniform(0.3, 3.0) * size, rng.uniform(0.3, 3.0) * size * thinness]
    rng.shuffle(sides)
    return [rng.uniform(-2.0, 2.0) * size, rng.uniform(-2.0, 2.0) * size, *sides, rng.uniform(-4.0, 4.0)]


def beside(rng: Random, row: Row, step: float) -> Row:
    """A row that differs by about so much of the short side."""
    *lengths, angle = row
    short = min(lengths[2:])
    return [*(x + rng.uniform(-step, step) * short for x in lengths), angle + rng.uniform(-step, step)]


def moved(row: Row, x: float, y: float, grown: float = 1.0, turned: float = 0.0) -> Row:
    return [row[0] + x, row[1] + y, row[2] * grown, row[3] * grown, row[4] + turned]


def same(rng: Random, make: Callable[[Row], Row], **kind: float) -> tuple[Row, Row]:
    row = box(rng, **kind)
    return row, make(row)


SETS: dict[str, Callable[[Random], tuple[Row, Row]]] = {
    "random": lambda rng: (box(rng), box(rng)),
    "near": lambda rng: same(rng, lambda row: beside(rng, row, 1e-2)),
    "nearer": lambda rng: same(rng, lambda row: beside(rng, row, 1e-6)),
    "sides exchanged": lambda rng: same(
        rng, lambda row: [row[0] + 1e-3, row[1], 1.01 * row[3], row[2], row[4] + math.pi / 2]
    ),
    "nested": lambda rng: same(rng, lambda row: moved(row, 0.0, 0.0, 0.2, 0.3)),
    "far": lambda rng: (box(rng), moved(box(rng), 1e4, -1e3)),
    "thin": lambda rng: (box(rng, thinness=1e-4), box(rng, thinness=1e-4)),
    "thin and near": lambda rng: same(rng, lambda row: beside(rng, row, 1e-2), thinness=1e-4),
    "tiny": lambda rng: (box(rng, size=1e-15), box(rng, size=1e-15)),
    "huge": lambda rng: (box(rng, size=1e15), box(rng, size=1e15)),
    "tiny and huge": lambda rng: (box(rng, size=1e-15), box(rng, size=1e15)),
    "far from the origin": lambda rng: (moved(box(rng), 1e6, 1e6), moved(box(rng), 1e6, 1e6)),
    "half as long again": lambda rng: same(rng, lambda row: [*row[:2], row[2] * rng.uniform(0.6, 1.6), *row[3:]]),
}


def turned(angle: float) -> Tensor:
    """What to add to a row."""
    return torch.tensor([0.0, 0.0, 0.0, 0.0, angle], dtype=torch.float64)


def with_slopes(name: str, pred: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The losses, and the slopes by all ten numbers of every pair."""
    pred, target = pred.clone().requires_grad_(), target.clone().requires_grad_()
    value = LOSSES[name][0](pred, target, reduction="none")
    return value.detach(), torch.cat(torch.autograd.grad(value.sum(), (pred, target)), -1)


def drawn(seed: int, name: str, count: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    rng = Random(seed)
    pred, target = zip(*(SETS[name](rng) for _ in range(count)))
    return torch.tensor(pred, dtype=dtype), torch.tensor(target, dtype=dtype)


# ------------------------------------------------------------------------------------------------ accuracy


@pytest.mark.parametrize(("dtype", "count"), [(torch.float64, 2), (torch.float32, 1), (torch.bfloat16, 1)], ids=str)
@pytest.mark.parametrize("kind", SETS)
@every_loss
def test_values_and_slopes(name: str, kind: str, dtype: torch.dtype, count: int, seed: int) -> None:
    """A result is rounded once where float64 is more than it has; slopes of a kind may cancel in part."""
    pred, target = drawn(seed, kind, count, dtype)
    values, slopes = with_slopes(name, pred, target)
    unit = torch.finfo(dtype).eps
    once = 8.0 if dtype == torch.float64 else 0.501
    for row, other, value, by_row in zip(pred.tolist(), target.tolist(), values.tolist(), slopes.tolist()):
        truth, true_slopes = oracle.answer(LOSSES[name][1], row, other)
        assert value_error(value, truth, dtype) <= once
        if truth == 0:
            assert not any(by_row)
            continue
        for k, (got, true) in enumerate(zip(by_row, true_slopes)):
            if abs(true) > torch.finfo(dtype).max:
                assert got == math.copysign(math.inf, true)
            else:
                kin, lengths = KIN[k], [*row, *other]
                largest = max(abs(true_slopes[j] * (lengths[j] if SIDES & {j} else 1)) for j in kin)
                largest /= lengths[k] if SIDES & {k} else 1
                allowed = 0.501 * unit * abs(true) + 1e-11 * largest
                allowed += torch.finfo(dtype).tiny + oracle.unseen(row, other)
                assert abs(got - true) <= allowed, k


def test_the_oracle_takes_the_root_of_a_matrix_as_mpmath_does(seed: int) -> None:
    rng = Random(seed)
    for _ in range(5):
        pred, target = ([mpf(x) for x in box(rng)] for _ in range(2))
        (mean, one, root), (other_mean, other, _) = oracle.gaussian(pred, 4), oracle.gaussian(target, 4)
        shift: matrix = mean - other_mean
        trace = oracle.trace(one + other - 2 * mp.sqrtm(root * other * root))
        assert abs((shift.T * shift)[0] + trace - oracle.wasserstein(pred, target)) < mpf(10) ** -50
        assert mp.norm(root * root - one) < mpf(10) ** -50


def test_answers_by_hand() -> None:
    def cost(loss: Callable[..., Tensor], pred: Row, target: Row, **options: object) -> float:
        return loss(*(torch.tensor(row, dtype=torch.float64) for row in (pred, target)), **options).item()

    gwd, kld, probiou = FUNCTIONS
    # D = 3^2 + (4/2 - 4/2)^2 + (2/2 - 10/2)^2 = 25
    apart = [0.0, 0.0, 4.0, 2.0, 0.0], [3.0, 0.0, 4.0, 10.0, 0.0]
    assert cost(gwd, *apart) == pytest.approx(1 - 1 / 6, rel=1e-15)
    assert cost(gwd, *apart, form="linear") == pytest.approx(1 - 1 / 26, rel=1e-15)
    assert cost(gwd, *apart, form="log") == pytest.approx(1 - 1 / (1 + math.log(26)), rel=1e-15)
    assert cost(gwd, *apart, tau=3.0) == pytest.approx(1 - 1 / 8, rel=1e-15)
    assert cost(gwd, *apart, relative=True, form="linear") == pytest.approx(1 - 1 / (1 + 25 / 320**0.5), rel=1e-15)
    # a quarter turn: tr S + tr S' - 2 sqrt(tr SS' + 2 sqrt(|S||S'|)) = 2 (4 + 1) - 2 sqrt(8 + 2 * 4)
    quarter = [0.0, 0.0, 4.0, 2.0, 0.0], [0.0, 0.0, 4.0, 2.0, math.pi / 2]
    assert cost(gwd, *quarter) == pytest.approx(1 - 1 / (1 + math.sqrt(2)), rel=1e-15)
    # twice as long: ((2^2 - 1) - log 2^2) / 2; half as long: ((1/4 - 1) + log 4) / 2
    longer = [0.0, 0.0, 8.0, 2.0, 0.0], [0.0, 0.0, 4.0, 2.0, 0.0]
    there, back = (3 - math.log(4)) / 2, (math.log(4) - 0.75) / 2
    assert cost(kld, *longer, form="linear") == pytest.approx(1 - 1 / (1 + there), rel=1e-15)
    assert cost(kld, *longer, form="linear", direction="target_to_pred") == pytest.approx(1 - 1 / (1 + back), rel=1e-15)
    # |M| = (16 + 64)/24 * 4/12 and |S||S'| = (16 * 64 / 144) (4 / 12)^2: 1/2 log(5/4)
    assert cost(probiou, *longer, form="log") == pytest.approx(math.log(1.25) / 2, rel=1e-15)
    assert cost(probiou, *longer) == pytest.approx(math.sqrt(1 - 0.8**0.5), rel=1e-15)


@every_loss
@pytest.mark.parametrize("kind", ["random", "near", "nested"])
def test_derivatives_of_derivatives(name: str, kind: str, seed: int) -> None:
    pred, target = (rows.requires_grad_() for rows in drawn(seed, kind, 2))
    loss = partial(LOSSES[name][0], reduction="none")
    assert torch.autograd.gradgradcheck(loss, (pred, target), eps=1e-7, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_curvature_at_identical_boxes(name: str, seed: int) -> None:
    row = drawn(seed, "random", 1)[0][0]
    loss = LOSSES[name][0]
    slope = torch.func.grad(lambda pred: loss(pred, row))
    steps = torch.eye(5, dtype=torch.float64) * 1e-5
    differences = [(slope(row + step) - slope(row - step)) / 2e-5 for step in steps]
    torch.testing.assert_close(torch.func.jacrev(slope)(row), torch.stack(differences), rtol=1e-5, atol=1e-5)


# ------------------------------------------------------------------------------------- what one answer is right for


@pytest.mark.parametrize("name", FROM_ZERO)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16], ids=str)
def test_identical_boxes_cost_nothing(name: str, dtype: torch.dtype, seed: int) -> None:
    rows = drawn(seed, "random", 100, dtype)[0]
    rows[1, 2] = rows[2, 2:4] = rows[3, 3] = 0.0  # a segment, a point, a segment
    rows[4, 2] = rows[4, 3]  # a square
    values, slopes = with_slopes(name, rows, rows)
    assert torch.equal(values, torch.zeros_like(values))
    assert not slopes.any()


@pytest.mark.parametrize("name", ["gwd, tau 2.5", "kld, tau 2.5"])
def test_tau_lifts_identical_boxes(name: str) -> None:
    rows = torch.tensor([[0.0, 1.0, 2.0, 3.0, 0.5], [0.0, 1.0, 2.0, 0.0, 0.5]])
    values, slopes = with_slopes(name, rows, rows)
    torch.testing.assert_close(values, torch.full((2,), 1.0 - 1.0 / 2.5))
    assert not slopes.any()


@every_loss
def test_a_box_has_many_rows(name: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 200)
    value, slopes = with_slopes(name, pred, target)
    half = pred + turned(math.pi)
    exchanged = pred[:, [0, 1, 3, 2, 4]] + turned(math.pi / 2)
    for rows, order in ((half, slice(None)), (exchanged, [0, 1, 3, 2, 4, 5, 6, 7, 8, 9])):
        other, other_slopes = with_slopes(name, rows, target)
        torch.testing.assert_close(other, value, rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(other_slopes[:, order], slopes, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", SYMMETRIC)
def test_prediction_and_target_may_change_places(name: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 200)
    value, slopes = with_slopes(name, pred, target)
    other, other_slopes = with_slopes(name, target, pred)
    torch.testing.assert_close(other, value, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(other_slopes.roll(5, -1), slopes, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("form", ["sqrt", "log", "linear"])
def test_one_direction_is_the_other_with_the_boxes_exchanged(form: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 200)
    value, slopes = with_slopes(f"kld, {form}", pred, target)
    other, other_slopes = with_slopes(f"reverse kld, {form}", target, pred)
    torch.testing.assert_close(other, value, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(other_slopes.roll(5, -1), slopes, rtol=1e-11, atol=1e-11)


@every_loss
def test_both_boxes_may_be_moved_and_turned(name: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 200)
    value, _ = with_slopes(name, pred, target)
    angle = Random(seed).uniform(-3.0, 3.0)
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[cosine, sine], [-sine, cosine]], dtype=torch.float64)
    for rows in (pred, target):
        rows[:, :2] = rows[:, :2] @ turn + torch.tensor([3.0, -2.0])
        rows[:, 4] += angle
    torch.testing.assert_close(with_slopes(name, pred, target)[0], value, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", RELATIVE)
@pytest.mark.parametrize("scale", [2.0**40, 2.0**-40, 2.0**400, 2.0**-400])
def test_the_unit_of_length_does_not_matter(name: str, scale: float, seed: int) -> None:
    pred, target = drawn(seed, "random", 50)
    factors = torch.tensor([scale, scale, scale, scale, 1.0], dtype=torch.float64)
    value, slopes = with_slopes(name, pred, target)
    other, other_slopes = with_slopes(name, pred * factors, target * factors)
    assert torch.equal(other, value)
    assert torch.equal(other_slopes * factors.repeat(2), slopes)


@every_loss
def test_the_angle_of_a_square_is_not_seen(name: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 50)
    pred[:, 3] = pred[:, 2]
    value, slopes = with_slopes(name, pred, target)
    torch.testing.assert_close(with_slopes(name, pred + turned(1.0), target)[0], value, rtol=1e-13, atol=1e-14)
    assert not slopes[:, 4].any()


# ------------------------------------------------------------------------------------------------ the ends of the range


@every_loss
def test_a_negative_side_counts_as_0(name: str, seed: int) -> None:
    pred, target = drawn(seed, "random", 20)
    pred[:10, 2], target[10:, 3] = -1.0, -2.0
    value, slopes = with_slopes(name, pred, target)
    clamped = [torch.cat((rows[:, :2], rows[:, 2:4].clamp(min=0.0), rows[:, 4:]), -1) for rows in (pred, target)]
    assert torch.equal(value, with_slopes(name, *clamped)[0])
    assert not slopes[:10, 2].any()
    assert not slopes[10:, 8].any()


@pytest.mark.parametrize("name", [name for name in LOSSES if name.startswith("gwd")])
def test_a_box_without_area_travels_as_any_other(name: str, seed: int) -> None:
    rng = Random(seed)
    for pred, target in ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0)):
        rows = [[rng.uniform(-1, 1), rng.uniform(-1, 1), 1.5, size, rng.uniform(-3, 3)] for size in (pred, target)]
        value, slopes = with_slopes(name, *(torch.tensor([row], dtype=torch.float64) for row in rows))
        truth, true_slopes = oracle.answer(LOSSES[name][1], *rows)
        assert value.item() == pytest.approx(float(truth), rel=1e-14)
        assert slopes[0].tolist() == pytest.approx([float(slope) for slope in true_slopes], rel=1e-12, abs=1e-14)


def test_a_point_grows_into_its_target() -> None:
    """As a small square does."""
    target = torch.tensor([[1.0, 0.0, 4.0, 2.0, 0.3]], dtype=torch.float64)
    point = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.3]], dtype=torch.float64)
    speck = torch.tensor([[0.0, 0.0, 1e-9, 1e-9, 1.0]], dtype=torch.float64)
    for angle in (0.0, 0.3, 1.0):
        point[0, 4] = speck[0, 4] = angle
        for order in (slice(None), slice(None, None, -1)):
            near, slopes = with_slopes("gwd, sqrt", *(speck, target)[order])
            got, got_slopes = with_slopes("gwd, sqrt", *(point, target)[order])
            torch.testing.assert_close(got, near)
            torch.testing.assert_close(got_slopes, slopes)
            assert (got_slopes.view(2, 5)[0 if order == slice(None) else 1, 2:4] < 0.0).all()


@pytest.mark.parametrize("name", RELATIVE)
def test_a_box_without_area_is_infinitely_far(name: str) -> None:
    whole, flat, thin = [0.0, 0.0, 4.0, 2.0, 0.3], [0.0, 0.0, 4.0, 0.0, 0.3], [0.0, 0.0, 0.0, 2.0, 0.3]
    pairs = [(whole, flat), (flat, whole), (flat, thin), (thin, [0.1, *thin[1:]]), (flat, [*flat[:4], 0.4])]
    pred, target = (torch.tensor(rows) for rows in zip(*pairs))
    value, slopes = with_slopes(name, pred, target)
    torch.testing.assert_close(value, torch.full((5,), 126 * math.log(2.0) if name == "probiou, log" else 1.0))
    assert not slopes.any()


@every_loss
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_nothing_finite_becomes_nan(name: str, dtype: torch.dtype, seed: int) -> None:
    rng = Random(seed)
    least, most = (-120, 120) if dtype == torch.float64 else (-37, 37)

    def number() -> float:
        return rng.choice((0.0, 1.0, -1.0, rng.choice((-1, 1)) * 10.0 ** rng.uniform(least, most)))

    pred, target = (torch.tensor([[number() for _ in range(5)] for _ in range(2000)], dtype=dtype) for _ in range(2))
    pred[::3, :2] = target[::3, :2]
    pred[::5, 2:] = target[::5, 2:]
    value, slopes = with_slopes(name, pred, target)
    assert not value.isnan().any()
    assert (value >= 0.0).all()
    assert not slopes.isnan().any()
    if name != "probiou, log":
        assert (value <= 1.0).all()


@every_loss
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stays_in_its_row(name: str, bad: float, seed: int) -> None:
    pred, target = drawn(seed, "random", 11)
    pred[0, 2] = 0.0
    for k in range(5):
        pred[k, k] = target[5 + k, k] = bad
    value, slopes = with_slopes(name, pred, target)
    assert value[:10].isnan().all()
    assert slopes[:10].isnan().all()
    assert value[10].isfinite()
    assert slopes[10].isfinite().all()


# ------------------------------------------------------------------------------------------------ the contract


@every_function
def test_weights_and_reductions(function: Callable[..., Tensor], seed: int) -> None:
    pred, target = (rows.view(2, 3, 5) for rows in drawn(seed, "random", 6))
    each = function(pred, target, reduction="none")
    weight = torch.tensor([[0.0, 1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    assert each.shape == (2, 3)
    torch.testing.assert_close(function(pred, target), each.mean())
    torch.testing.assert_close(function(pred, target, reduction="sum", weight=2.0), 2.0 * each.sum())
    weighted = function(pred, target, weight=weight, normalizer=5.0)
    torch.testing.assert_close(weighted, (each * weight).sum() / 5.0)
    torch.testing.assert_close(torch.autograd.grad(weighted, weight)[0], each.sum(0, keepdim=True) / 5.0)
    assert function(pred[:0], target[:0]).item() == 0.0
    absent = torch.where(torch.arange(5) == 2, math.nan, pred)
    assert function(absent, target, weight=torch.zeros(2, 3)).item() == 0.0


@every_function
def test_dtypes(function: Callable[..., Tensor], seed: int) -> None:
    pred, target = drawn(seed, "random", 4)
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        rows = pred.to(dtype).requires_grad_()
        value = function(rows, target.to(torch.float32), reduction="none")
        assert value.dtype == dtype
        assert torch.autograd.grad(value.sum(), rows)[0].dtype == dtype
        reduced = torch.float32 if dtype.itemsize == 2 else dtype
        assert function(rows, target).dtype == reduced


@every_function
def test_modules(function: Callable[..., Tensor], seed: int) -> None:
    pred, target = drawn(seed, "random", 4)
    module = FUNCTIONS[function](reduction="sum", form="log")
    assert torch.equal(
        module(pred, target, weight=2.0), function(pred, target, weight=2.0, reduction="sum", form="log")
    )
    assert repr(FUNCTIONS[function](form="log", reduction="sum")).endswith("reduction='sum')")


@every_function
def test_errors(function: Callable[..., Tensor]) -> None:
    rows = torch.zeros(3, 5)
    for call, error, message in (
        (lambda: function([1.0], rows), TypeError, "pred: expected a tensor, got list"),
        (lambda: function(rows[:, :4], rows), ValueError, "pred: expected .* 5.* rows of Rotated.*, got .3, 4."),
        (lambda: function(rows, rows[:2]), ValueError, "target: expected the shape of pred, .3, 5., got .2, 5."),
        (lambda: function(rows, rows.int()), TypeError, "target: expected a floating dtype, got torch.int32"),
        (lambda: function(rows, rows, form="cubic"), ValueError, "form: expected .*'log'.*, got 'cubic'"),
        (lambda: function(rows, rows, reduction="max"), ValueError, "reduction: expected"),
        (lambda: function(rows, rows, weight=torch.ones(2)), ValueError, "weight: expected"),
    ):
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize("function", [detloss.gaussian_wasserstein_loss, detloss.kullback_leibler_loss])
def test_errors_of_tau(function: Callable[..., Tensor]) -> None:
    rows = torch.zeros(3, 5)
    with pytest.raises(ValueError, match="tau: expected a finite number of at least 1, got 0.5"):
        function(rows, rows, tau=0.5)
    with pytest.raises(TypeError, match="tau: expected a number, got str"):
        function(rows, rows, tau="1")


def test_errors_of_other_options() -> None:
    rows = torch.zeros(3, 5)
    with pytest.raises(TypeError, match="relative: expected True or False, got str"):
        detloss.gaussian_wasserstein_loss(rows, rows, relative="no")
    with pytest.raises(ValueError, match="direction: expected 'pred_to_target' or 'target_to_pred', got 'both'"):
        detloss.kullback_leibler_loss(rows, rows, direction="both")
    with pytest.raises(ValueError, match="form: expected 'sqrt', 'log' or 'linear', got 'square'"):
        detloss.kullback_leibler_loss(rows, rows, form="square")
    with pytest.raises(ValueError, match="form: expected 'linear' or 'log', got 'sqrt'"):
        detloss.probabilistic_iou_loss(rows, rows, form="sqrt")


@every_function
def test_transforms(function: Callable[..., Tensor], seed: int) -> None:
    pred, target = drawn(seed, "random", 4)
    value = function(pred, target, reduction="none")
    torch.testing.assert_close(torch.vmap(function)(pred, target), value)
    slopes = torch.vmap(torch.func.grad(function))(pred, target)
    rows = pred.clone().requires_grad_()
    torch.testing.assert_close(slopes, torch.autograd.grad(function(rows, target, reduction="sum"), rows)[0])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # compilers say it of their own parts
@every_function
def test_compilation(function: Callable[..., Tensor], seed: int) -> None:
    def step(pred: Tensor, target: Tensor) -> Tensor:
        return function(pred, target, form="log")

    torch._dynamo.reset()
    pred, target = (rows.requires_grad_() for rows in drawn(seed, "random", 8, torch.float32))
    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    for one, other in zip(
        torch.autograd.grad(compiled(pred, target), (pred, target)),
        torch.autograd.grad(step(pred, target), (pred, target)),
    ):
        torch.testing.assert_close(one, other)
