"""Contract of all converters, and their errors."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import detloss
from tests.support.converter_cases import EVERY, FROM_CORNERS, every


@every
def test_derivatives(converter: Callable, operands: Callable, seed: int) -> None:
    given = operands(seed)[:2].clone().requires_grad_()
    assert torch.autograd.gradcheck(converter, given, atol=1e-4, rtol=1e-4)


@every
def test_leading_dimensions(converter: Callable, operands: Callable, seed: int) -> None:
    given = operands(seed)
    one_by_one = torch.stack([converter(row) for row in given])
    assert one_by_one.dtype == torch.float64
    torch.testing.assert_close(converter(given), one_by_one)
    folded = given[:2].reshape(2, 1, *given.shape[1:])
    torch.testing.assert_close(converter(folded), one_by_one[:2].unsqueeze(1))
    backward = converter(given.transpose(0, -1).contiguous().transpose(0, -1))
    torch.testing.assert_close(backward, one_by_one)
    for shape in ((0,), (2, 0), (0, 3)):
        empty = given.new_empty(*shape, *given.shape[1:]).requires_grad_()
        assert converter(empty).shape == (*shape, *one_by_one.shape[1:])
        assert torch.autograd.grad(converter(empty).sum(), empty)[0].shape == empty.shape


@every
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_dtypes(converter: Callable, operands: Callable, dtype: torch.dtype, seed: int) -> None:
    """Equal to the float64 result of the same numbers rounded once; in float32 within a few ulps of it."""
    given = operands(seed).to(dtype)
    ours, exact = converter(given), converter(given.double())
    assert ours.dtype == dtype
    if converter is not detloss.polytope_to_halfspaces:  # there, which vertices share a face depends on the dtype
        steps = 32 if dtype == torch.float32 else 1
        wrong = (ours.double() - exact).abs() > steps * torch.finfo(dtype).eps * (exact.abs() + 1.0)
        # The angle of a quadrilateral that is nearest to two rectangles at once has no digits in float32.
        assert wrong.double().mean() <= (0.05 if converter in FROM_CORNERS and dtype == torch.float32 else 0.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(converter(given), ours)


@every
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # compilers warn about their own code
def test_vmap_and_compile(converter: Callable, operands: Callable, seed: int) -> None:
    given = operands(seed)
    expected = converter(given)
    torch.testing.assert_close(torch.func.vmap(converter)(given), expected)
    jacobian = torch.func.vmap(torch.func.jacrev(converter))(given)
    assert jacobian.shape == (*expected.shape, *given.shape[1:])
    torch._dynamo.reset()
    compiled = torch.compile(converter, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(given), expected)


@every
def test_a_nan_stays_in_its_row(converter: Callable, operands: Callable, seed: int) -> None:
    given = operands(seed)[:3].clone()
    expected = converter(given)
    given[1].view(-1)[0] = math.nan
    ours = converter(given)
    assert ours[1].isnan().any()
    torch.testing.assert_close(ours[[0, 2]], expected[[0, 2]])


ROW = {
    "rotated_from_degrees": ("rows", 4, r"expected \(\.\.\., 5\) rows of Rotated\(\), got \(4,\)"),
    "rotated_to_degrees": ("rows", 4, r"expected \(\.\.\., 5\) rows of Rotated\(\), got \(4,\)"),
    "rotated_from_corners": ("corners", 4, r"expected shape \(\.\.\., 4, 2\), got \(4,\)"),
    "rotated_to_corners": ("rows", 4, r"expected \(\.\.\., 5\) rows of Rotated\(\), got \(4,\)"),
    "rotated_to_axis_aligned": ("rows", 4, r"expected \(\.\.\., 5\) rows of Rotated\(\), got \(4,\)"),
    "rotated_in_range_by_half": ("rows", 4, r"expected \(\.\.\., 5\) rows of Rotated\(\), got \(4,\)"),
    "cuboid_to_corners": ("rows", 4, r"expected \(\.\.\., 7\) rows of Cuboid\(\), got \(4,\)"),
    "cuboid_from_corners": ("corners", 4, r"expected shape \(\.\.\., 8, 3\), got \(4,\)"),
    "polytope_from_halfspaces": (
        "halfspaces",
        4,
        r"expected \(\.\.\., at least 4, 4\) rows of Polytope\(form='halfspaces'\), got \(4,\)",
    ),
    "polytope_to_halfspaces": (
        "vertices",
        4,
        r"expected \(\.\.\., at least 4, 3\) rows of Polytope\(form='vertices'\), got \(4,\)",
    ),
}


@pytest.mark.parametrize(("name", "argument", "size", "message"), [(name, *row) for name, row in ROW.items()], ids=ROW)
def test_operands_that_do_not_fit(name: str, argument: str, size: int, message: str) -> None:
    converter, _ = EVERY[name]
    with pytest.raises(ValueError, match=f"^{argument}: {message}$"):
        converter(torch.zeros(size))
    with pytest.raises(
        TypeError, match=rf"^{argument}: .* dtype, got torch.int64 \(try {argument}.to\(torch.float32\)\)$"
    ):
        converter(torch.zeros(size, dtype=torch.int64))
    with pytest.raises(
        TypeError, match=rf"^{argument}: expected a tensor, got list \(try torch.tensor\({argument}\)\)$"
    ):
        converter([0.0] * size)


def test_options_that_do_not_fit() -> None:
    row = torch.zeros(5)
    with pytest.raises(ValueError, match=r"^start: expected a finite number in \[-3.14159, 3.14159\], got 4$"):
        detloss.rotated_in_range(row, start=4, long_side_first=True)
    with pytest.raises(TypeError, match="^start: expected a number, got str$"):
        detloss.rotated_in_range(row, start="le90", long_side_first=True)


def test_quaternions_that_do_not_fit() -> None:
    three, four = torch.zeros(2, 3), torch.ones(2, 4)

    def made(center: object = three, size: object = three, quaternion: object = four, order: str = "wxyz") -> Tensor:
        return detloss.polytope_from_quaternion(center, size, quaternion, order=order)

    with pytest.raises(ValueError, match="^order: expected 'wxyz' or 'xyzw', got 'zyxw'$"):
        made(order="zyxw")
    with pytest.raises(TypeError, match="order"):
        detloss.polytope_from_quaternion(three, three, four)
    for name, good in (("center", three), ("size", three), ("quaternion", four)):
        with pytest.raises(ValueError, match=rf"^{name}: expected shape \(\.\.\., {good.shape[-1]}\), got \(2, 2\)$"):
            made(**{name: good[:, :2]})
        with pytest.raises(TypeError, match=rf"^{name}: expected a floating dtype, got torch.int32 \(try"):
            made(**{name: good.int()})
        if name != "center":
            with pytest.raises(
                ValueError,
                match=rf"^{name}: expected \(2, {good.shape[-1]}\) like center, got \(1, {good.shape[-1]}\)$",
            ):
                made(**{name: good[:1]})
            with pytest.raises(ValueError, match=rf"^{name}: expected device cpu \(same as center\), got meta$"):
                made(**{name: good.to("meta")})
    with pytest.raises(ValueError, match=r"^size: expected \(1, 2, 3\) like center, got \(2, 3\)$"):
        made(center=three[None])
    zero = torch.tensor([[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    message = r"^polytope_from_quaternion: quaternion\[1\]: expected a length above 0, got \[0.0, 0.0, 0.0, 0.0\]$"
    with detloss.validating(), pytest.raises(ValueError, match=message):
        made(quaternion=zero)
    assert made(quaternion=zero).isfinite().all()
    with detloss.validating():
        made()
