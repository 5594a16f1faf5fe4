"""Options with a fixed set of values: annotations, tables and messages have the same values."""

import inspect
import re
from collections.abc import Iterator
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import pytest
import torch

import detloss
from detloss import geometry, types
from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind, Loss
from detloss.experiments.training.detectors import DETECTORS
from detloss.kernels import AVAILABLE
from detloss.losses import boxes, gaussian

REQUIRED = {"mpdiou": {"image_size": (640.0, 480.0)}, "nwd": {"scale": 32.0}}
OPERANDS = {
    Kind.REGRESSION: (torch.zeros(2, 4), torch.zeros(2, 4)),
    Kind.BOX: (torch.zeros(2, 4), torch.zeros(2, 4)),
    Kind.ROTATED: (torch.zeros(2, 5), torch.zeros(2, 5)),
    Kind.MASK: (torch.zeros(2, 4), torch.zeros(2, 4)),
    Kind.SIGMOID: (torch.zeros(2, 4), torch.zeros(2, 4)),
    Kind.QUALITY: (torch.zeros(2, 4), torch.zeros(2, 4)),
    Kind.HEATMAP: (torch.zeros(2, 4), torch.zeros(2, 4)),
    Kind.SOFTMAX: (torch.zeros(2, 4), torch.zeros(2, dtype=torch.int64)),
    Kind.DISTRIBUTION: (torch.zeros(2, 4), torch.zeros(2)),
}


def values_of(annotation: Any) -> tuple[str, ...]:
    """The values of a Literal, or of a Literal in a union with None."""
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    parts = get_args(annotation) if isinstance(annotation, UnionType) or type(None) in get_args(annotation) else ()
    return tuple(value for part in parts for value in values_of(part))


def options() -> Iterator[Any]:
    """Every option with a fixed set of values of every loss."""
    for loss in (*LOSSES, *ROTATED_LOSSES):
        for name, parameter in inspect.signature(loss.function).parameters.items():
            if values := values_of(parameter.annotation):
                yield pytest.param(loss, name, values, id=f"{loss.name}-{name}")


@pytest.mark.parametrize(("loss", "name", "values"), list(options()))
def test_every_value_is_accepted_and_no_other(loss: Loss, name: str, values: tuple[str, ...]) -> None:
    required = REQUIRED.get(loss.name, {})
    for value in values:
        loss.function(*OPERANDS[loss.kind], **required, **{name: value})
    with pytest.raises(ValueError, match=f"^{name}: expected .* got 'other'$") as raised:
        loss.function(*OPERANDS[loss.kind], **required, **{name: "other"})
    assert [each for each in re.findall(r"'(\w+)'", str(raised.value)) if each != "other"] == list(values)


@pytest.mark.parametrize(
    ("alias", "table"),
    [
        (types.BoxFormat, geometry.FORMATS),
        (types.PolytopeForm, geometry.FORMS),
        (types.IoUForm, boxes.FORMS),
        (types.IoUForm, gaussian.PROBABILISTIC_FORMS),
        (types.DivergenceForm, gaussian.FORMS),
        (types.Direction, gaussian.DIRECTIONS),
        (types.DetectorName, DETECTORS),
    ],
)
def test_tables_have_the_values_of_their_type(alias: Any, table: dict[str, object]) -> None:
    assert list(table) == list(get_args(alias))


def test_every_backend_has_its_name() -> None:
    assert {name for backends in AVAILABLE.values() for name in backends} <= {*get_args(types.Backend)}


def test_messages_of_other_options() -> None:
    with (
        pytest.raises(ValueError, match="^on_fault: expected 'raise' or 'warn', got 'log'$"),
        detloss.doctor(on_fault="log"),
    ):
        pass
    with pytest.raises(ValueError, match="^method: expected 'inverse', 'sqrt' or 'effective', got 'log'$"):
        detloss.class_weight_from_counts([1, 2], method="log")
