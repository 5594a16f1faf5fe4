"""What was measured of one case at one size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.cases import Case
from benchmarks.size import Size
from benchmarks.spread import Spread


@dataclass(frozen=True)
class Score:
    """One contender's figures.

    Attributes:
        seconds: Seconds a call, one figure a round; none: it did not compete.
        peak: Bytes that a call held at most beyond its operands, the gradient included.
        compile_seconds: What the first call took longer than the second, where there was something to compile.
        launches: Kernels started on a GPU.
        synchronisations: How often the host waited for a GPU.
        absent: Why it did not compete.
    """

    seconds: Sequence[float] = ()
    peak: int | None = None
    compile_seconds: float | None = None
    launches: int | None = None
    synchronisations: int | None = None
    absent: str = ""


@dataclass(frozen=True)
class Result:
    """All contenders' scores.

    Attributes:
        case: Which loss.
        size: How large.
        backends: The library's own contenders, the active backend first.
        gradient: Bytes of the gradients: the least that training can hold.
        moved: Bytes of operands and gradients: the least that a pass must read and write.
        scores: By contender and yardstick.
    """

    case: Case
    size: Size
    backends: Sequence[str]
    gradient: int
    moved: int
    scores: Mapping[str, Score]

    @property
    def active(self) -> str:
        """The backend that serves the device unless another is asked for."""
        return self.backends[0]

    def ratio(self, slower: str, faster: str) -> Spread | None:
        """How many times as long the one takes as the other, round by round."""
        if not (self.competed(slower) and self.competed(faster)):
            return None
        return Spread.of_ratios(self.scores[slower].seconds, self.scores[faster].seconds)

    def nanoseconds(self, contender: str) -> Spread | None:
        """Nanoseconds an entry."""
        if not self.competed(contender):
            return None
        return Spread.of(self.scores[contender].seconds).times(1e9 / self.size.entries)

    def peak_per_entry(self, contender: str) -> float | None:
        """Bytes an entry that a call held at most beyond its operands."""
        peak = self.scores[contender].peak if contender in self.scores else None
        return None if peak is None else peak / self.size.entries

    @property
    def gradient_per_entry(self) -> float:
        """Bytes of the gradients an entry."""
        return self.gradient / self.size.entries

    def competed(self, contender: str) -> bool:
        """Whether there are figures."""
        return contender in self.scores and bool(self.scores[contender].seconds)
