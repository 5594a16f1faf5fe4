"""The command line, and its functions `compare` and `tune` for Python."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detloss.experiments.comparison.custom_detector import compare
    from detloss.experiments.tuning.cross_validation import tune

__all__ = ["compare", "tune"]


def __getattr__(name: str) -> Any:
    """Import a function on first access: the commands start faster without either."""
    if name == "compare":
        from detloss.experiments.comparison.custom_detector import compare

        return compare
    if name == "tune":
        from detloss.experiments.tuning.cross_validation import tune

        return tune
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
