"""Convex shapes of the plane without area, with NaN, in other dtypes, in other dimensions; and what is no such shape."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import detloss
from detloss import AxisAligned, Cuboid, Mixed, Polygon, Polytope, Rotated
from detloss.geometry import Geometry
from detloss.kernels.eager import convex
from detloss.kernels.eager.convex import polygon_overlap
from tests.support.convex_pairs import corners_of, rectangles, regular

pytestmark = pytest.mark.usefixtures("each_backend")
DOUBLE = torch.float64
MEASURES: dict[str, Callable[..., Tensor]] = {
    "iou": detloss.iou,
    "giou": detloss.generalized_iou,
    "diou": detloss.distance_iou,
    "ciou": detloss.complete_iou,
}


SQUARE = [0.0, 0.0, 2.0, 2.0, 0.0]
POINT, FAR_POINT, IN_SQUARE = [1.0, 1.0, 0.0, 0.0, 0.3], [4.0, 5.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0, 0.0]
SEGMENT, ACROSS, UPRIGHT = [0.0, 0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0, 1.5], [0.0, 0.0, 0.0, 2.0, 0.0]
NEGATIVE, NEGATIVE_TWIN = [0.0, 0.0, -1.0, -2.0, 0.0], [0.0, 0.0, -3.0, -0.5, 0.0]
NARROW = [0.0, 0.0, -1.0, 2.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("a", "b", "iou", "giou", "diou", "ciou"),
    [
        (POINT, POINT, 1, 1, 1, 1),
        (POINT, [1.0, 1.0, 0.0, 0.0, 0.9], 1, 1, 1, 1),  # a point has no angle
        (SEGMENT, SEGMENT, 1, 1, 1, 1),
        (NEGATIVE, NEGATIVE_TWIN, 1, 1, 1, 1),  # the same point
        (POINT, FAR_POINT, 0, -1, -1, -1),
        (SEGMENT, ACROSS, 0, -1, 0, 0),
        (SEGMENT, UPRIGHT, 0, -1, 0, -0.5),
        (IN_SQUARE, SQUARE, 0, 0, -1 / 16, -1 / 16),
        (SEGMENT, SQUARE, 0, 0, 0, -1 / 20),
        (NARROW, SQUARE, 0, 0, 0, -1 / 20),  # a negative side is 0
        (NEGATIVE, SQUARE, 0, 0, 0, 0),
    ],
)
def test_rectangles_without_area(
    a: list, b: list, iou: float, giou: float, diou: float, ciou: float, dtype: torch.dtype
) -> None:
    for first, second in ((a, b), (b, a)):
        rows = [torch.tensor([row], dtype=dtype, requires_grad=True) for row in (first, second)]
        for name, expected in (("iou", iou), ("giou", giou), ("diou", diou), ("ciou", ciou)):
            value = MEASURES[name](*rows, geometry=Rotated())
            assert value.dtype == dtype
            assert value.item() == pytest.approx(expected, abs=1e-14 if dtype == DOUBLE else 1e-2), name
            for slopes in torch.autograd.grad(value.sum(), rows):
                assert slopes.dtype == dtype
                assert slopes.isfinite().all(), name


def test_a_negative_side_has_no_slope() -> None:
    """The other one has: it bounds the hull."""
    row = torch.tensor([[0.5, 0.0, -1.0, 3.0, 0.0]], dtype=DOUBLE, requires_grad=True)
    square = torch.tensor([SQUARE], dtype=DOUBLE)
    for name, measure in MEASURES.items():
        (slopes,) = torch.autograd.grad(measure(row, square, geometry=Rotated()).sum(), row)
        assert slopes[0, 2].item() == 0.0, name
        assert (slopes[0, 3].item() != 0.0) == (name != "iou")


TRIANGLE = [[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]]


@pytest.mark.parametrize(
    ("a", "b", "iou", "giou", "diou"),
    [
        ([[1.0, 1.0]] * 3, [[1.0, 1.0]] * 4, 1, 1, 1),
        ([[1.0, 1.0]] * 3, [[2.0, 1.0]] * 4, 0, -1, -1),
        ([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]], 1, 1, 1),
        ([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [2.0, 0.0], [2.0, 0.0]], 0, -1, -1 / 16),
        ([[1.0, 1.0]] * 3, TRIANGLE, 0, 0, 0),
        ([[0.5, 0.5]] * 5, TRIANGLE, 0, 0, -1 / 36),
        ([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]], TRIANGLE, 0, 0, -1 / 36),
    ],
)
def test_polygons_without_area(a: list, b: list, iou: float, giou: float, diou: float) -> None:
    for first, second in ((a, b), (b, a)):
        rows = [torch.tensor([row], dtype=DOUBLE, requires_grad=True) for row in (first, second)]
        for name, expected in (("iou", iou), ("giou", giou), ("diou", diou)):
            value = MEASURES[name](*rows, geometry=Polygon())
            assert value.item() == pytest.approx(expected, abs=1e-14), name
            assert all(slopes.isfinite().all() for slopes in torch.autograd.grad(value.sum(), rows)), name


def test_a_box_around_is_not_the_shape_itself() -> None:
    """A square turned by 45 degrees fills half of its box, also where both are the same square."""
    turned = torch.tensor([[0.0, 0.0, 1.0, 1.0, math.pi / 4]], dtype=DOUBLE, requires_grad=True)
    value = detloss.generalized_iou(turned, turned.detach(), geometry=Rotated(), enclosing="box")
    assert value.item() == pytest.approx(0.5, abs=1e-14)
    value = detloss.generalized_iou(turned, turned.detach() + 1e-13, geometry=Rotated(), enclosing="box")
    assert value.item() == pytest.approx(0.5, abs=1e-11)


def test_a_square_is_the_same_however_it_is_written_but_for_its_aspect() -> None:
    """Rounding must not decide: a rectangle written with its sides swapped has the aspect term of the formula."""
    row = [0.15061474285732515, 0.18602988402987156, 0.572148735445829, 1.6440897518821465, 2.3242625880133705]
    twin = [*row[:2], row[3], row[2], 3.895058914808267]
    first, second = torch.tensor([row, twin], dtype=DOUBLE).unsqueeze(1)
    turn = math.atan(row[2] / row[3]) - math.atan(row[3] / row[2])
    assert detloss.complete_iou_loss(first, second, geometry=Rotated()).item() == pytest.approx(
        4.0 / math.pi**2 * turn**2, rel=1e-10
    )


@pytest.mark.parametrize("geometry", [Rotated(), Polygon(), Mixed(Rotated(), Polygon())], ids=str)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_stays_alone(geometry: Geometry, bad: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    first = regular(generator, 9, 4) if geometry == Polygon() else rectangles(generator, 9)
    second = rectangles(generator, 9) if geometry == Rotated() else regular(generator, 9, 5)
    broken, other = first.clone(), second.clone()
    broken[2].view(-1)[seed % first[0].numel()] = bad
    other[5].view(-1)[seed % second[0].numel()] = bad
    rest = [k for k in range(9) if k not in (2, 5)]
    for measure in list(MEASURES.values())[: None if geometry == Rotated() else -1]:
        rows = [each.requires_grad_() for each in (first, second)]
        bad_rows = [each.requires_grad_() for each in (broken, other)]
        value, with_bad = measure(*rows, geometry=geometry), measure(*bad_rows, geometry=geometry)
        assert with_bad[[2, 5]].isnan().all()
        assert torch.equal(with_bad[rest], value[rest])
        slopes, by_bad = torch.autograd.grad(value.sum(), rows), torch.autograd.grad(with_bad.sum(), bad_rows)
        for each, one in zip(slopes, by_bad):
            assert one[[2, 5]].isnan().all()
            assert torch.equal(one[rest], each[rest])


@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 2e-7), (torch.bfloat16, 8e-3), (torch.float16, 1e-3)])
def test_narrow_numbers_are_rounded_once(dtype: torch.dtype, error: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = [rectangles(generator, 1000).to(dtype) for _ in range(2)]
    for measure in MEASURES.values():
        narrow = [each.clone().requires_grad_() for each in rows]
        wide = [each.double().requires_grad_() for each in rows]
        value, exact = measure(*narrow, geometry=Rotated()), measure(*wide, geometry=Rotated())
        assert value.dtype == dtype
        torch.testing.assert_close(value.double(), exact, rtol=0, atol=error)
        for slopes, exact_slopes in zip(
            torch.autograd.grad(value.sum(), narrow), torch.autograd.grad(exact.sum(), wide)
        ):
            assert slopes.dtype == dtype
            torch.testing.assert_close(slopes.double(), exact_slopes, rtol=error, atol=error)
    loss = detloss.iou_loss(*rows, geometry=Rotated())
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(
        1.0 - detloss.iou(*(each.double() for each in rows), geometry=Rotated()).mean().item(), rel=1e-3
    )


def test_a_float32_box_far_from_the_origin() -> None:
    """Its numbers are exact there, so the answer is."""
    rows = torch.tensor([[4096.0, 8192.0, 2.0, 2.0, 0.0], [4097.0, 8192.0, 2.0, 2.0, 0.0]])
    assert detloss.iou(rows[0], rows[1], geometry=Rotated()).item() == pytest.approx(1.0 / 3.0, rel=1e-7)


@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
@pytest.mark.parametrize("geometry", [Rotated(), Polygon(), Mixed(Polygon(), Rotated())], ids=str)
def test_pairwise(geometry: Geometry, leading: tuple[int, ...], seed: int) -> None:
    generator, groups = torch.Generator().manual_seed(seed), math.prod(leading)
    a = rectangles(generator, 4 * groups) if geometry == Rotated() else regular(generator, 4 * groups, 5)
    b = regular(generator, 3 * groups, 6) if geometry == Polygon() else rectangles(generator, 3 * groups)
    a, b = a.view(*leading, 4, *a.shape[1:]).requires_grad_(), b.view(*leading, 3, *b.shape[1:]).requires_grad_()
    each_a = a.unsqueeze(len(leading) + 1).expand(*leading, 4, 3, *a.shape[len(leading) + 1 :])
    each_b = b.unsqueeze(len(leading)).expand(*leading, 4, 3, *b.shape[len(leading) + 1 :])
    for name in ("iou", "giou", "diou"):
        matrix = MEASURES[name](a, b, geometry=geometry, pairwise=True)
        expected = MEASURES[name](each_a, each_b, geometry=geometry)
        assert matrix.shape == (*leading, 4, 3)
        assert torch.equal(matrix, expected)
        found, wanted = (torch.autograd.grad(value.sum(), (a, b)) for value in (matrix, expected))
        for slopes, right in zip(found, wanted):
            torch.testing.assert_close(slopes, right, rtol=1e-12, atol=1e-12)


def test_nobody_to_compare() -> None:
    for geometry, row in ((Rotated(), (5,)), (Polygon(), (4, 2))):
        none, some = torch.zeros(0, *row, requires_grad=True), torch.ones(3, *row)
        assert detloss.iou(none, none, geometry=geometry).shape == (0,)
        assert detloss.generalized_iou(none, some, geometry=geometry, pairwise=True).shape == (0, 3)
        detloss.generalized_iou_loss(none, none, geometry=geometry).backward()
        assert none.grad is not None


def test_more_pairs_than_a_chunk(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = [rectangles(generator, 50) for _ in range(2)]
    whole = [each.clone().requires_grad_() for each in rows]
    value = detloss.generalized_iou(*whole, geometry=Rotated())
    slopes = torch.autograd.grad(value.sum(), whole)
    monkeypatch.setitem(convex.PAIRS_PER_CHUNK, 2, 7)
    parts = [each.clone().requires_grad_() for each in rows]
    in_parts = detloss.generalized_iou(*parts, geometry=Rotated())
    assert torch.equal(in_parts, value)
    for each, other in zip(torch.autograd.grad(in_parts.sum(), parts), slopes):
        assert torch.equal(each, other)
    assert len(value) > 3 * convex.PAIRS_PER_CHUNK[2]


@pytest.mark.parametrize("geometry", [Rotated(), Polygon(), Cuboid()], ids=str)
def test_the_reference_passes_over_pairs_that_are_apart(geometry: Geometry, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at, along_boundaries = [], polygon_overlap.along_boundaries

    def counted(first: Tensor, *others: Tensor) -> object:
        looked_at.append(len(first))
        return along_boundaries(first, *others)

    monkeypatch.setattr(polygon_overlap, "along_boundaries", counted)
    # Squares of side 2 in a row, 1.5 apart: each meets itself, and shares a strip of .5 with its neighbors.
    squares = torch.tensor([[1.5 * k, 0.0, 2.0, 2.0, 0.0] for k in range(6)], dtype=DOUBLE)
    rows = corners_of(squares) if geometry == Polygon() else squares
    if geometry == Cuboid():
        rows = torch.tensor([[1.5 * k, 0.0, 0.0, 2.0, 2.0, 2.0, 0.0] for k in range(6)], dtype=DOUBLE)
    with detloss.use_backend("eager"):
        likeness = detloss.iou(rows, rows, geometry=geometry, pairwise=True)
    expected = torch.eye(6, dtype=DOUBLE)
    expected[torch.arange(5), torch.arange(1, 6)] = expected[torch.arange(1, 6), torch.arange(5)] = 1.0 / 7.0
    torch.testing.assert_close(likeness, expected, rtol=0, atol=3e-11)
    assert looked_at == [6 + 2 * 5]


def test_rows_in_any_layout(seed: int) -> None:
    """Columns in a stride of their own, and an expanded target."""
    generator = torch.Generator().manual_seed(seed)
    first, second = rectangles(generator, 20), rectangles(generator, 1)
    wide = torch.full((20, 10), math.nan, dtype=DOUBLE)
    wide[:, ::2] = first
    expected = detloss.iou(first, second.repeat(20, 1), geometry=Rotated())
    assert torch.equal(detloss.iou(wide[:, ::2], second.expand(20, 5), geometry=Rotated()), expected)
    corners = corners_of(first)
    turned = corners.permute(2, 1, 0).contiguous().permute(2, 1, 0)
    as_polygons = [
        detloss.iou(each, corners_of(second).expand(20, 4, 2), geometry=Polygon()) for each in (corners, turned)
    ]
    assert torch.equal(*as_polygons)


def test_weights_and_reductions(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    pred, target = rectangles(generator, 10), rectangles(generator, 10)
    weight = torch.rand(10, generator=generator, dtype=DOUBLE)
    pred[3], weight[3] = math.nan, 0.0
    each = detloss.generalized_iou_loss(pred, target, geometry=Rotated(), reduction="none")
    rest = weight > 0.0
    for reduction, count in (("sum", 1.0), ("mean", 10.0)):
        loss = detloss.generalized_iou_loss(pred, target, geometry=Rotated(), weight=weight, reduction=reduction)
        assert loss.item() == pytest.approx((each * weight)[rest].sum().item() / count, rel=1e-12)


BOX, PLANE = AxisAligned(), torch.zeros(3, 5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Mixed("box", Rotated()), TypeError, r"first: expected a geometry such as Rotated\(\), got 'box'"),
        (lambda: Mixed(Rotated(), Rotated), TypeError, r"second: expected a geometry such as Rotated\(\), got <class"),
        (lambda: Mixed(Mixed(BOX, BOX), BOX), TypeError, r"first: expected a geometry such as Rotated\(\), got Mixed"),
        (lambda: Mixed(Rotated(), Cuboid()), ValueError, r"second: expected a geometry that goes with Rotated\(\), got Cuboid\(\)"),
        (lambda: Mixed(AxisAligned(dims=4), AxisAligned(dims=4)), ValueError, "second: expected a geometry that goes with"),
        (lambda: Polytope(form="faces"), ValueError, "form: expected 'vertices' or 'halfspaces', got 'faces'"),
        (lambda: detloss.iou(PLANE, PLANE, geometry=Rotated), TypeError, r"geometry: expected an instance such as AxisAligned\(\), got the class Rotated \(try Rotated\(\)\)"),
        (lambda: detloss.iou(PLANE, PLANE, geometry="rotated"), TypeError, r"geometry: expected an instance such as AxisAligned\(\), got 'rotated'"),
        (lambda: detloss.iou(PLANE[:, :4], PLANE, geometry=Rotated()), ValueError, r"a: expected \(\.\.\., 5\) rows of Rotated\(\), got \(3, 4\)"),
        (lambda: detloss.iou(PLANE, PLANE[:2], geometry=Rotated()), ValueError, r"b: expected as many rows as a, \(3, 5\), got \(2, 5\)"),
        (lambda: detloss.iou(PLANE, PLANE[0], geometry=Rotated(), pairwise=True), ValueError, r"b: expected \(\.\.\., M\) rows beside \(\.\.\., N\) rows of a"),
        (lambda: detloss.iou(torch.zeros(3, 2, 2), torch.zeros(3, 4, 2), geometry=Polygon()), ValueError, r"a: expected \(\.\.\., at least 3, 2\) rows of Polygon\(\), got \(3, 2, 2\)"),
        (lambda: detloss.iou(torch.zeros(3, 4, 2), torch.zeros(3, 4, 3), geometry=Polygon()), ValueError, r"b: expected \(\.\.\., at least 3, 2\) rows of Polygon\(\), got \(3, 4, 3\)"),
        (lambda: detloss.iou(torch.zeros(2), torch.zeros(3, 2), geometry=Polygon()), ValueError, r"a: expected \(\.\.\., at least 3, 2\) rows of Polygon\(\), got \(2,\)"),
        (lambda: detloss.iou_loss(PLANE, PLANE[:2], geometry=Rotated()), ValueError, r"target: expected as many rows as pred, \(3, 5\), got \(2, 5\)"),
        (lambda: detloss.iou_loss(PLANE.long(), PLANE, geometry=Rotated()), TypeError, r"pred: expected a floating dtype, got torch.int64 \(try pred.to\(torch.float32\)\)"),
        (lambda: detloss.complete_iou(torch.zeros(1, 3, 2), torch.zeros(1, 3, 2), geometry=Polygon()), ValueError, r"geometry: expected one with the measure aspect_angle, which complete_iou reads, got Polygon\(\)"),
        (lambda: detloss.complete_iou_loss(PLANE, torch.zeros(3, 3, 2), geometry=Mixed(Rotated(), Polygon())), ValueError, r"geometry: expected one with the measure aspect_angle, which complete_iou reads, got Mixed\(first=Rotated\(\), second=Polygon\(\)\)"),
        (lambda: detloss.generalized_iou(PLANE, PLANE, geometry=Rotated(), enclosing="circle"), ValueError, "enclosing: expected None, 'box' or 'hull', got 'circle'"),
        (lambda: detloss.generalized_iou_loss(PLANE, PLANE, geometry=AxisAligned(dims=4), enclosing="hull"), ValueError, "enclosing: expected None or 'box' for AxisAligned"),
    ],
)  # fmt: skip
def test_errors(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
