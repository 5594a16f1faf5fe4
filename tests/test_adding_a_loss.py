"""Addition of a loss by three edits: formula with table entry, function with module, row of the catalog."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PENALTY = '''def twice_distance_iou(m, pair, *, total=plain):
    """1 - IoU + 2 rho^2 / c^2."""
    return total(m, pair, center_distance(m, pair), center_distance(m, pair))


'''
BOX_LOSS = '''

def twice_distance_iou_loss(
    pred: Tensor,
    target: Tensor,
    *,
    geometry: Geometry = AxisAligned(),
    overlap: Overlap = PLAIN,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""DIoU loss with twice the penalty on the distance of the centers.

    .. math:: L = 1 - \\mathrm{IoU} + 2 \\rho^2 / c^2

    When to choose it: never.

    Args:
        geometry: The meaning of a row.
        overlap: Modifiers of the IoU.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``.
    """
    penalty, parameters = modified(penalties.twice_distance_iou, overlap)
    return box_pairs.loss(
        "twice_distance_iou_loss", penalty, pred, target, geometry, weight, reduction, normalizer, None, parameters
    )


class TwiceDistanceIoULoss(LossModule, function=twice_distance_iou_loss):
    """Module of `twice_distance_iou_loss`."""
'''
FORMULA = '''def poly_cross_entropy(m, logit, positive, negative, keep, epsilon):
    """Leng et al., PolyLoss (2022), eq. 8."""
    p, q, tail = unnormalized_probabilities(m, logit)
    nll, d_logit, d_target = binary_cross_entropy(m, logit, positive, negative, keep)
    total = 1.0 + tail
    loss = nll + epsilon * (positive * q + negative * p) / total
    d_complement = (negative - positive) * m.quotient(tail, total * total)
    return loss, d_logit + epsilon * d_complement, d_target + epsilon * keep * (q - p) / total


'''
CLASS_LOSS = '''

def poly_cross_entropy_loss(
    logits: Tensor,
    target: Tensor,
    *,
    epsilon: float = 1.0,
    ignore_index: int | None = None,
    weight: float | Tensor | None = None,
    reduction: Reduction = "mean",
    normalizer: float | Tensor | None = None,
) -> Tensor:
    r"""Binary cross-entropy plus a multiple of 1 - p_t.

    .. math:: L = -\\log p_t + \\epsilon (1 - p_t)

    When to choose it: never.

    Args:
        epsilon: The multiple, at least 0.
        ignore_index: Rows with this class index are excluded.
        reduction: ``"none"``, ``"sum"`` or ``"mean"``.
    """
    return evaluate(
        "poly_cross_entropy_loss",
        binary_request(elementwise.poly_cross_entropy, logits, target, ignore_index, 0.0),
        logits,
        target,
        operands=OPERANDS,
        weight=weight,
        reduction=reduction,
        normalizer=normalizer,
        parameters=[checks.number("epsilon", epsilon, 0.0)],
    )


class PolyCrossEntropyLoss(LossModule, function=poly_cross_entropy_loss):
    """Module of `poly_cross_entropy_loss`."""
'''
ROWS = """    Loss("toy_diou", "Twice-distance IoU", TwiceDistanceIoULoss, Kind.BOX),
    Loss("toy_poly", "PolyLoss", PolyCrossEntropyLoss, Kind.SIGMOID),
"""

CHECK = ROOT / "tests/support/check_added_losses.py"


def edit(path: Path, anchor: str, inserted: str, *, after: bool = False) -> None:
    """Insert a text before or after the only place of another."""
    text = path.read_text(encoding="utf-8")
    assert text.count(anchor) == 1, (path, anchor)
    path.write_text(text.replace(anchor, anchor + inserted if after else inserted + anchor), encoding="utf-8")


def run(copy: Path, *arguments: str) -> str:
    """The output of a Python program that imports the copy."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(copy / "src"), str(copy)]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, the generators and the documentation, without compiled kernels."""
    ignored = shutil.ignore_patterns("built", "__pycache__", "*.png")
    for folder in ("src/detloss", "tools", "docs/extension"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    return tmp_path


@pytest.mark.exhaustive
def test_three_edits_add_a_box_loss_and_a_class_loss(copy: Path) -> None:
    package = copy / "src/detloss"
    edit(package / "formulas/penalties.py", "def complete_iou(", PENALTY)
    edit(package / "formulas/__init__.py", "    shape_iou,\n    wise_iou,\n", "    twice_distance_iou,\n")
    edit(
        package / "formulas/__init__.py", "    shape_iou,\n    powerful_iou,\n", "    twice_distance_iou,\n", after=True
    )
    edit(package / "formulas/elementwise.py", "BINARY = (", FORMULA)
    edit(
        package / "formulas/elementwise.py", "balanced_cross_entropy, sigmoid_focal", ", poly_cross_entropy", after=True
    )
    edit(package / "losses/boxes.py", "\n\nclass IoULoss(", BOX_LOSS)
    edit(package / "losses/binary.py", "\n\nclass BinaryCrossEntropyLoss(", CLASS_LOSS)
    edit(package / "catalog.py", '    Loss("ce", "Cross-entropy"', ROWS)
    edit(package / "catalog.py", "DistanceIoULoss, GeneralizedIoULoss", "TwiceDistanceIoULoss, ")
    edit(package / "catalog.py", "BalancedCrossEntropyLoss, BinaryCrossEntropyLoss", "PolyCrossEntropyLoss, ")

    run(copy, "-m", "tools.print_formulas")
    run(copy, "-m", "tools.print_formulas", "--check")
    for generated in ("cpp/formulas.h", "triton/formulas.py"):
        text = (package / "kernels" / generated).read_text(encoding="utf-8")
        assert "twice_distance_iou" in text, generated
        assert "poly_cross_entropy" in text, generated
    run(copy, str(CHECK))
