"""Losses of detloss in the detectors of other libraries: a module per framework, each with ``use_losses``."""

from detloss.integrations.handle import Handle

__all__ = ["Handle"]
