"""How kernels walk through tensors: entries as rows and columns, a stride for each, and no copy where that suffices."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor


class Walk(NamedTuple):
    """A tensor, and how far apart its rows and its columns of entries are, in units of what an entry has."""

    tensor: Tensor
    row: int
    column: int


def columns_of(entries: Sequence[int], *tensors: Tensor) -> int:
    """Into how many columns entries must be laid out: one if all tensors step through them evenly."""
    return 1 if all(step(entries, tensor.stride()) is not None for tensor in tensors) else entries[-1]


def walk(tensor: Tensor, entries: Sequence[int], columns: int, unit: int = 1) -> Walk:
    """The walk through a tensor whose first dimensions are the entries; copied first where it has none."""
    rows = len(entries) if columns == 1 else len(entries) - 1
    row = step(entries[:rows], tensor.stride())
    column = tensor.stride(rows) if rows < len(entries) and entries[rows] > 1 else 0
    together = tensor.dim() == len(entries) or tensor.stride(-1) == 1
    if row is None or row % unit or column % unit or not together:
        return walk(tensor.contiguous(), entries, columns, unit)
    return Walk(tensor, row // unit, column // unit)


def step(sizes: Sequence[int], strides: Sequence[int]) -> int | None:
    """The one stride that leads through dimensions as if they were one, None where there is none."""
    length, seen = 0, 1
    for size, stride in reversed(list(zip(sizes, strides))):
        if size > 1 and seen == 1:
            length = stride
        elif size > 1 and stride != length * seen:
            return None
        seen *= size
    return length
