"""The command line: which loss is best on my data? And the same question for a detector of one's own."""

from detloss.study.own_detector import compare

__all__ = ["compare"]
