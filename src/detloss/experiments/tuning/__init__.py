"""The options of a loss that are best on the user's data, by cross-validation: detloss tune."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detloss.experiments.tuning.cross_validation import tune

__all__ = ["tune"]


def __getattr__(name: str) -> Any:
    """Import `tune` when it is asked for: the command line declares the command without it."""
    if name != "tune":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from detloss.experiments.tuning.cross_validation import tune

    return tune
