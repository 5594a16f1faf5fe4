"""What converters are given, checked; and the precision that they compute in."""

import torch
from torch import Tensor

from detloss.engine import checks, debugging


def points(name: str, value: Tensor, *last: int) -> None:
    """A floating tensor with these last dimensions."""
    checks.floating_tensor(name, value)
    if value.shape[-len(last) :] != last:
        raise ValueError(f"{name}: expected (..., {', '.join(map(str, last))}), got {tuple(value.shape)}")


def refuse(converter: str, name: str, value: Tensor, wrong: Tensor, expected: str) -> None:
    """Inside `validating`, raise with the first row that is wrong."""
    if debugging.is_validating() and (at := debugging.first(wrong)) is not None:
        where = debugging.place(name, at)
        raise ValueError(f"{converter}: {where}: expected {expected}, got {value[at].tolist()}")


def working(value: Tensor) -> Tensor:
    """The same numbers, in float32 where they came in 16 bits."""
    return value.to(torch.promote_types(value.dtype, torch.float32))
