"""From the ways in which people write convex shapes to the rows of the geometries, and back."""

from detloss.converters.cuboids import cuboid_from_corners, cuboid_to_corners, polytope_from_quaternion
from detloss.converters.polytopes import polytope_from_halfspaces, polytope_to_halfspaces
from detloss.converters.rotated import (
    rotated_from_corners,
    rotated_from_degrees,
    rotated_in_range,
    rotated_to_axis_aligned,
    rotated_to_corners,
    rotated_to_degrees,
)

__all__ = [
    "cuboid_from_corners",
    "polytope_from_quaternion",
    "cuboid_to_corners",
    "polytope_from_halfspaces",
    "polytope_to_halfspaces",
    "rotated_from_corners",
    "rotated_from_degrees",
    "rotated_in_range",
    "rotated_to_axis_aligned",
    "rotated_to_corners",
    "rotated_to_degrees",
]
