"""The command line, its functions `compare` and `tune` for Python, and `trial` for training scripts."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detloss.experiments.comparison.custom_detector import compare
    from detloss.experiments.script_trial import ScriptTrial
    from detloss.experiments.tuning.cross_validation import tune

    trial: ScriptTrial

__all__ = ["compare", "trial", "tune"]


def __getattr__(name: str) -> Any:
    """Import a name on first access: the commands start faster without."""
    if name == "compare":
        from detloss.experiments.comparison.custom_detector import compare

        return compare
    if name == "trial":
        from detloss.experiments.script_trial import current_trial

        return current_trial()
    if name == "tune":
        from detloss.experiments.tuning.cross_validation import tune

        return tune
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
