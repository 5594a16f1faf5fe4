"""Textbook definitions of the losses in float64 torch, and random operands for which they are accurate.

The options of the definitions are those that `loss_table` names, such as beta 0.7, alpha 0.3, gamma 1.5.
"""

import math

import torch
from torch import Tensor


def numbers(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    pred, target = 3 * torch.randn(2, 12, 4, generator=generator, dtype=torch.float64)
    return pred, target


def boxes(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A third of the pairs near each other, a third overlapping somehow, a third apart."""
    corner = 10 * torch.rand(12, 2, generator=generator, dtype=torch.float64)
    size = 0.5 + 4 * torch.rand(12, 2, generator=generator, dtype=torch.float64)
    shift = torch.tensor([0.1, 1.0, 8.0], dtype=torch.float64).repeat_interleave(4)[:, None]
    moved = corner + shift * torch.randn(12, 2, generator=generator, dtype=torch.float64)
    resized = size * (1 + 0.3 * torch.rand(12, 2, generator=generator, dtype=torch.float64))
    return torch.cat([corner, corner + size], 1), torch.cat([moved, moved + resized], 1)


def near_boxes(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Every pair overlaps."""
    pred, _ = boxes(generator)
    return pred, pred + 0.2 * (torch.rand(12, 4, generator=generator, dtype=torch.float64) - 0.5)


def indices(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    logits = 3 * torch.randn(12, 5, generator=generator, dtype=torch.float64)
    return logits, torch.randint(0, 5, (12,), generator=generator)


def values_between_bins(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    logits = 3 * torch.randn(12, 5, generator=generator, dtype=torch.float64)
    return logits, 4 * torch.rand(12, generator=generator, dtype=torch.float64)


def probabilities(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    logits, other = 3 * torch.randn(2, 12, 5, generator=generator, dtype=torch.float64)
    return logits, other.softmax(-1)


def soft(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    logits, other = 3 * torch.randn(2, 12, 5, generator=generator, dtype=torch.float64)
    return logits, other.sigmoid()


def qualities(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Qualities in (0, 1), and 0 for background."""
    logits, quality = soft(generator)
    return logits, quality * (torch.rand(12, 5, generator=generator) < 0.5)


def parts(p: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """IoU, union, and the sides of the enclosing box, as every paper writes them."""
    low, high = torch.maximum(p[:, :2], t[:, :2]), torch.minimum(p[:, 2:], t[:, 2:])
    shared = (high - low).clamp(min=0).prod(1)
    union = (p[:, 2:] - p[:, :2]).prod(1) + (t[:, 2:] - t[:, :2]).prod(1) - shared
    hull = torch.maximum(p[:, 2:], t[:, 2:]) - torch.minimum(p[:, :2], t[:, :2])
    return shared / union, union, hull, ((p[:, :2] + p[:, 2:] - t[:, :2] - t[:, 2:]) / 2).square().sum(1)


def one_minus_iou(p: Tensor, t: Tensor) -> Tensor:
    return 1 - parts(p, t)[0]


def minus_log_iou(p: Tensor, t: Tensor) -> Tensor:
    return -parts(p, t)[0].log()


def one_minus_giou(p: Tensor, t: Tensor) -> Tensor:
    iou, union, hull, _ = parts(p, t)
    return 1 - iou + (hull.prod(1) - union) / hull.prod(1)


def one_minus_diou(p: Tensor, t: Tensor) -> Tensor:
    iou, _, hull, distance = parts(p, t)
    return 1 - iou + distance / hull.square().sum(1)


def one_minus_ciou(p: Tensor, t: Tensor) -> Tensor:
    size, target_size = p[:, 2:] - p[:, :2], t[:, 2:] - t[:, :2]
    turn = torch.atan(target_size[:, 0] / target_size[:, 1]) - torch.atan(size[:, 0] / size[:, 1])
    v = 4 / math.pi**2 * turn.square()
    with torch.no_grad():
        alpha = v / (one_minus_iou(p, t) + v)
    return one_minus_diou(p, t) + alpha * v


def cross_entropy(z: Tensor, t: Tensor) -> Tensor:
    share = t if t.is_floating_point() else torch.nn.functional.one_hot(t, z.shape[-1])
    return -(share * z.log_softmax(-1)).sum(-1)


def softmax_focal(z: Tensor, t: Tensor) -> Tensor:
    p = z.softmax(-1).gather(-1, t[:, None])[:, 0]
    return -((1 - p) ** 1.5) * p.log()


def poly_cross_entropy(z: Tensor, t: Tensor) -> Tensor:
    return cross_entropy(z, t) + 1.5 * (1 - z.softmax(-1).gather(-1, t[:, None])[:, 0])


def poly_softmax_focal(z: Tensor, t: Tensor) -> Tensor:
    return softmax_focal(z, t) + 1.5 * (1 - z.softmax(-1).gather(-1, t[:, None])[:, 0]) ** 2.5


def distribution_focal(z: Tensor, y: Tensor) -> Tensor:
    shares = (1 - (y[:, None] - torch.arange(z.shape[-1])).abs()).clamp(min=0)
    return -(shares * z.log_softmax(-1)).sum(-1)


def charbonnier(p: Tensor, t: Tensor) -> Tensor:
    return ((p - t).square() + 0.7**2).sqrt() - 0.7


def balanced_l1(p: Tensor, t: Tensor) -> Tensor:
    alpha, gamma, beta = 0.3, 1.5, 0.7
    b, e = math.exp(gamma / alpha) - 1, (p - t).abs() / beta
    inner = alpha / b * (b * e + 1) * torch.log(b * e + 1) - alpha * e
    return beta * torch.where(e < 1, inner, gamma * e + gamma / b - alpha)


def log_cosh(p: Tensor, t: Tensor) -> Tensor:
    return (p - t).cosh().log()


def dice(z: Tensor, t: Tensor) -> Tensor:
    p = z.sigmoid()
    return 1 - 2 * (p * t).sum(-1) / (p + t).sum(-1)


def tversky(z: Tensor, t: Tensor) -> Tensor:
    p = z.sigmoid()
    shared = (p * t).sum(-1)
    return 1 - shared / (shared + 0.3 * (p * (1 - t)).sum(-1) + 0.8 * ((1 - p) * t).sum(-1))


def binary(z: Tensor, t: Tensor) -> Tensor:
    return -(t * z.sigmoid().log() + (1 - t) * (1 - z.sigmoid()).log())


def balanced(z: Tensor, t: Tensor) -> Tensor:
    return (0.3 * t + 0.7 * (1 - t)) * binary(z, t)


def focal(z: Tensor, t: Tensor) -> Tensor:
    p_t = z.sigmoid() * t + (1 - z.sigmoid()) * (1 - t)
    return (0.3 * t + 0.7 * (1 - t)) * (1 - p_t) ** 1.5 * binary(z, t)


def poly_focal(z: Tensor, t: Tensor) -> Tensor:
    p_t = z.sigmoid() * t + (1 - z.sigmoid()) * (1 - t)
    return focal(z, t) + 0.8 * (0.3 * t + 0.7 * (1 - t)) * (1 - p_t) ** 2.5


def quality_focal(z: Tensor, q: Tensor) -> Tensor:
    return (q - z.sigmoid()).abs() ** 1.5 * binary(z, q)


def varifocal(z: Tensor, q: Tensor) -> Tensor:
    return torch.where(q > 0, q * binary(z, q), -0.6 * z.sigmoid() ** 1.5 * (1 - z.sigmoid()).log())


def varifocal_with_constant_focus(z: Tensor, q: Tensor) -> Tensor:
    focus = z.detach().sigmoid() ** 1.5
    return torch.where(q > 0, q * binary(z, q), -0.6 * focus * (1 - z.sigmoid()).log())


def matchability_aware(z: Tensor, q: Tensor) -> Tensor:
    focus = z.detach().sigmoid() ** 1.5
    return torch.where(q > 0, binary(z, q**1.5), -0.6 * focus * (1 - z.sigmoid()).log())


def iou_aware_cross_entropy(z: Tensor, q: Tensor) -> Tensor:
    target = (z.detach().sigmoid() ** 0.3 * q**0.7).clamp(min=0.01)
    return torch.where(q > 0, binary(z, target), -(z.sigmoid() ** 1.5) * (1 - z.sigmoid()).log())


def heatmap_focal(z: Tensor, y: Tensor) -> Tensor:
    p = z.sigmoid()
    return torch.where(y >= 0.7, -((1 - p) ** 1.5) * p.log(), -((1 - y) ** 3) * p**1.5 * (1 - p).log())


def asymmetric(z: Tensor, t: Tensor) -> Tensor:
    p = z.sigmoid()
    shifted = (p - 0.2).clamp(min=0)
    return torch.where(t > 0, -((1 - p) ** 0.5) * p.log(), -(shifted**3) * (1 - shifted).log())


def asymmetric_without_margin(z: Tensor, t: Tensor) -> Tensor:
    p = z.sigmoid()
    return torch.where(t > 0, -((1 - p) ** 0.5) * p.log(), -(p**3) * (1 - p).log())


def smooth_l1(p: Tensor, t: Tensor) -> Tensor:
    d = (p - t).abs()
    return torch.where(d < 0.7, d.square() / 1.4, d - 0.35)
