"""The pictures of a report: curves, the spread of the seeds, and photographs with truth and predictions."""

import re
from base64 import b64encode
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from io import BytesIO, StringIO

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

import detloss
from detloss.study.dataset import Sample
from detloss.study.training import Outcome

INK = "#1c2733"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which readers who confuse red and green tell apart."""

MATCHING_IOU = 0.5

Prediction = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Boxes, scores and labels of one image."""


class Finding(Enum):
    """What a box in a picture is."""

    FOUND = "found"
    MISSED = "missed"
    HIT = "hit"
    FALSE = "false"


@dataclass(frozen=True)
class Mark:
    """A box to draw: left, top, width and height in pixels, and what it is."""

    x: float
    y: float
    width: float
    height: float
    label: str
    finding: Finding


@dataclass(frozen=True)
class Photograph:
    """A validation image, ready to stand in a page: `png` is base64."""

    name: str
    width: int
    height: int
    png: str


def style() -> AbstractContextManager[None]:
    """Make matplotlib draw as all pictures of detloss look."""
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


def photograph(sample: Sample) -> Photograph:
    """Encode a validation image for the page."""
    height, width, _ = sample.image.shape
    buffer = BytesIO()
    Image.fromarray(sample.image).save(buffer, format="PNG")
    return Photograph(sample.name, width, height, b64encode(buffer.getvalue()).decode())


def marks(sample: Sample, prediction: Prediction, class_names: Sequence[str]) -> list[Mark]:
    """Judge the best predictions of an image against the truth.

    Scores of different losses are not comparable, so no threshold is applied: as many predictions are shown as there
    are true boxes, the highest scores first. A prediction is a hit where its class is right and it overlaps a true box
    that is not taken yet by an IoU of at least .5.

    Returns:
        The true boxes, each found or missed, then the predictions, each a hit or false.
    """
    boxes, scores, labels = prediction
    best = np.argsort(-scores, kind="stable")[: len(sample.boxes)]
    overlaps = detloss.iou(torch.as_tensor(boxes[best]), torch.as_tensor(sample.boxes), pairwise=True).numpy()
    free = np.ones(len(sample.boxes), dtype=bool)
    predicted = []
    for row, index in zip(overlaps, best, strict=True):
        candidates = np.where(free & (sample.labels == labels[index]), row, 0.0)
        nearest = int(candidates.argmax())
        hit = candidates[nearest] >= MATCHING_IOU
        free[nearest] &= not hit
        predicted.append(mark(boxes[index], class_names[labels[index]], Finding.HIT if hit else Finding.FALSE))
    truth = [
        mark(box, class_names[label], Finding.MISSED if missed else Finding.FOUND)
        for box, label, missed in zip(sample.boxes, sample.labels, free, strict=True)
    ]
    return truth + predicted


def mark(box: np.ndarray, label: str, finding: Finding) -> Mark:
    """Turn corners into what SVG draws."""
    x1, y1, x2, y2 = box.tolist()
    return Mark(x1, y1, max(x2 - x1, 0.0), max(y2 - y1, 0.0), label, finding)


def convergence(outcomes: Sequence[Outcome]) -> tuple[str, str]:
    """Draw the two training losses of one pair over the steps: the mean of the seeds in a band of their range.

    Returns:
        The classification loss and the box loss, each as SVG.
    """
    curves = np.array([outcome.curve for outcome in outcomes], dtype=np.float64)
    trial = outcomes[0].trial
    steps = curves[0, :, 0]
    return (
        loss_curve(steps, curves[:, :, 1], f"class loss: {trial.cls}", COLOURS[0]),
        loss_curve(steps, curves[:, :, 2], f"box loss: {trial.box}", COLOURS[1]),
    )


def loss_curve(steps: np.ndarray, values: np.ndarray, title: str, colour: str) -> str:
    """Draw one training loss; `values` is (seeds, steps)."""
    with style():
        figure = Figure(figsize=(3.7, 2.1))
        axes = figure.subplots()
        axes.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.3, linewidth=0)
        axes.plot(steps, values.mean(0), color=colour)
        axes.set(title=title, xlabel="training step", ylabel="training loss", xlim=(0, steps[-1]))
        axes.set_ylim(bottom=0)
        return svg(figure, f"{title} over the training steps")


def spread(names: Sequence[str], scores: Sequence[Sequence[float]]) -> str:
    """Draw the AP of every pair, a dot a seed and a bar at the mean, as SVG; the first name stands on top."""
    with style():
        figure = Figure(figsize=(3.7, 0.55 + 0.46 * len(names)))
        axes: Axes = figure.subplots()
        for row, (name, values) in enumerate(zip(names, scores, strict=True)):
            mean = float(np.mean(values))
            axes.plot([min(values), max(values)], [row, row], color=COLOURS[0], linewidth=5, alpha=0.3)
            axes.plot(values, [row] * len(values), "o", color=COLOURS[0], markersize=4.5)
            axes.plot([mean, mean], [row - 0.17, row + 0.17], color=INK)
            axes.annotate(name, (0, row), (0, 8), xycoords=("axes fraction", "data"), textcoords="offset points")
        axes.set(xlabel="AP (dot: a seed, bar: the mean)", ylim=(len(names) - 0.5, -0.85))
        axes.locator_params(axis="x", nbins=5)
        axes.yaxis.set_visible(False)
        axes.spines["left"].set_visible(False)
        return svg(figure, "AP of every pair of losses, seed by seed")


def svg(figure: Figure, description: str) -> str:
    """Render a figure to stand inside a page: its ink is the colour of the text around it, in the light or the dark."""
    buffer = StringIO()
    figure.savefig(
        buffer,
        format="svg",
        transparent=True,
        metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")),
    )
    drawing = buffer.getvalue().replace(INK, "currentColor")
    drawing = re.sub(r'<g id="[^"]*">', "<g>", drawing)  # the same names would stand in every picture of the page
    return drawing[drawing.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{description}"', 1)
