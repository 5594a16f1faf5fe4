"""Detectors that are trained with the losses, and what turns their predictions into detections."""

from detloss.detectors.rotated_unitbox import RotatedUnitBox
from detloss.detectors.unitbox import UnitBox

__all__ = ["RotatedUnitBox", "UnitBox"]
