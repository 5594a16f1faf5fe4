"""The command line: which loss is best on my data? And the same question for a detector of one's own."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detloss.experiments.comparison.custom_detector import compare

__all__ = ["compare"]


def __getattr__(name: str) -> Any:
    """Import `compare` when it is asked for: the command line does without it, and it takes a second to import."""
    if name != "compare":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from detloss.experiments.comparison.custom_detector import compare

    return compare
