"""Our losses in other people's detectors: one module a framework, imported by who uses that framework.

Each has the same verb: ``handle = use_losses(model, box=..., classification=...)``; `Handle` takes it back.
"""

from detloss.integrations.handle import Handle

__all__ = ["Handle"]
