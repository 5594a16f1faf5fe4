"""Whether a box can be trained on; one that cannot is left out, never repaired."""

import math

from detloss.experiments.data.records import Box

# Labels are drawn on rounded coordinates, so that a true edge may stand one pixel outside.
ROUNDING = 1.0
# A thinner side vanishes in float32 once the image is resized.
SHORTEST_SIDE = 0.01


def fault_of(box: Box, width: int, height: int) -> str | None:
    """What is wrong with a box, in words.

    Up to one pixel beyond the image's edge counts as rounding: such a box is sound, and its
    numbers stay as they stand.

    Args:
        box: x1, y1, x2, y2 in pixels of the image.
        width: Width of the image in pixels.
        height: Height of the image in pixels.

    Returns:
        None for a sound box.

    Example:
        >>> fault_of((504, 337, 504, 337), 640, 480)
        'box (504, 337, 504, 337) has no area'
        >>> fault_of((600, 10, 652.5, 40), 640, 480)
        'box (600, 10, 652.5, 40) reaches 12.5 pixels beyond the image of 640 x 480 pixels'
    """
    x1, y1, x2, y2 = box
    shown = "box ({:.7g}, {:.7g}, {:.7g}, {:.7g})".format(*box)
    if not all(map(math.isfinite, box)):
        return f"{shown} has a number that is not finite"
    if x2 < x1 or y2 < y1:
        return f"{shown} is inverted: expected x1 < x2 and y1 < y2"
    if x2 - x1 < SHORTEST_SIDE or y2 - y1 < SHORTEST_SIDE:
        return f"{shown} has no area"
    if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
        return f"{shown} lies outside the image of {width} x {height} pixels"
    beyond = max(-x1, -y1, x2 - width, y2 - height)
    if beyond > ROUNDING:
        return f"{shown} reaches {beyond:.7g} pixels beyond the image of {width} x {height} pixels"
    return None
