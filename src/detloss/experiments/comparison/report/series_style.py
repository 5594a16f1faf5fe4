"""How each pair of losses looks: the same color, dash and marker wherever a report draws it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

COLORS = (
    ("#0072b2", "#4aa3e0"),
    ("#c75300", "#ff8f4d"),
    ("#00805c", "#2fc795"),
    ("#b5478f", "#ee9acb"),
    ("#8f6b00", "#f0c24b"),
    ("#2b87be", "#b5e0ff"),
)
"""On a white page and on a dark one; after Okabe and Ito, darkened or lightened until thin lines are seen on it."""

DASHES = ((), (6, 2), (2, 1.5), (8, 2, 1.5, 2), (4, 1, 1, 1, 1, 1), (10, 3), (1, 1))
MARKERS = ("o", "s", "D", "^", "v", "P", "X")


@dataclass(frozen=True)
class Look:
    """What tells a pair from the others, also where colors cannot be told apart.

    Attributes:
        index: Of the color: the page calls it ``--pair-INDEX`` and changes it where the page is dark.
        dash: Lengths of strokes and gaps of a line, in widths of the line; none: it has no gap.
        marker: The shape of a point.
    """

    index: int
    dash: tuple[float, ...]
    marker: str

    @property
    def color(self) -> str:
        """On a white page."""
        return COLORS[self.index][0]

    @property
    def variable(self) -> str:
        """What a style of the page calls the color."""
        return f"var(--pair-{self.index})"


def looks_of(names: Sequence[str]) -> dict[str, Look]:
    """Give each of these names its own look, in their order; from the 43rd on they come again."""
    looks = zip(cycle(range(len(COLORS))), cycle(DASHES), cycle(MARKERS))
    return {name: Look(*look) for name, look in zip(names, islice(looks, len(names)))}
