"""Agreement of compat.torch with torch."""

import functools
import math
import pickle

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from detloss.compat import torch as ours
from tests.support.class_indices import unread_classes
from tests.support.compat_agreement import (
    REDUCTIONS,
    assert_agree,
    generator,
    gradient,
    parameters,
    random_numbers,
    random_shares,
)

MODULES = ("CrossEntropyLoss", "BCEWithLogitsLoss", "MSELoss", "L1Loss", "SmoothL1Loss")
REGRESSIONS = ("mse_loss", "l1_loss", "smooth_l1_loss")
FUNCTIONS = ("cross_entropy", "binary_cross_entropy_with_logits", *REGRESSIONS)
SHAPES = ((5,), (8, 5), (4, 5, 3), (2, 5, 3, 4), (2, 5, 2, 3, 2))  # classes: 5


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signature(name: str) -> None:
    theirs = parameters(getattr(functional, name))
    assert parameters(getattr(ours, name))[: len(theirs)] == theirs  # an older torch lacks the newest arguments


@pytest.mark.parametrize("name", MODULES)
def test_module_signature(name: str) -> None:
    assert parameters(getattr(ours, name)) == parameters(getattr(nn, name))


# ----------------------------------------------------------------------------------------------- cross-entropy


def class_indices(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Class indices for scores of a shape, some of them to be ignored."""
    target = torch.randint(5, shape[:1] + shape[2:] if len(shape) > 1 else (), generator=generator(seed))
    return target.where(torch.arange(target.numel()).reshape(target.shape) % 4 != 3, -100)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_of_indices(
    shape: tuple[int, ...], weighted: bool, smoothing: float, reduction: str, seed: int
) -> None:
    target = class_indices(seed, shape)
    weight = random_shares(seed + 1, 5) if weighted else None
    for ignored, labels in ((-100, target), (2, target.clamp(min=0).where(target != 2, 2)), (-7, target.clamp(min=0))):
        assert_agree(
            lambda x, ignored=ignored, labels=labels: ours.cross_entropy(
                x, labels, weight, None, ignored, None, reduction, smoothing
            ).nan_to_num(),
            lambda x, ignored=ignored, labels=labels: functional.cross_entropy(
                x, labels, weight, None, ignored, None, reduction, smoothing
            ).nan_to_num(),  # a mean of an empty batch is NaN there
            random_numbers(seed, *shape),
        )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_cross_entropy_of_probabilities(
    shape: tuple[int, ...], weighted: bool, smoothing: float, reduction: str, seed: int
) -> None:
    weight = random_shares(seed + 1, 5) if weighted else None
    options = {"weight": weight, "reduction": reduction, "label_smoothing": smoothing}
    assert_agree(
        functools.partial(ours.cross_entropy, **options),
        functools.partial(functional.cross_entropy, **options),
        random_numbers(seed, *shape),
        random_numbers(seed + 2, *shape).softmax(min(1, len(shape) - 1)),
    )


def test_cross_entropy_of_bytes(seed: int) -> None:
    scores, target, weight = random_numbers(seed, 6, 5), torch.tensor([0, 1, 4, 4, 3, 2]), random_shares(seed + 1, 5)
    small = target.to(torch.uint8)
    torch.testing.assert_close(
        ours.cross_entropy(scores, small, weight), functional.cross_entropy(scores, small, weight)
    )


def test_cross_entropy_ignores_no_probabilities() -> None:
    rows = torch.ones(2, 3)
    for library in (ours, functional):
        with pytest.raises((ValueError, RuntimeError), match="ignore_index"):
            library.cross_entropy(rows, rows, ignore_index=1)


# ------------------------------------------------------------------------------------------------------ binary


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("pos_weight", [None, (), (4,), (3, 1), (2, 3, 4)])
@pytest.mark.parametrize("weight", [None, (), (4,), (3, 1), (2, 1, 4), (2, 3, 4)])
@pytest.mark.parametrize("hard", [True, False])
def test_binary(
    hard: bool, weight: tuple[int, ...] | None, pos_weight: tuple[int, ...] | None, reduction: str, seed: int
) -> None:
    logits, target = random_numbers(seed, 2, 3, 4), random_shares(seed + 1, 2, 3, 4)
    factor = None if weight is None else random_shares(seed + 2, *weight)
    positive = None if pos_weight is None else 3 * random_shares(seed + 3, *pos_weight)
    assert_agree(
        lambda x, t: ours.binary_cross_entropy_with_logits(x, t, factor, None, None, reduction, positive),
        lambda x, t: functional.binary_cross_entropy_with_logits(x, t, factor, None, None, reduction, positive),
        logits,
        target.round() if hard else target,
    )


def test_binary_pos_weight_beside_nearly_hard_targets() -> None:
    target = torch.tensor([1.0 - 2.0**-24], dtype=torch.float32)
    logits, positive = torch.tensor([50.0]), torch.tensor([3.0])
    mine = ours.binary_cross_entropy_with_logits(logits, target, pos_weight=positive)
    assert mine.item() == pytest.approx(50 * 2.0**-24, rel=1e-6)


def test_binary_weight_of_zero_is_absent() -> None:
    positive = torch.tensor([0.0, 2.0])
    logits, target = torch.tensor([-torch.inf, torch.inf]), torch.ones(2)
    mine = ours.binary_cross_entropy_with_logits(logits, target, reduction="none", pos_weight=positive)
    assert mine.tolist() == [0.0, 0.0]


def test_binary_sixteen_bits(seed: int) -> None:
    logits, target = random_numbers(seed, 99).bfloat16(), random_shares(seed + 1, 99).bfloat16()
    positive, weight = 3 * random_shares(seed + 2, 99).bfloat16(), random_shares(seed + 3, 99).bfloat16()
    mine = ours.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum", pos_weight=positive)
    exact = functional.binary_cross_entropy_with_logits(
        logits.double(), target.double(), weight.double(), reduction="sum", pos_weight=positive.double()
    )
    assert mine.item() == pytest.approx(exact.item(), rel=1e-5)


def test_binary_errors() -> None:
    logits = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"target: expected the shape of input, \(2, 3\), got \(2,\)"):
        ours.binary_cross_entropy_with_logits(logits, torch.zeros(2, dtype=torch.long))
    for name in ("weight", "pos_weight"):
        for shape in ((2,), (4, 3), (1, 2, 3)):
            with pytest.raises(ValueError, match=f"{name}: expected to broadcast to .2, 3., got"):
                ours.binary_cross_entropy_with_logits(logits, logits, **{name: torch.ones(shape)})


# -------------------------------------------------------------------------------------------------- regression


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (7,), (3, 4)])
@pytest.mark.parametrize("name", REGRESSIONS)
def test_regression(name: str, shape: tuple[int, ...], reduction: str, seed: int) -> None:
    mine, theirs = getattr(ours, name), getattr(functional, name)
    assert_agree(
        lambda a, b: mine(a, b, None, None, reduction),
        lambda a, b: theirs(a, b, None, None, reduction),
        random_numbers(seed, *shape),
        random_numbers(seed + 1, *shape),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss"])
def test_regression_weights(name: str, reduction: str, seed: int) -> None:
    weight = random_shares(seed, 3, 4)
    mine, theirs = getattr(ours, name), getattr(functional, name)
    assert_agree(
        lambda a, b: mine(a, b, None, None, reduction, weight),
        lambda a, b: theirs(a, b, None, None, reduction, weight),
        random_numbers(seed, 3, 4),
        random_numbers(seed + 1, 3, 4),
    )
    for library in (ours, functional):
        with pytest.raises(ValueError, match=r"[Ww]eight"):
            getattr(library, name)(weight, weight, weight=weight[:1])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("beta", [0.0, 0.2, 4.0])
def test_smooth_l1_beta(beta: float, reduction: str, seed: int) -> None:
    assert_agree(
        lambda a, b: ours.smooth_l1_loss(a, b, None, None, reduction, beta),
        lambda a, b: functional.smooth_l1_loss(a, b, None, None, reduction, beta),
        random_numbers(seed, 3, 4),
        random_numbers(seed + 1, 3, 4),
    )


# ---------------------------------------------------------------------------------- legacy flags, and the modules


@pytest.mark.filterwarnings("ignore:size_average and reduce")
@pytest.mark.parametrize("reduce", [None, False, True])
@pytest.mark.parametrize("size_average", [None, False, True])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_legacy_flags(name: str, size_average: bool | None, reduce: bool | None, seed: int) -> None:
    pred, target = random_numbers(seed, 4, 5), random_shares(seed + 1, 4, 5)
    for reduction in REDUCTIONS:
        options = {"size_average": size_average, "reduce": reduce, "reduction": reduction}
        assert_agree(
            functools.partial(getattr(ours, name), **options),
            functools.partial(getattr(functional, name), **options),
            pred,
            target,
        )


@pytest.mark.filterwarnings("ignore:size_average and reduce")
@pytest.mark.parametrize(
    ("name", "arguments", "options"),
    [
        ("CrossEntropyLoss", (torch.arange(1.0, 6.0).double(), None, -1, None, "sum", 0.2), {}),
        ("CrossEntropyLoss", (), {"weight": torch.arange(1.0, 6.0).double()}),
        ("CrossEntropyLoss", (None, False), {}),
        ("BCEWithLogitsLoss", (torch.arange(5.0).double(), None, None, "none", torch.arange(5.0).double()), {}),
        ("BCEWithLogitsLoss", (), {"pos_weight": torch.arange(5.0).double()}),
        ("MSELoss", (None, None, "sum"), {}),
        ("MSELoss", (False,), {}),
        ("L1Loss", (None, False), {}),
        ("SmoothL1Loss", (None, None, "none", 0.5), {}),
        ("SmoothL1Loss", (False,), {}),
    ],
)
def test_modules(name: str, arguments: tuple, options: dict, seed: int) -> None:
    mine, theirs = getattr(ours, name)(*arguments, **options), getattr(nn, name)(*arguments, **options)
    assert isinstance(mine, type(theirs))
    assert mine.state_dict().keys() == theirs.state_dict().keys()
    pred, target = random_numbers(seed, 4, 5), random_shares(seed + 1, 4, 5)
    assert_agree(mine, theirs, pred, target)
    assert_agree(pickle.loads(pickle.dumps(mine)), theirs, pred, target)


def test_module_of_indices(seed: int) -> None:
    weight, target = random_shares(seed, 5), torch.tensor([0, 4, 2, 2])
    mine, theirs = (library.CrossEntropyLoss(weight, ignore_index=2) for library in (ours, nn))
    assert_agree(lambda x: mine(x, target), lambda x: theirs(x, target), random_numbers(seed, 4, 5))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_unknown_reduction(name: str) -> None:
    for library in (ours, functional):
        with pytest.raises(ValueError, match="all"):
            getattr(library, name)(torch.zeros(2, 3), torch.zeros(2, 3), reduction="all")


# ------------------------------------------------------------------------- the table: each row from both sides


def test_table_easy_logits() -> None:
    scores, label = torch.tensor([[17.0, 0.0]]), torch.tensor([0])
    assert functional.cross_entropy(scores, label) == 0
    assert ours.cross_entropy(scores, label).item() == pytest.approx(math.exp(-17), rel=1e-6)
    assert gradient(functional.cross_entropy, scores, label)[0, 0] == 0
    assert gradient(ours.cross_entropy, scores, label)[0, 0].item() == pytest.approx(-math.exp(-17), rel=1e-6)
    logit, one = torch.tensor([17.0]), torch.ones(1)
    assert gradient(functional.binary_cross_entropy_with_logits, logit, one) == 0
    mine = gradient(ours.binary_cross_entropy_with_logits, logit, one)
    assert mine.item() == pytest.approx(-math.exp(-17), rel=1e-6)


def test_table_infinite_logits() -> None:
    scores, label = torch.tensor([[torch.inf, 0.0]]), torch.tensor([0])
    assert functional.cross_entropy(scores, label).isnan()
    assert ours.cross_entropy(scores, label) == 0
    logit, one = torch.tensor([torch.inf]), torch.ones(1)
    assert functional.binary_cross_entropy_with_logits(logit, one).isnan()
    assert ours.binary_cross_entropy_with_logits(logit, one) == 0


def test_table_weight_zero() -> None:
    scores, label, weight = torch.tensor([[-torch.inf, 0.0]]), torch.tensor([0]), torch.tensor([0.0, 1.0])
    assert functional.cross_entropy(scores, label, weight, reduction="sum").isnan()
    assert ours.cross_entropy(scores, label, weight, reduction="sum") == 0
    logit, one, nothing = torch.tensor([-torch.inf]), torch.ones(1), torch.zeros(1)
    assert functional.binary_cross_entropy_with_logits(logit, one, nothing).isnan()
    assert ours.binary_cross_entropy_with_logits(logit, one, nothing) == 0


def test_table_mean_of_an_empty_batch() -> None:
    rows = torch.zeros(2, 3, requires_grad=True)
    none, ignored, unweighted = torch.zeros(0, 3), torch.tensor([-100, -100]), torch.zeros(2, 3)
    for library, expected in ((functional, math.nan), (ours, 0.0)):
        losses = [
            library.cross_entropy(rows, ignored),
            library.cross_entropy(rows, ignored, torch.ones(3)),
            library.cross_entropy(rows, ignored + 100, torch.zeros(3)),
            library.mse_loss(rows, unweighted, weight=unweighted),
            library.binary_cross_entropy_with_logits(none, none),
            library.binary_cross_entropy_with_logits(none, none, pos_weight=torch.ones(3)),
            library.mse_loss(none, none),
            library.l1_loss(none, none),
            library.smooth_l1_loss(none, none),
            library.cross_entropy(none, torch.zeros(0, dtype=torch.long)),
        ]
        torch.testing.assert_close(torch.stack(losses), torch.full((10,), expected), equal_nan=True)
    losses[0].backward()
    assert torch.equal(rows.grad, torch.zeros(2, 3))


def test_table_class_that_does_not_exist() -> None:
    scores, labels = torch.zeros(2, 3), torch.tensor([0, 3])
    with pytest.raises(IndexError, match="out of bounds"):
        functional.cross_entropy(scores, labels)
    for arguments in ((scores, labels), (scores, labels, torch.ones(3)), (scores[..., None], labels[:, None])):
        with pytest.raises(ValueError, match=r"^target\[1(, 0)?\]: expected a class index in \[0, 2\] or .*, got 3$"):
            ours.cross_entropy(*arguments)
    with unread_classes():
        assert ours.cross_entropy(scores, labels, reduction="none").isnan().tolist() == [False, True]


def test_table_smooth_l1() -> None:
    far, zero = torch.tensor([1e20]), torch.zeros(1)
    assert functional.smooth_l1_loss(far, zero, beta=1e30).isinf()
    assert ours.smooth_l1_loss(far, zero, beta=1e30).item() == pytest.approx(5e9)


def test_table_sixteen_bits() -> None:
    errors, zeros = torch.full((9,), 100.0, dtype=torch.float16), torch.zeros(9, dtype=torch.float16)
    assert functional.mse_loss(errors, zeros, reduction="sum").tolist() == math.inf
    mine = ours.mse_loss(errors, zeros, reduction="sum")
    assert (mine.item(), mine.dtype) == (90000.0, torch.float32)


def test_table_shapes_that_differ() -> None:
    column, row = torch.zeros(3, 1), torch.zeros(3)
    for name in REGRESSIONS:
        with pytest.warns(UserWarning, match="different to the input size"):
            getattr(functional, name)(column, row)
        with pytest.raises(ValueError, match=r"target: expected shape \(3, 1\) \(same as pred\), got \(3,\)"):
            getattr(ours, name)(column, row)
