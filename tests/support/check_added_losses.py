"""Checks of two added losses in a copy of the package; `tests/test_adding_a_loss.py` runs this program there."""

from pathlib import Path

import torch
from click.testing import CliRunner

import detloss
from detloss import catalog
from detloss.experiments.cli import main
from detloss.explorer.losses import page_losses
from docs.extension.loss_pages import page
from tools.write_stubs import stub

ROWS = [loss for loss in catalog.LOSSES if loss.name in ("toy_diou", "toy_poly")]


def check_names() -> None:
    """The catalog, the public names, the stub and the documentation have both losses."""
    assert Path(detloss.__file__).is_relative_to(Path.cwd()), detloss.__file__
    assert [row.kind for row in ROWS] == [catalog.Kind.BOX, catalog.Kind.SIGMOID]
    text = stub()
    for row in ROWS:
        assert catalog.kind_of(row.module()) is row.kind
        assert f"detloss.{row.function.__name__}" in page(row)
        assert f"class {row.module.__name__}(LossModule)" in text
        for item in (row.function, row.module):
            assert getattr(detloss, item.__name__) is item
            assert item.__name__ in dir(detloss)
    expected = "PolyCrossEntropyLoss(epsilon=1.0, ignore_index=None, reduction='mean')"
    assert repr(detloss.PolyCrossEntropyLoss()) == expected


def check_penalty() -> None:
    """Values from IoU and DIoU, also with a power, and gradients, on two formats and on rotated boxes."""
    corner, size = 4 * torch.rand(2, 8, 2, dtype=torch.float64), 1 + torch.rand(2, 8, 2, dtype=torch.float64)
    angle = torch.rand(2, 8, 1, dtype=torch.float64)
    rows = torch.cat([corner, size], -1)
    for geometry, pair in (
        (detloss.AxisAligned("xywh"), rows),
        (detloss.AxisAligned("cxcywh"), rows),
        (detloss.Rotated(), torch.cat([rows, angle], -1)),
    ):
        pred, target = (side.clone().requires_grad_() for side in pair)
        iou, diou = (measure(pred, target, geometry=geometry) for measure in (detloss.iou, detloss.distance_iou))
        module = detloss.TwiceDistanceIoULoss(geometry=geometry, reduction="none")
        torch.testing.assert_close(module(pred, target), 1 + iou - 2 * diou)
        assert torch.autograd.gradcheck(module, (pred, target))
        squared = detloss.TwiceDistanceIoULoss(geometry=geometry, overlap=detloss.Overlap(power=2.0), reduction="none")
        torch.testing.assert_close(squared(pred, target), 1 - iou**2 + 2 * (iou - diou) ** 2)
        assert torch.autograd.gradcheck(squared, (pred, target))


def check_class_loss() -> None:
    """Values from binary cross-entropy, and gradients."""
    logits = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
    soft = torch.rand(8, 3, dtype=torch.float64, requires_grad=True)
    p = logits.sigmoid()
    bce = detloss.binary_cross_entropy_loss(logits, soft, reduction="none")
    module = detloss.PolyCrossEntropyLoss(epsilon=0.5, reduction="none")
    torch.testing.assert_close(module(logits=logits, target=soft), bce + 0.5 * (soft * (1 - p) + (1 - soft) * p))
    assert torch.autograd.gradcheck(module, (logits, soft))


def check_command_line() -> None:
    """``compare --help`` lists both losses, and ``show`` plots them."""
    text = CliRunner().invoke(main, ["compare", "--help"]).output
    for row in ROWS:
        assert row.name in text, text
        plotted = CliRunner().invoke(main, ["show", row.name, "--out", f"{row.name}.svg"])
        assert plotted.exit_code == 0, plotted.output
        assert row.title in Path(f"{row.name}.svg").read_text(encoding="utf-8")


def check_explorer() -> None:
    """The interactive page has both losses, with the option and the parameters of one."""
    records = {record["name"]: record for record in page_losses()}
    formulas = Path("src/detloss/explorer/modules/formulas.js").read_text(encoding="utf-8")
    for row in ROWS:
        assert f"\n  {records[row.name]['formula']['name']}(" in formulas
        assert records[row.name]["mathml"]
    assert records["toy_diou"]["terms"] == 2
    assert records["toy_poly"]["options"] == [{"name": "epsilon", "default": 1.0, "low": 0.0, "high": 4.0}]
    assert [*records["toy_poly"]["formula"]["parameters"]] == [{"name": "epsilon", "default": 1.0}]


if __name__ == "__main__":
    torch.manual_seed(0)
    check_names()
    check_penalty()
    check_class_loss()
    check_command_line()
    check_explorer()
