"""Losses in plain torch with one planted fault each, for the test of what `detloss.audit` finds."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Fault:
    """A loss with a fault: its name in the catalog, the options of its definition, and the format of its boxes."""

    name: str
    like: str
    loss: Loss
    options: dict[str, float] = field(default_factory=dict)
    form: str = "xyxy"


def sides(box: Tensor) -> tuple[Tensor, Tensor]:
    return box[..., 2] - box[..., 0], box[..., 3] - box[..., 1]


def boxes(
    *,
    penalty: str = "",
    clamps: bool = True,
    eps: float = 0.0,
    eps_of_area: float = 0.0,
    sign: float = 1.0,
    swaps_sides: bool = False,
    holds: str = "",
    alpha_held: bool = True,
    weight_without_iou: bool = False,
    plus_one: float = 0.0,
    squares_center: bool = True,
    factor: float = 1.0,
) -> Loss:
    """A box loss as every paper writes it, with some of its parts changed."""

    def loss(p: Tensor, t: Tensor) -> Tensor:
        low, high = torch.maximum(p[..., :2], t[..., :2]), torch.minimum(p[..., 2:], t[..., 2:])
        overlap = high - low + plus_one
        shared = (overlap.clamp(min=0) if clamps else overlap).prod(-1)
        (w, h), (tw, th) = sides(p), sides(t)
        union = w * h + tw * th - shared + eps_of_area
        iou = shared / (union + eps)
        span = torch.maximum(p[..., 2:], t[..., 2:]) - torch.minimum(p[..., :2], t[..., :2])
        result = 1 - iou
        if penalty == "giou":
            area = span.prod(-1)
            area = area.detach() if holds == "area" else area
            result = result + sign * (area - union) / area
        if penalty in ("diou", "ciou"):
            c2 = span.square().sum(-1)
            c2 = c2.detach() if holds == "c^2" else c2
            rho = (p[..., :2] + p[..., 2:] - t[..., :2] - t[..., 2:]) / 2
            rho = rho.square().sum(-1)
            result = result + sign * (rho if squares_center else rho.sqrt()) / c2
        if penalty == "ciou":
            w_p, h_p = (h, w) if swaps_sides else (w, h)
            v = factor * 4 / math.pi**2 * (torch.atan2(tw, th) - torch.atan2(w_p, h_p)).square()
            alpha = v / ((1 if weight_without_iou else 1 - iou) + v)
            result = result + (alpha.detach() if alpha_held else alpha) * v
        return result

    return loss


def focal(
    *,
    gamma: float = 2.0,
    alpha: float = 0.25,
    swaps_alpha: bool = False,
    holds_focus: bool = False,
    one_minus_p: bool = False,
    of_probability: bool = False,
    without_focus_of_negatives: bool = False,
) -> Loss:
    def loss(z: Tensor, t: Tensor) -> Tensor:
        p = z.sigmoid()
        p_t = p * t + (1 - p) * (1 - t)
        cost = F.binary_cross_entropy_with_logits(z, t, reduction="none")
        if one_minus_p:
            cost = -t * p.log() - (1 - t) * (1 - p).log()
        focus = (1 - (p if of_probability else p_t)) ** gamma
        if without_focus_of_negatives:
            focus = torch.where(t > 0, focus, torch.ones_like(focus))
        a, b = (1 - alpha, alpha) if swaps_alpha else (alpha, 1 - alpha)
        return (a * t + b * (1 - t)) * (focus.detach() if holds_focus else focus) * cost

    return loss


def plain_giou(p: Tensor, t: Tensor) -> Tensor:
    return boxes(penalty="giou")(p, t)


def modifying(p: Tensor, t: Tensor) -> Tensor:
    return plain_giou(p, t.clamp_(min=0.0))


def in_half_precision(p: Tensor, t: Tensor) -> Tensor:
    return plain_giou(p.half(), t.half()).to(p.dtype)


def in_single_precision(p: Tensor, t: Tensor) -> Tensor:
    return plain_giou(p.float(), t.float())


def mean_over_the_wrong_dimension(p: Tensor, t: Tensor) -> Tensor:
    return (p - t).abs().mean(0)


def spoiled_by_one_row(p: Tensor, t: Tensor) -> Tensor:
    return plain_giou(p, t) * (p.sum() * 0 + 1)


def broadcast_weight(p: Tensor, t: Tensor, weight: Tensor | None = None, reduction: str = "none") -> Tensor:
    found = plain_giou(p, t)
    found = found if weight is None else found * weight[:, None]
    return found if reduction == "none" else found.mean() if reduction == "mean" else found.sum()


def mean_as_sum(p: Tensor, t: Tensor, reduction: str = "none") -> Tensor:
    found = plain_giou(p, t)
    return found if reduction == "none" else found.sum()


def mean_over_elements(p: Tensor, t: Tensor, reduction: str = "mean") -> Tensor:
    found = plain_giou(p, t)
    return found if reduction == "none" else found.sum() / (p.numel() if reduction == "mean" else 1)


def pairwise(p: Tensor, t: Tensor) -> Tensor:
    return plain_giou(p[:, None], t[None])


def one_column(p: Tensor, t: Tensor) -> Tensor:
    return plain_giou(p, t)[:, None]


def negative_clamped(p: Tensor, t: Tensor) -> Tensor:
    return plain_giou(p, t).clamp(min=1e-3)


def logged_with_a_clamp(z: Tensor, t: Tensor) -> Tensor:
    p = z.sigmoid().clamp(1e-6, 1 - 1e-6)
    return -(t * p.log() + (1 - t) * (1 - p).log())


def charbonnier_of_the_square_root(p: Tensor, t: Tensor) -> Tensor:
    return ((p - t).square() + 1.0).sqrt() - 1.0


def smooth_l1_without_half(p: Tensor, t: Tensor) -> Tensor:
    d = (p - t).abs()
    return torch.where(d < 1, 0.5 * d.square(), d)


def softmax_over_rows(z: Tensor, t: Tensor) -> Tensor:
    return F.nll_loss(z.log_softmax(0), t, reduction="none")


def logarithm_of_the_softmax(z: Tensor, t: Tensor) -> Tensor:
    return -z.softmax(-1).log().gather(-1, t[:, None])[:, 0]


def wise(*, constant: bool) -> Loss:
    """WIoU with a squared diagonal that is constant in derivatives, or not."""

    def loss(p: Tensor, t: Tensor) -> Tensor:
        span = torch.maximum(p[:, 2:], t[:, 2:]) - torch.minimum(p[:, :2], t[:, :2])
        rho = ((p[:, :2] + p[:, 2:] - t[:, :2] - t[:, 2:]) / 2).square().sum(1)
        c2 = span.square().sum(1)
        return (rho / (c2.detach() if constant else c2)).exp() * boxes()(p, t)

    return loss


def dice_with_smoothing(z: Tensor, t: Tensor) -> Tensor:
    p = z.sigmoid()
    return 1 - (2 * (p * t).sum(-1) + 1) / (p.sum(-1) + t.sum(-1) + 1)


def dice_of_logits(z: Tensor, t: Tensor) -> Tensor:
    return 1 - 2 * (z * t).sum(-1) / (z.sum(-1) + t.sum(-1))


def charbonnier(p: Tensor, t: Tensor) -> Tensor:
    d2 = (p - t).square()
    return d2 / ((d2 + 1).sqrt() + 1)


def dice(z: Tensor, t: Tensor) -> Tensor:
    p = z.sigmoid()
    return 1 - 2 * (p * t).sum(-1) / (p.sum(-1) + t.sum(-1))


def bins(*, exchanges_weights: bool = False) -> Loss:
    def loss(z: Tensor, t: Tensor) -> Tensor:
        t = t.clamp(0, z.shape[1] - 1)
        left = t.long().clamp(max=z.shape[1] - 2)
        share = left + 1 - t if exchanges_weights else t - left
        costs = -z.log_softmax(1)
        first, second = (costs.gather(1, k[:, None])[:, 0] for k in (left, left + 1))
        return (1 - share) * first + share * second

    return loss


def quality(*, without_quality: bool = False) -> Loss:
    def loss(z: Tensor, q: Tensor) -> Tensor:
        focus = (0.0 if without_quality else q) - z.sigmoid()
        return focus.abs() ** 2 * F.binary_cross_entropy_with_logits(z, q, reduction="none")

    return loss


def asymmetric(*, sign: float = 1.0) -> Loss:
    def loss(z: Tensor, t: Tensor) -> Tensor:
        p = z.sigmoid()
        shifted = (p - sign * 0.05).clamp(min=0)
        return -t * F.logsigmoid(z) - (1 - t) * shifted**4 * torch.log1p(-shifted)

    return loss


def hellinger(*, turn: float = 1.0, variance: float = 12.0) -> Loss:
    """ProbIoU of rotated boxes."""

    def covariance(box: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, b = box[:, 2].square() / variance, box[:, 3].square() / variance
        c, s = (turn * box[:, 4]).cos(), (turn * box[:, 4]).sin()
        return a * c * c + b * s * s, (a - b) * c * s, a * s * s + b * c * c

    def loss(p: Tensor, t: Tensor) -> Tensor:
        one, other = covariance(p), covariance(t)
        xx, xy, yy = ((a + b) / 2 for a, b in zip(one, other))
        areas, area = [a * c - b * b for a, b, c in (one, other)], xx * yy - xy * xy
        dx, dy = (p - t)[:, :2].unbind(1)
        distance = (yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy) / area / 8
        distance = distance + (area / (areas[0] * areas[1]).sqrt()).log() / 2
        return (1 - (-distance).exp()).sqrt()

    return loss


CLEAN: dict[str, Loss] = {
    "iou": boxes(),
    "giou": plain_giou,
    "diou": boxes(penalty="diou"),
    "ciou": boxes(penalty="ciou"),
    "wiou": wise(constant=True),
    "l1": lambda p, t: (p - t).abs(),
    "smooth_l1": lambda p, t: F.smooth_l1_loss(p, t, reduction="none"),
    "charbonnier": charbonnier,
    "focal": focal(),
    "bce": lambda z, t: F.binary_cross_entropy_with_logits(z, t, reduction="none"),
    "ce": lambda z, t: F.cross_entropy(z, t, reduction="none"),
    "dice": dice,
    "dfl": bins(),
    "qfl": quality(),
    "asl": asymmetric(),
    "probiou": hellinger(),
}
"""The copies without a fault, by the name of the loss; they break promises of their own, such as that of flat boxes."""

FAULTS = (
    Fault("sign of the penalty", "giou", boxes(penalty="giou", sign=-1.0)),
    Fault("overlap not clamped", "iou", boxes(clamps=False)),
    Fault("eps of 1e-7 in the area", "iou", boxes(eps_of_area=1e-7)),
    Fault("eps of 1e-6 in the quotient", "giou", boxes(penalty="giou", eps=1e-6)),
    Fault("plus one in the overlap", "iou", boxes(plus_one=1.0)),
    Fault("enclosing area detached", "giou", boxes(penalty="giou", holds="area")),
    Fault("c^2 detached", "diou", boxes(penalty="diou", holds="c^2")),
    Fault("distance without its square", "diou", boxes(penalty="diou", squares_center=False)),
    Fault("alpha attached", "ciou", boxes(penalty="ciou", alpha_held=False)),
    Fault("width and height swapped", "ciou", boxes(penalty="ciou", swaps_sides=True)),
    Fault("alpha without IoU", "ciou", boxes(penalty="ciou", weight_without_iou=True)),
    Fault("v without 4 / pi^2", "ciou", boxes(penalty="ciou", factor=math.pi**2 / 4)),
    Fault("c^2 of WIoU attached", "wiou", wise(constant=False)),
    Fault("operand modified", "giou", modifying),
    Fault("float16 inside", "giou", in_half_precision),
    Fault("float32 inside for float64", "giou", in_single_precision),
    Fault("one bad row spoils others", "giou", spoiled_by_one_row),
    Fault("broadcast weight", "giou", broadcast_weight),
    Fault("mean is the sum", "giou", mean_as_sum),
    Fault("mean over the elements of boxes", "giou", mean_over_elements),
    Fault("pairwise result", "giou", pairwise),
    Fault("result of one column", "giou", one_column),
    Fault("loss clamped above 0", "giou", negative_clamped),
    Fault("mean over the wrong dimension", "l1", mean_over_the_wrong_dimension),
    Fault("linear part without its offset", "smooth_l1", smooth_l1_without_half),
    Fault("square root that cancels", "charbonnier", charbonnier_of_the_square_root),
    Fault("log(1 - p)", "focal", focal(one_minus_p=True)),
    Fault("alpha exchanged", "focal", focal(swaps_alpha=True)),
    Fault("focus detached", "focal", focal(holds_focus=True)),
    Fault("1 - p for both classes", "focal", focal(of_probability=True)),
    Fault("power at 0", "focal", focal(gamma=0.5), {"gamma": 0.5}),
    Fault("focus of the positives alone", "focal", focal(without_focus_of_negatives=True)),
    Fault("probabilities clamped", "bce", logged_with_a_clamp),
    Fault("softmax over the rows", "ce", softmax_over_rows),
    Fault("logarithm of the softmax", "ce", logarithm_of_the_softmax),
    Fault("smoothing of 1", "dice", dice_with_smoothing),
    Fault("weights of the bins exchanged", "dfl", bins(exchanges_weights=True)),
    Fault("focus without the quality", "qfl", quality(without_quality=True)),
    Fault("margin added to the probability", "asl", asymmetric(sign=-1.0)),
    Fault("angle in the opposite direction", "probiou", hellinger(turn=-1.0), form="rotated"),
    Fault("variance of another distribution", "probiou", hellinger(variance=4.0), form="rotated"),
)
