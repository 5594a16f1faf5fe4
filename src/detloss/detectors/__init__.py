"""Small dense detectors for comparisons of losses."""

from detloss.detectors.rotated_unitbox import RotatedUnitBox
from detloss.detectors.unitbox import UnitBox

__all__ = ["RotatedUnitBox", "UnitBox"]
