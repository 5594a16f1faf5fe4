"""The options of a loss that are best on the user's data, by cross-validation: detloss tune."""

from detloss.study.tuning.tuning import tune

__all__ = ["tune"]
