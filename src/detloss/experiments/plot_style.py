"""Style of all plots: colors, dashes, and settings of matplotlib."""

from contextlib import AbstractContextManager

import matplotlib

INK = "#1c2733"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette, suitable for color blindness."""

DASHES = ("-", (0, (4, 2)), (0, (1, 1.2)), (0, (4, 1.5, 1, 1.5)))


def style() -> AbstractContextManager[None]:
    """Apply the settings."""
    return matplotlib.rc_context(
        {
            "axes.edgecolor": INK,
            "axes.grid": True,
            "axes.labelcolor": INK,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlecolor": INK,
            "axes.titlelocation": "left",
            "axes.titlesize": 10,
            "figure.constrained_layout.use": True,
            "font.size": 9,
            "grid.alpha": 0.18,
            "grid.color": INK,
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            "svg.fonttype": "none",
            "svg.hashsalt": "detloss",
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
        }
    )
