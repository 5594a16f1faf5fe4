"""Random inputs of the losses by family, with the sizes to measure and the lower bounds of their time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Generator, Tensor

from benchmarks import bounds
from benchmarks.meters import Run

Operands = tuple[Tensor, ...]


@dataclass(frozen=True)
class Size:
    """Rows, and elements per row: the classes of logits, 1 for boxes and numbers."""

    rows: int
    columns: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `65536` or `4096x32000`."""
        parts = text.split("x")
        if len(parts) > 2 or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
            raise ValueError(f"expected sizes such as 65536 or 4096x32000, got {text!r}")
        return cls(*map(int, parts))

    @property
    def elements(self) -> int:
        """The number of boxes, logits or numbers."""
        return self.rows * self.columns

    def with_elements(self, elements: int) -> Self:
        """A size of about this many elements, with as many per row."""
        return type(self)(max(1, elements // self.columns), self.columns)

    def __str__(self) -> str:
        parts = (self.rows,) if self.columns == 1 else (self.rows, self.columns)
        return " x ".join(f"{part:,}".replace(",", "\u202f") for part in parts)


@dataclass(frozen=True)
class Family:
    """Losses with the same kind of operands.

    Attributes:
        unit: The name of the elements.
        draw: Random operands of a size; the first `trainable` of them require gradients.
        sizes: Sizes measured by default.
        main: The size of quick runs and of forward passes.
        bounds: Operations that no loss of this family can outrun.
        trainable: Number of operands that require gradients.
        dimensions: Number of dimensions of the unreduced loss; its first is that of the rows.
    """

    unit: str
    draw: Callable[[Size, Generator], Operands]
    sizes: tuple[Size, ...]
    main: Size
    bounds: Callable[..., Mapping[str, Run]]
    trainable: int = 1
    dimensions: int = 1

    def operands(self, size: Size, device: torch.device) -> Operands:
        """Random operands, equal in every run."""
        drawn = [operand.to(device) for operand in self.draw(size, Generator().manual_seed(0))]
        return *(operand.requires_grad_() for operand in drawn[: self.trainable]), *drawn[self.trainable :]

    def weight(self, size: Size) -> Tensor:
        """A weight per row that broadcasts to the unreduced loss."""
        rows = (size.rows,) + (1,) * (self.dimensions - 1)
        return 0.5 + torch.rand(rows, generator=Generator().manual_seed(1))

    def size_of(self, entries: int) -> Size:
        """A size of at most this many elements, with fewer classes than usual where a few rows have all elements."""
        return Size(entries, min(self.main.columns, max(1, entries // 4))).with_elements(entries)

    def sizes_on(self, device: torch.device) -> tuple[Size, ...]:
        """Default sizes; on a GPU without the small ones, and with one of at least 64 MB."""
        if device.type == "cpu":
            return self.sizes
        large = tuple(size for size in self.sizes if size.elements >= 65_536)
        return (*large, self.main.with_elements(8_000_000)) if large[-1].elements < 8_000_000 else large

    def fitted(self, size: Size) -> Size | None:
        """A size given by the user, completed with the usual number of classes; None if the losses have no classes."""
        if self.main.columns == 1:
            return size if size.columns == 1 else None
        return size if size.columns > 1 else Size(size.rows, self.main.columns)


def numbers(size: Size, generator: Generator) -> Operands:
    """Normally distributed numbers, with errors on both sides of smooth L1's threshold."""
    return torch.randn(size.elements, generator=generator), torch.randn(size.elements, generator=generator)


def overlapping_boxes(size: Size, generator: Generator) -> Operands:
    """Boxes of 10 to 110 pixels; every prediction overlaps its target."""
    corner = 1000 * torch.rand(size.rows, 2, generator=generator)
    sides = 10 + 100 * torch.rand(size.rows, 2, generator=generator)
    shift = 0.2 * sides.repeat(1, 2) * (torch.rand(size.rows, 4, generator=generator) - 0.5)
    target = torch.cat([corner, corner + sides], 1)
    return target + shift, target


def boxes(size: Size, generator: Generator) -> Operands:
    """The same, with every fourth prediction near the target of another box."""
    prediction, target = overlapping_boxes(size, generator)
    strays = torch.arange(size.rows)[:, None] % 4 == 3
    return torch.where(strays, prediction.roll(1, 0), prediction), target


def logits_with_qualities(size: Size, generator: Generator) -> Operands:
    """Logits with targets that are 0, or a quality for the class of an object."""
    logits, target = dense_logits(size, generator)
    return logits, target * torch.rand(target.shape, generator=generator)


def indexed_logits(size: Size, generator: Generator) -> Operands:
    """Logits of a partly trained detector; 9 of 10 rows are background."""
    logits = 2 * torch.randn(size.rows, size.columns, generator=generator) - 2
    target = torch.randint(10 * size.columns, (size.rows,), generator=generator).clamp(max=size.columns)
    return logits, target


def dense_logits(size: Size, generator: Generator) -> Operands:
    """The same, with a target of 0 or 1 per class."""
    logits, target = indexed_logits(size, generator)
    return logits, (target[:, None] == torch.arange(size.columns)).float()


def softmax_logits(size: Size, generator: Generator) -> Operands:
    """Logits and one class index per row."""
    logits = 2 * torch.randn(size.rows, size.columns, generator=generator)
    return logits, torch.randint(size.columns, (size.rows,), generator=generator)


def weighted_logits(size: Size, generator: Generator) -> Operands:
    """The same, and one weight per class."""
    return *softmax_logits(size, generator), 0.5 + torch.rand(size.columns, generator=generator)


def bin_logits(size: Size, generator: Generator) -> Operands:
    """Logits of the bins of a distance, and distances."""
    logits = 2 * torch.randn(size.rows, size.columns, generator=generator)
    return logits, (size.columns - 1) * torch.rand(size.rows, generator=generator)


def mask_logits(size: Size, generator: Generator) -> Operands:
    """Rows of logits, each with a target mask of about a fifth of its pixels."""
    logits = 3 * torch.randn(size.rows, size.columns, generator=generator) - 2
    return logits, (logits + 3 * torch.randn(logits.shape, generator=generator) > 2).float()


def features(size: Size, generator: Generator) -> Operands:
    """Features of 256 channels, weight and bias of the last layer of a head, and class indices."""
    channels = torch.randn(size.rows, 256, generator=generator)
    layer_weight = 0.05 * torch.randn(size.columns, 256, generator=generator)
    target = torch.randint(10 * size.columns, (size.rows,), generator=generator).clamp(max=size.columns)
    return channels, layer_weight, torch.full((size.columns,), -4.6), target


PAIRS = tuple(map(Size, (256, 4096, 65_536, 1_000_000)))
SIGMOID, SOFTMAX = Size(12_000, 80), Size(65_536, 81)

NUMBERS = Family("elements", numbers, tuple(map(Size, (8_000, 262_144, 4_000_000))), Size(262_144), bounds.of_numbers)
BOXES = Family("boxes", boxes, PAIRS, Size(65_536), bounds.of_boxes)
OVERLAPPING_BOXES = replace(BOXES, draw=overlapping_boxes)
DENSE = Family("logits", dense_logits, (SIGMOID,), SIGMOID, bounds.of_dense_logits, dimensions=2)
QUALITIES = replace(DENSE, draw=logits_with_qualities)
INDICES = Family("logits", indexed_logits, (SIGMOID,), SIGMOID, bounds.of_indexed_logits, dimensions=2)
ROWS = Family(
    "logits",
    softmax_logits,
    (SOFTMAX, Size(2048, 8192), Size(4096, 32_000)),
    SOFTMAX,
    bounds.of_softmax_logits,
)
FEW_CLASSES = replace(ROWS, sizes=(SOFTMAX,))
WEIGHTED_ROWS = replace(FEW_CLASSES, draw=weighted_logits)
BINS = Family("logits", bin_logits, (Size(8_000, 17), Size(131_072, 17)), Size(131_072, 17), bounds.of_softmax_logits)
MASKS = Family("pixels", mask_logits, (Size(300, 12_544), Size(100, 65_536)), Size(300, 12_544), bounds.of_dense_logits)
HEAD = Family("logits", features, (Size(20_000, 1203),), Size(2_000, 1203), bounds.of_linear, trainable=3)
