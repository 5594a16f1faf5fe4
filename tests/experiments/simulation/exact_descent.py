"""The regression experiment of the DIoU paper in scalars: definitions of the papers, complex-step derivatives.

A derivative is the imaginary part of ``f(x + i h) / h``, without cancellation. Constants have no imaginary part.
"""

import cmath
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product

Box = Sequence[complex]  # center x, y, width, height

H = 1e-100
RATIOS = [1 / 4, 1 / 3, 1 / 2, 1, 2, 3, 4]
AREAS = [0.5, 0.67, 0.75, 1, 1.33, 1.5, 2]


def cases(point: Sequence[float]) -> Iterator[tuple[list[float], list[float]]]:
    """The 343 anchors at a point, each with its target."""
    for area, ratio, target_ratio in product(AREAS, RATIOS, RATIOS):
        height, target_height = math.sqrt(area / ratio), math.sqrt(1 / target_ratio)
        yield [*point, ratio * height, height], [10.0, 10.0, target_ratio * target_height, target_height]


def smaller(a: complex, b: complex) -> complex:
    return a if a.real < b.real else b


def larger(a: complex, b: complex) -> complex:
    return a if a.real > b.real else b


def edges(box: Box) -> tuple[complex, complex, complex, complex]:
    """Left, right, top, bottom."""
    x, y, width, height = box
    return x - width / 2, x + width / 2, y - height / 2, y + height / 2


def overlap(box: Box, target: Box) -> complex:
    left, right, top, bottom = edges(box)
    target_left, target_right, target_top, target_bottom = edges(target)
    across = smaller(right, target_right) - larger(left, target_left)
    down = smaller(bottom, target_bottom) - larger(top, target_top)
    shared = across * down if across.real > 0 and down.real > 0 else 0.0
    return shared / (box[2] * box[3] + target[2] * target[3] - shared)


def enclosing_sides(box: Box, target: Box) -> tuple[complex, complex]:
    left, right, top, bottom = edges(box)
    target_left, target_right, target_top, target_bottom = edges(target)
    return (
        larger(right, target_right) - smaller(left, target_left),
        larger(bottom, target_bottom) - smaller(top, target_top),
    )


def iou(box: Box, target: Box, *, detach: bool = False) -> complex:
    return 1 - overlap(box, target)


def log_iou(box: Box, target: Box, *, detach: bool = False) -> complex:
    measure = overlap(box, target)
    return -cmath.log(measure) if measure else 0.0


def giou(box: Box, target: Box, *, detach: bool = False) -> complex:
    measure = overlap(box, target)
    union = (box[2] * box[3] + target[2] * target[3]) / (1 + measure)  # A + B = U (1 + IoU)
    width, height = enclosing_sides(box, target)
    return 1 - measure + 1 - union / (width * height)


def diou(box: Box, target: Box, *, detach: bool = False) -> complex:
    width, height = enclosing_sides(box, target)
    diagonal = width**2 + height**2
    distance = (box[0] - target[0]) ** 2 + (box[1] - target[1]) ** 2
    return iou(box, target) + distance / (diagonal.real if detach else diagonal)


def ciou(box: Box, target: Box, *, detach: bool = False) -> complex:
    aspect = 4 / math.pi**2 * (cmath.atan(target[2] / target[3]) - cmath.atan(box[2] / box[3])) ** 2
    weight = aspect.real / (1 - overlap(box, target).real + aspect.real) if aspect.real else 0.0
    return diou(box, target, detach=detach) + weight * aspect


def l1(box: Box, target: Box, *, detach: bool = False) -> complex:
    return sum((a - b) * math.copysign(1, (a - b).real) for a, b in zip(box, target, strict=True))


def l2(box: Box, target: Box, *, detach: bool = False) -> complex:
    return sum((a - b) ** 2 for a, b in zip(box, target, strict=True))


def smooth_l1(box: Box, target: Box, *, detach: bool = False) -> complex:
    errors = [a - b for a, b in zip(box, target, strict=True)]
    return sum(e**2 / 2 if abs(e.real) < 1 else e * math.copysign(1, e.real) - 0.5 for e in errors)


LOSSES: dict[str, Callable[..., complex]] = {
    "l1": l1, "l2": l2, "smooth_l1": smooth_l1, "iou": iou, "log_iou": log_iou, "giou": giou, "diou": diou, "ciou": ciou,
}  # fmt: skip


def derivative(name: str, box: Sequence[float], target: Sequence[float], *, detach: bool) -> list[float]:
    rows = [[value + (1j * H if k == moved else 0) for k, value in enumerate(box)] for moved in range(4)]
    return [LOSSES[name](row, target, detach=detach).imag / H for row in rows]


def published_step(name: str, box: Sequence[float], target: Sequence[float]) -> list[float]:
    """The published step of x, y, w, h, before the factors learning rate and (2 - IoU)."""
    x, y, w, h = box
    gx, gy, gw, gh = target
    left, right, top, bottom = edges(box)
    g_left, g_right, g_top, g_bottom = edges(target)
    m_l, m_r, m_t, m_b = left < g_left, right > g_right, top < g_top, bottom > g_bottom
    iw, ih = min(right, g_right) - max(left, g_left), min(bottom, g_bottom) - max(top, g_top)
    cw, ch = max(right, g_right) - min(left, g_left), max(bottom, g_bottom) - min(top, g_top)
    disjoint = iw <= 0 or ih <= 0

    # By left, right, top, bottom; (b) the intersection is not clamped, but the IoU term is 0 for disjoint boxes.
    intersection, union, hull = iw * ih, w * h + gw * gh - iw * ih, cw * ch
    d_area = [-h, h, -w, w]
    d_intersection = [-ih * (left > g_left), ih * (right < g_right), -iw * (top > g_top), iw * (bottom < g_bottom)]
    d_union = [a - i for a, i in zip(d_area, d_intersection, strict=True)]
    d_hull = [-ch * m_l, ch * m_r, -cw * m_t, cw * m_b]
    by_edge = [0.0] * 4
    for k in range(4):
        if not disjoint:
            by_edge[k] += (d_intersection[k] * union - intersection * d_union[k]) / union**2
        if name == "giou":
            by_edge[k] += (d_union[k] * hull - union * d_hull[k]) / hull**2
    step = [by_edge[0] + by_edge[1], by_edge[2] + by_edge[3], by_edge[1] - by_edge[0], by_edge[3] - by_edge[2]]  # (a)

    if name in ("diou", "ciou"):  # (c)
        c2, rho2 = cw**2 + ch**2, (gx - x) ** 2 + (gy - y) ** 2
        e = -1 if m_l and m_r else (m_r + m_l) / 2
        f = -1 if m_t and m_b else (m_b + m_t) / 2
        step[0] += (2 * (gx - x) * c2 - 2 * (cw + ch) * (m_r - m_l) * rho2) / c2**2
        step[1] += (2 * (gy - y) * c2 - 2 * (cw + ch) * (m_b - m_t) * rho2) / c2**2
        step[2] += (2 * cw * e + 2 * ch * (m_r + m_l) / 2) * rho2 / c2**2
        step[3] += (2 * cw * (m_b + m_t) / 2 + 2 * ch * f) * rho2 / c2**2
    if name == "ciou":  # (d)
        difference = math.atan(gw / gh) - math.atan(w / h)
        v = 4 / math.pi**2 * difference**2
        iou_now = 0.0 if disjoint else intersection / union
        weight = v / (1 - iou_now + v) if v else 0.0
        step[2] += weight * 8 / math.pi**2 * difference * h
        step[3] -= weight * 8 / math.pi**2 * difference * w
    return step


def gradient(name: str, which: str, box: Sequence[float], target: Sequence[float]) -> list[float]:
    """The gradient with a name of the command line."""
    if which == "published":
        return [-part for part in published_step(name, box, target)]
    return derivative(name, box, target, detach=which == "detach")


def errors(name: str, which: str, box: Sequence[float], target: Sequence[float]) -> list[float]:
    """The error of one case before the first step and after each step."""
    box, history = list(box), []
    for k in range(201):
        history.append(sum(abs(a - b) for a, b in zip(box, target, strict=True)))
        rate = 0.1 if k < 160 else 0.01 if k < 180 else 0.001
        length = rate * (2 - (overlap(box, target) if min(box[2:]) > 0 else 0.0))
        box = [a - length * b for a, b in zip(box, gradient(name, which, box, target), strict=True)]
    return history
