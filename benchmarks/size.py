"""How large a measurement is."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Size:
    """Rows, and entries a row: the classes of logits, 1 for boxes and numbers."""

    rows: int
    columns: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `65536` or `4096x32000`."""
        parts = text.split("x")
        if len(parts) > 2 or not all(part.isascii() and part.isdigit() and int(part) for part in parts):
            raise ValueError(f"expected sizes such as 65536 or 4096x32000, got {text!r}")
        return cls(*map(int, parts))

    @property
    def entries(self) -> int:
        """How many boxes, logits or numbers."""
        return self.rows * self.columns

    def with_entries(self, entries: int) -> Self:
        """About as many entries, in rows of the same length."""
        return type(self)(max(1, entries // self.columns), self.columns)

    def __str__(self) -> str:
        parts = (self.rows,) if self.columns == 1 else (self.rows, self.columns)
        return " x ".join(f"{part:,}".replace(",", "\u202f") for part in parts)
