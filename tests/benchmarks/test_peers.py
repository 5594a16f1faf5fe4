"""Fair comparison: all implementations compute the same values and gradients from inputs with the stated properties."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision import ops

from benchmarks import bounds
from benchmarks.cases import CASES, Case
from benchmarks.inputs import BOXES, INDICES, OVERLAPPING_BOXES, Operands, Size
from benchmarks.peers.reduction import summed, with_weight
from detloss.catalog import LOSSES

CPU = torch.device("cpu")
IMPLEMENTATIONS = [
    pytest.param(case, loss, id=f"{case.title}: {name}")
    for case in CASES
    for name, loss in {**case.peers, **case.on_gpu, "lean": case.lean}.items()
]


def small(case: Case) -> Operands:
    """Forty rows in float64."""
    size = Size(40, min(case.family.main.columns, 7))
    operands = [operand.detach() for operand in case.family.operands(size, CPU)]
    return tuple(each.double() if each.is_floating_point() else each for each in operands)


def value_and_gradients(loss: Callable[..., Tensor], case: Case, **weight: Tensor) -> tuple[Tensor, ...]:
    operands = small(case)
    leaves = [operand.requires_grad_() for operand in operands[: case.family.trainable]]
    value = loss(*operands, **weight)
    return value, *torch.autograd.grad(value, leaves)


@pytest.mark.parametrize(("case", "loss"), IMPLEMENTATIONS)
def test_implementations_agree_in_value_and_gradients(case: Case, loss: Callable[..., Tensor]) -> None:
    tolerance = {"rtol": 2e-5, "atol": 1e-7}  # for the epsilons of the peers
    torch.testing.assert_close(value_and_gradients(loss, case), value_and_gradients(case.ours, case), **tolerance)
    if case.family.trainable == 1:
        weight = case.family.weight(Size(40)).double()
        theirs, ours = (value_and_gradients(each, case, weight=weight) for each in (loss, case.ours))
        torch.testing.assert_close(theirs, ours, **tolerance)


def test_weight_is_the_last_operand() -> None:
    loss = with_weight(summed(torch.sub))
    assert loss(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 1.0]), torch.tensor([10.0, 1.0])).item() == 23.0


def test_every_loss_of_the_catalog_has_a_case() -> None:
    assert {loss.name for loss in LOSSES} <= {case.name for case in CASES}


def test_titles_are_unique() -> None:
    assert len({case.title for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_only_trainable_operands_require_gradients(case: Case) -> None:
    operands = case.family.operands(Size(3, min(case.family.main.columns, 4)), CPU)
    required = [operand.requires_grad for operand in operands]
    assert required == [True] * case.family.trainable + [False] * (len(operands) - case.family.trainable)


def test_three_of_four_predictions_overlap_their_targets() -> None:
    prediction, target = BOXES.operands(Size(4000), CPU)
    overlaps = ops.box_iou(prediction.detach(), target).diagonal() > 0
    assert 3000 <= overlaps.sum() <= 3100
    prediction, target = OVERLAPPING_BOXES.operands(Size(400), CPU)
    assert (ops.box_iou(prediction.detach(), target).diagonal() > 0.1).all()


def test_nine_of_ten_rows_are_background() -> None:
    _, target = INDICES.operands(Size(4000, 20), CPU)
    assert target.min() == 0
    assert target.max() == 20
    assert 3500 <= (target == 20).sum() <= 3700


@pytest.mark.parametrize(
    ("of", "columns", "bytes_moved"),
    [(bounds.of_boxes, 1, 48), (bounds.of_dense_logits, 1, 12), (bounds.of_softmax_logits, 3, 24)],
)
def test_bandwidth_bound_moves_the_bytes_of_a_fused_pass(of: Callable, columns: int, bytes_moved: int) -> None:
    add = of(torch.zeros(10, columns), torch.zeros(10))[bounds.BANDWIDTH]
    assert sum(tensor.nbytes for tensor in (*add.args, *add.keywords.values())) == 10 * bytes_moved
