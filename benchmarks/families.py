"""What losses of one kind share: how their operands are drawn, at which sizes, and what bounds them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from benchmarks import limits
from benchmarks.contest import Run
from benchmarks.size import Size

Operands = tuple[Tensor, ...]


@dataclass(frozen=True)
class Family:
    """Losses that are given the same kind of operands.

    Attributes:
        unit: What entries are called.
        draw: Operands of a size; the first `learned` of them ask for a gradient.
        sizes: The sizes of the table of targets.
        main: The one size of a quick run, and of what is measured at one size only.
        limits: What no loss of this family can beat.
        learned: How many operands ask for a gradient.
    """

    unit: str
    draw: Callable[[Size, Generator], Operands]
    sizes: tuple[Size, ...]
    main: Size
    limits: Callable[..., Mapping[str, Run]]
    learned: int = 1

    def operands(self, size: Size, device: torch.device) -> Operands:
        """The same operands in every run."""
        drawn = [operand.to(device) for operand in self.draw(size, Generator().manual_seed(0))]
        return *(operand.requires_grad_() for operand in drawn[: self.learned]), *drawn[self.learned :]

    def sizes_on(self, device: torch.device) -> tuple[Size, ...]:
        """A GPU is not asked about what is too small for it, but about 64 MB and more."""
        if device.type == "cpu":
            return self.sizes
        large = tuple(size for size in self.sizes if size.entries >= 65_536)
        return (*large, self.main.with_entries(8_000_000)) if large[-1].entries < 8_000_000 else large

    def fitted(self, size: Size) -> Size | None:
        """A size that was asked for, with this family's usual number of classes; None: it has none."""
        if self.main.columns == 1:
            return size if size.columns == 1 else None
        return size if size.columns > 1 else Size(size.rows, self.main.columns)


def numbers(size: Size, generator: Generator) -> Operands:
    """Errors on both sides of smooth L1's corner."""
    return torch.randn(size.entries, generator=generator), torch.randn(size.entries, generator=generator)


def near_boxes(size: Size, generator: Generator) -> Operands:
    """Boxes of 10 to 110 pixels; every prediction overlaps with its target."""
    corner = 1000 * torch.rand(size.rows, 2, generator=generator)
    sides = 10 + 100 * torch.rand(size.rows, 2, generator=generator)
    shift = 0.2 * sides.repeat(1, 2) * (torch.rand(size.rows, 4, generator=generator) - 0.5)
    target = torch.cat([corner, corner + sides], 1)
    return target + shift, target


def boxes(size: Size, generator: Generator) -> Operands:
    """Every fourth prediction lies by another box's target."""
    prediction, target = near_boxes(size, generator)
    strays = torch.arange(size.rows)[:, None] % 4 == 3
    return torch.where(strays, prediction.roll(1, 0), prediction), target


def indexed_logits(size: Size, generator: Generator) -> Operands:
    """Logits of a detector that has learned a little; nine rows of ten are background."""
    logits = 2 * torch.randn(size.rows, size.columns, generator=generator) - 2
    target = torch.randint(10 * size.columns, (size.rows,), generator=generator).clamp(max=size.columns)
    return logits, target


def dense_logits(size: Size, generator: Generator) -> Operands:
    """The same, with a 0 or a 1 for every class."""
    logits, target = indexed_logits(size, generator)
    return logits, (target[:, None] == torch.arange(size.columns)).float()


def rows(size: Size, generator: Generator) -> Operands:
    """Logits, and one class a row."""
    logits = 2 * torch.randn(size.rows, size.columns, generator=generator)
    return logits, torch.randint(size.columns, (size.rows,), generator=generator)


def weighted_rows(size: Size, generator: Generator) -> Operands:
    """Logits, one class a row, and one weight a class."""
    return *rows(size, generator), 0.5 + torch.rand(size.columns, generator=generator)


def head(size: Size, generator: Generator) -> Operands:
    """Features of 256 channels, the layer that makes logits of them with its prior bias, and class indices."""
    features = torch.randn(size.rows, 256, generator=generator)
    layer_weight = 0.05 * torch.randn(size.columns, 256, generator=generator)
    target = torch.randint(10 * size.columns, (size.rows,), generator=generator).clamp(max=size.columns)
    return features, layer_weight, torch.full((size.columns,), -4.6), target


PAIRS = tuple(map(Size, (256, 4096, 65_536, 1_000_000)))
CLASSES = Size(12_000, 80)
SCORES = Size(65_536, 81)

NUMBERS = Family("elements", numbers, tuple(map(Size, (8_000, 262_144, 4_000_000))), Size(262_144), limits.of_numbers)
BOXES = Family("boxes", boxes, PAIRS, Size(65_536), limits.of_boxes)
NEAR_BOXES = replace(BOXES, draw=near_boxes)
DENSE = Family("logits", dense_logits, (CLASSES,), CLASSES, limits.of_dense_logits)
INDICES = Family("logits", indexed_logits, (CLASSES,), CLASSES, limits.of_indexed_logits)
ROWS = Family("logits", rows, (SCORES, Size(2048, 8192), Size(4096, 32_000)), SCORES, limits.of_rows)
USUAL_ROWS = replace(ROWS, sizes=(SCORES,))
WEIGHTED_ROWS = replace(USUAL_ROWS, draw=weighted_rows)
HEAD = Family("logits", head, (Size(20_000, 1203),), Size(2_000, 1203), limits.of_head, learned=3)
