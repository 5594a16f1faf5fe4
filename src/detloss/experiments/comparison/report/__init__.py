"""The page that tells what a comparison found: one file that needs no network and no script."""

from detloss.experiments.comparison.report.page import write

__all__ = ["write"]
