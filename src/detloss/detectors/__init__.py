"""Detectors for training with the losses of this package."""

from detloss.detectors.rotated_unitbox import RotatedUnitBox
from detloss.detectors.unitbox import UnitBox

__all__ = ["RotatedUnitBox", "UnitBox"]
