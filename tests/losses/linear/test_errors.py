"""Error messages of linear losses."""

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.support.linear_cases import (
    BCE,
    CE,
    FOCAL,
    Case,
    every_loss,
)

X, M, B, T = torch.rand(3, 4), torch.rand(5, 4), torch.rand(5), torch.tensor([0, 1, 2])


@every_loss
@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (([[1.0]], M, B, T), TypeError, "features: expected a tensor, got list (try torch.tensor(features))"),
        (
            (X.long(), M, B, T),
            TypeError,
            "features: expected a floating dtype, got torch.int64 (try features.to(torch.float32))",
        ),
        ((X[0, 0], M, B, T[0]), ValueError, "features: expected (..., F), got ()"),
        ((X, None, B, T), TypeError, "layer_weight: expected a tensor, got NoneType"),
        (
            (X, M.int(), B, T),
            TypeError,
            "layer_weight: expected a floating dtype, got torch.int32 (try layer_weight.to(torch.float32))",
        ),
        ((X, M.double(), B, T), TypeError, "layer_weight: expected torch.float32 like features, got torch.float64"),
        ((X, M.to("meta"), B, T), ValueError, "layer_weight: expected device cpu (same as features), got meta"),
        ((X, M.T, B, T), ValueError, "layer_weight: expected (C, 4) for features (3, 4), got (4, 5)"),
        ((X, M[0], B, T), ValueError, "layer_weight: expected (C, 4) for features (3, 4), got (4,)"),
        ((X, M, 0.0, T), TypeError, "layer_bias: expected a tensor, got float"),
        (
            (X, M, B.bool(), T),
            TypeError,
            "layer_bias: expected a floating dtype, got torch.bool (try layer_bias.to(torch.float32))",
        ),
        ((X, M, B.half(), T), TypeError, "layer_bias: expected torch.float32 like features, got torch.float16"),
        ((X, M, B.to("meta"), T), ValueError, "layer_bias: expected device cpu (same as features), got meta"),
        ((X, M, B[:4], T), ValueError, "layer_bias: expected (5,) for layer_weight (5, 4), got (4,)"),
        ((X, M, B[None], T), ValueError, "layer_bias: expected (5,) for layer_weight (5, 4), got (1, 5)"),
        ((X, M, B, [0]), TypeError, "target: expected a tensor, got list (try torch.tensor(target))"),
        ((X, M, B, T.to("meta")), ValueError, "target: expected device cpu (same as logits), got meta"),
    ],
)
def test_operand_messages(case: Case, given: tuple, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        case.loss(*given)


@every_loss
def test_autocast_takes_any_dtype_but_not_float64_among_others(case: Case) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert case.loss(X.half(), M, B.bfloat16(), T).isfinite()
        message = "layer_weight: expected torch.float32 like features, got torch.float64"
        with pytest.raises(TypeError, match=f"^{message}$"):
            case.loss(X, M.double(), B, T)


@every_loss
@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"reduction": "avg"}, ValueError, "reduction: expected 'none', 'sum' or 'mean', got 'avg'"),
        (
            {"reduction": "sum", "normalizer": 2.0},
            ValueError,
            "normalizer: expected None with reduction='sum', since only a mean divides, got a value",
        ),
        ({"normalizer": -1}, ValueError, "normalizer: expected a finite number of at least 0, got -1"),
        ({"weight": [1.0]}, TypeError, "weight: expected a number or a tensor, got list"),
        ({"ignore_index": 1.0}, TypeError, "ignore_index: expected an integer, got float"),
        ({"label_smoothing": 2}, ValueError, "label_smoothing: expected a finite number in [0, 1], got 2"),
    ],
)
def test_option_messages(case: Case, options: dict, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        case.loss(X, M, B, T, **options)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: CE(X, M, B, T[:2]),
            "target: expected class indices (3,) or probabilities (3, 5) for logits (3, 5), got (2,)",
        ),
        (
            lambda: BCE(X, M, B, X),
            "target: expected class indices (3,) or 0/1 or soft values (3, 5) for logits (3, 5), got (3, 4)",
        ),
        (
            lambda: CE(X, M, B, T, class_weight=[1, 2]),
            "class_weight: expected shape (5,), one value per class, got (2,)",
        ),
        (lambda: FOCAL(X, M, B, T, alpha=1.5), "alpha: expected a finite number in [0, 1], got 1.5"),
        (lambda: FOCAL(X, M, B, T, gamma=-1), "gamma: expected a finite number of at least 0, got -1"),
        (
            lambda: FOCAL(X, M, B, torch.rand(3, 5), ignore_index=1),
            "ignore_index: expected None with targets that are not class indices, got a value",
        ),
        (
            lambda: BCE(X, M, B, T, weight=torch.ones(3)),
            "weight: expected a scalar or a shape that broadcasts to the unreduced loss (3, 5) dimension by dimension, "
            "got (3,) (try weight[:, None])",
        ),
    ],
)
def test_shape_and_range_messages(call: Callable[[], Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()
