"""Losses of other libraries, with the calls that make them the losses of the catalog."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

Function = Callable[..., Any]


@dataclass(frozen=True)
class Peer:
    """A loss of another library.

    Attributes:
        target: The function or class, as ``module:name``.
        like: The loss of the catalog.
        expression: Its call on ``pred`` and ``target``; empty: ``name(pred, target, reduction="none")``.
        options: The values of the options of the definition.
        form: The format of boxes.
        variant: A word for the row, if the function has several.
    """

    target: str
    like: str
    expression: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    form: str = "xyxy"
    variant: str = ""

    @property
    def library(self) -> str:
        return self.target.partition(".")[0]

    @property
    def name(self) -> str:
        """The target, and the word for the row."""
        return f"{self.target} {self.variant}".rstrip()

    @property
    def is_installed(self) -> bool:
        return find_spec(self.library) is not None

    @property
    def statements(self) -> tuple[str, str]:
        """Python code that imports it and calls it."""
        path, _, name = self.target.partition(":")
        return f"from {path} import {name}", self.expression or f'{name}(pred, target, reduction="none")'

    @property
    def call(self) -> Function:
        """The function of a prediction and its target.

        Raises:
            ImportError, AttributeError: The installed version does not have it.
        """
        path, _, name = self.target.partition(":")
        function: Function = getattr(import_module(path), name)
        if self.expression:
            function = eval(f"lambda pred, target: {self.expression}", {name: function})
        return function


def boxes_of_ultralytics(like: str, variant: str, options: str, form: str = "xyxy") -> Peer:
    """A row of `bbox_iou`: training uses 1 - `bbox_iou`."""
    expression = f"1.0 - bbox_iou(pred, target, {options}).squeeze(-1)"
    return Peer("ultralytics.utils.metrics:bbox_iou", like, expression, form=form, variant=variant)


FOCAL = {"alpha": 0.25, "gamma": 2.0}
OF_TRANSFORMERS = "transformers.loss.loss_for_object_detection"
OF_SEGMENTATION = "segmentation_models_pytorch.losses"

PEERS: tuple[Peer, ...] = (
    Peer("torch.nn.functional:l1_loss", "l1"),
    Peer("torch.nn.functional:mse_loss", "l2"),
    Peer("torch.nn.functional:smooth_l1_loss", "smooth_l1"),
    Peer("torch.nn.functional:cross_entropy", "ce"),
    Peer("torch.nn.functional:binary_cross_entropy_with_logits", "bce"),
    Peer("torchvision.ops:generalized_box_iou_loss", "giou"),
    Peer("torchvision.ops:distance_box_iou_loss", "diou"),
    Peer("torchvision.ops:complete_box_iou_loss", "ciou"),
    Peer("torchvision.ops:sigmoid_focal_loss", "focal"),
    Peer("fvcore.nn:giou_loss", "giou"),
    Peer("fvcore.nn:smooth_l1_loss", "smooth_l1", "smooth_l1_loss(pred, target, 1.0)", {"beta": 1.0}),
    Peer("fvcore.nn:sigmoid_focal_loss", "focal", "sigmoid_focal_loss(pred, target, 0.25, 2.0)", FOCAL),
    *(
        Peer(f"mmdet.models.losses:{name}", like, f'{name}(reduction="none")(pred, target)')
        for name, like in (
            ("GIoULoss", "giou"),
            ("DIoULoss", "diou"),
            ("CIoULoss", "ciou"),
            ("SIoULoss", "siou"),
            ("EIoULoss", "eiou"),
        )
    ),
    boxes_of_ultralytics("iou", "IoU", "xywh=False"),
    boxes_of_ultralytics("giou", "GIoU", "xywh=False, GIoU=True"),
    boxes_of_ultralytics("diou", "DIoU", "xywh=False, DIoU=True"),
    boxes_of_ultralytics("ciou", "CIoU", "xywh=False, CIoU=True"),
    boxes_of_ultralytics("ciou", "CIoU, xywh", "CIoU=True", "cxcywh"),
    Peer("ultralytics.utils.loss:FocalLoss", "focal", "FocalLoss(2.0, 0.25)(pred, target)", FOCAL),
    Peer("ultralytics.utils.loss:DFLoss", "dfl", "DFLoss(reg_max=pred.shape[-1])(pred, target[:, None])[:, 0]"),
    Peer(
        "kornia.losses:binary_focal_loss_with_logits",
        "focal",
        "binary_focal_loss_with_logits(pred, target, 0.25, 2.0)",
        FOCAL,
    ),
    Peer(f"{OF_TRANSFORMERS}:sigmoid_focal_loss", "focal", "sigmoid_focal_loss(pred, target, 1)", FOCAL),
    Peer(f"{OF_TRANSFORMERS}:dice_loss", "dice", "dice_loss(pred, target, 1)"),
    Peer(
        f"{OF_SEGMENTATION}:FocalLoss",
        "focal",
        'FocalLoss("binary", alpha=0.25, reduction=None)(pred, target).reshape(pred.shape)',
        FOCAL,
    ),
    Peer(f"{OF_SEGMENTATION}:DiceLoss", "dice", 'DiceLoss("binary")(pred, target)'),
    Peer(f"{OF_SEGMENTATION}:SoftBCEWithLogitsLoss", "bce", 'SoftBCEWithLogitsLoss(reduction="none")(pred, target)'),
    Peer(
        "timm.loss:AsymmetricLossMultiLabel",
        "asl",
        'AsymmetricLossMultiLabel(reduction="none")(pred, target)',
        {"positive_gamma": 1.0, "negative_gamma": 4.0, "margin": 0.05},
    ),
    Peer("timm.loss:BinaryCrossEntropy", "bce", 'BinaryCrossEntropy(0.0, reduction="none")(pred, target)'),
    Peer(
        "timm.loss:LabelSmoothingCrossEntropy",
        "ce",
        "LabelSmoothingCrossEntropy(0.1)(pred, target)",
        {"label_smoothing": 0.1},
    ),
    Peer("monai.losses:FocalLoss", "focal", 'FocalLoss(alpha=0.25, reduction="none")(pred, target)', FOCAL),
    Peer("monai.losses:BoxGIoULoss", "giou", 'BoxGIoULoss(reduction="none")(pred, target)'),
)


def peer_of(function: Function) -> Peer | None:
    """The row of a function of another library, the first if there are several."""
    inner = function.func if isinstance(function, partial) else function
    root, name = getattr(inner, "__module__", None) or "", getattr(inner, "__name__", "")
    rows = (peer for peer in PEERS if peer.library == root.partition(".")[0] and peer.target.endswith(f":{name}"))
    return next(rows, None)
