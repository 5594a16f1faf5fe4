"""Cases of the battery: losses, inputs and exact results."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from random import Random

import torch
from torch import Tensor
from torch.nn import functional

import detloss
from tests.battery import boxes, logits
from tests.battery.error_bounds import ErrorBound, error_bound
from tests.oracle import boxes as exact_boxes
from tests.oracle import classification, regression
from tests.oracle.exact import Exact

DTYPES = (torch.float64, torch.float32, torch.bfloat16, torch.float16)

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Case:
    """One call of a loss, and the function that computes the exact result of a row."""

    loss: str
    family: str
    dtype: torch.dtype
    ours: Loss
    peer: Loss | None
    pred: Tensor
    target: Tensor
    exact: Callable[..., Exact]
    bound: ErrorBound

    @cached_property
    def exact_results(self) -> list[Exact]:
        """The exact results by row, computed once because 60 digits are slow."""
        return [self.exact(*rows) for rows in zip(self.pred.tolist(), self.target.tolist(), strict=True)]


BOX_LOSSES: dict[str, Loss] = {
    "iou": partial(detloss.iou_loss, form="linear"),
    "log_iou": partial(detloss.iou_loss, form="log"),
    "giou": detloss.generalized_iou_loss,
    "diou": detloss.distance_iou_loss,
    "ciou": detloss.complete_iou_loss,
}


def of_torchvision(name: str, pred: Tensor, target: Tensor, **options: object) -> Tensor:
    """A loss of torchvision, imported only if peers are measured."""
    import torchvision.ops

    loss: Tensor = getattr(torchvision.ops, name)(pred, target, **options)
    return loss


BOX_PEERS: dict[str, Loss] = {
    "giou": partial(of_torchvision, "generalized_box_iou_loss"),
    "diou": partial(of_torchvision, "distance_box_iou_loss"),
    "ciou": partial(of_torchvision, "complete_box_iou_loss"),
}

# Formats and dimensions, with the number of rows per family.
LAYOUTS = {
    ("xyxy", 2): 20,
    ("xywh", 2): 8,
    ("cxcywh", 2): 8,
    ("ltrb", 2): 4,
    ("xyxy", 1): 4,
    ("xyxy", 3): 6,
    ("cxcywh", 3): 3,
    ("xyxy", 4): 3,
}


def box_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    for (form, dims), count in LAYOUTS.items():
        geometry = detloss.AxisAligned(format=form, dims=dims)
        for family, make in boxes.FAMILIES.items():
            pairs = [make(rng, dims, boxes.RANGES[dtype]) for _ in range(count)]
            pred, target = (
                torch.tensor([boxes.in_format(row, form) for row in rows], dtype=dtype)
                for rows in zip(*pairs, strict=True)
            )
            for name, loss in BOX_LOSSES.items():
                if name == "ciou" and dims != 2:
                    continue
                yield Case(
                    loss=name,
                    family=f"{family} {form} {dims}-D",
                    dtype=dtype,
                    ours=partial(loss, geometry=geometry, reduction="none"),
                    peer=BOX_PEERS.get(name) if (form, dims) == ("xyxy", 2) else None,
                    pred=pred,
                    target=target,
                    exact=partial(_exact_box, name, form),
                    bound=error_bound("aspect" if name == "ciou" else "solid" if dims > 2 else "box", dtype),
                )


def _exact_box(name: str, form: str, pred: list[float], target: list[float]) -> Exact:
    return _exact_boxes(form, tuple(pred), tuple(target))[name]


@lru_cache(maxsize=max(LAYOUTS.values()))  # the losses of a family have the same rows
def _exact_boxes(form: str, pred: tuple[float, ...], target: tuple[float, ...]) -> dict[str, Exact]:
    return exact_boxes.losses(pred, target, form)


def binary_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    extremes = logits.extremes(dtype)
    hard = [(logit, target) for logit in extremes for target in (0.0, 1.0)]
    soft = [(rng.choice((rng.gauss(0, 4), rng.choice(extremes))), logits.soft_target(rng)) for _ in range(60)]
    families = {"hard": hard, "soft": soft, "NaN": [(float("nan"), 1.0), (0.5, 0.0), (1.0, float("nan"))]}
    for family, entries in families.items():
        logit, target = torch.tensor(entries, dtype=dtype).unbind(1)
        for smoothing in (0.0, 0.125):
            yield Case(
                loss="binary_cross_entropy",
                family=f"{family}, smoothing {smoothing}",
                dtype=dtype,
                ours=partial(detloss.binary_cross_entropy_loss, label_smoothing=smoothing, reduction="none"),
                peer=None if smoothing else partial(functional.binary_cross_entropy_with_logits, reduction="none"),
                pred=logit,
                target=target,
                exact=partial(classification.binary_cross_entropy, label_smoothing=smoothing),
                bound=error_bound("dense", dtype),
            )
        for alpha in (0.0, 0.25, 1.0):
            smoothing = rng.choice((0.0, 0.125))
            yield Case(
                loss="balanced_cross_entropy",
                family=f"{family}, alpha {alpha}, smoothing {smoothing}",
                dtype=dtype,
                ours=partial(
                    detloss.balanced_cross_entropy_loss, alpha=alpha, label_smoothing=smoothing, reduction="none"
                ),
                peer=None,
                pred=logit,
                target=target,
                exact=partial(classification.balanced_cross_entropy, alpha=alpha, label_smoothing=smoothing),
                bound=error_bound("dense", dtype),
            )
        for gamma in logits.GAMMAS:
            for alpha in logits.ALPHAS:
                yield _focal_case(family, dtype, logit, target, alpha, gamma, smoothing=0.0)
            yield _focal_case(family, dtype, logit, target, 0.25, gamma, smoothing=0.125)


def _focal_case(
    family: str,
    dtype: torch.dtype,
    logit: Tensor,
    target: Tensor,
    alpha: float | None,
    gamma: float,
    smoothing: float,
) -> Case:
    options = {"gamma": gamma, "reduction": "none"}
    return Case(
        loss="sigmoid_focal",
        family=f"{family}, alpha {alpha}, gamma {gamma}, smoothing {smoothing}",
        dtype=dtype,
        ours=partial(detloss.sigmoid_focal_loss, alpha=alpha, label_smoothing=smoothing, **options),
        peer=None
        if smoothing
        else partial(of_torchvision, "sigmoid_focal_loss", alpha=-1 if alpha is None else alpha, **options),
        pred=logit,
        target=target,
        exact=partial(_exact_focal, dtype, alpha, gamma, smoothing),
        bound=error_bound("focal", dtype, gamma),
    )


def _exact_focal(
    dtype: torch.dtype, alpha: float | None, gamma: float, smoothing: float, logit: float, target: float
) -> Exact:
    """Without derivatives by the target where 1 - p_t is below the smallest normal number and loses digits."""
    exact = classification.sigmoid_focal(logit, target, alpha, gamma, smoothing)
    subnormal = 708 if dtype == torch.float64 else 87
    return replace(exact, by_target=()) if subnormal < abs(logit) < 1e30 else exact


def softmax_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    for classes in logits.CLASSES:
        for family, make in logits.FAMILIES.items():
            # Sums over many classes are slow in 60 digits: use a random half of the families.
            if classes >= 1000 and rng.random() < 0.5:
                continue
            count = 8 if classes < 10 else 2 if classes < 100 else 1
            labels = [rng.randrange(classes) for _ in range(count)]
            largest = torch.finfo(dtype).max
            pred = torch.tensor([make(rng, classes, label) for label in labels], dtype=torch.float64)
            pred = pred.where(pred.isinf(), pred.clamp(-largest, largest)).to(dtype)
            weight = torch.rand(classes, generator=torch.Generator().manual_seed(rng.getrandbits(32))).to(dtype)
            yield from _softmax_rows(rng, f"{family} C={classes}", pred, labels, weight)


def _softmax_rows(rng: Random, family: str, pred: Tensor, labels: list[int], weight: Tensor) -> Iterator[Case]:
    dtype, classes = pred.dtype, pred.shape[1]
    target = torch.tensor(labels)
    for class_weight in (None, weight):
        weights = None if class_weight is None else class_weight.tolist()
        smoothing = rng.choice((0.0, 0.0, 0.125)) if pred.isfinite().all() else 0.0
        options = {"label_smoothing": smoothing, "reduction": "none"}
        yield Case(
            loss="cross_entropy",
            family=f"{family}, weighted {weights is not None}, smoothing {smoothing}",
            dtype=dtype,
            ours=partial(detloss.cross_entropy_loss, class_weight=class_weight, **options),
            peer=partial(functional.cross_entropy, weight=class_weight, **options),
            pred=pred,
            target=target,
            exact=partial(classification.cross_entropy, class_weight=weights, label_smoothing=smoothing),
            bound=error_bound("cross_entropy", dtype),
        )
        gamma = rng.choice(logits.GAMMAS)
        yield Case(
            loss="softmax_focal",
            family=f"{family}, weighted {weights is not None}, gamma {gamma}",
            dtype=dtype,
            ours=partial(detloss.softmax_focal_loss, gamma=gamma, class_weight=class_weight, reduction="none"),
            peer=None,
            pred=pred,
            target=target,
            exact=partial(classification.softmax_focal, gamma=gamma, class_weight=weights),
            bound=error_bound("focal", dtype, gamma),
        )
    # Soft targets need one logarithm per class.
    if classes < 100 and pred.isfinite().all():
        probabilities = torch.tensor([[rng.random() ** 3 for _ in range(classes)] for _ in labels], dtype=torch.float64)
        probabilities = (probabilities / probabilities.sum(1, keepdim=True)).to(dtype)
        yield Case(
            loss="soft_cross_entropy",
            family=family,
            dtype=dtype,
            ours=partial(detloss.cross_entropy_loss, reduction="none"),
            peer=partial(functional.cross_entropy, reduction="none"),
            pred=pred,
            target=probabilities,
            exact=classification.cross_entropy,
            bound=error_bound("cross_entropy", dtype),
        )


REGRESSION: dict[str, tuple[Callable[..., Exact], Loss, Loss]] = {
    "l1": (regression.l1, detloss.l1_loss, functional.l1_loss),
    "l2": (regression.l2, detloss.l2_loss, functional.mse_loss),
    "smooth_l1": (regression.smooth_l1, detloss.smooth_l1_loss, functional.smooth_l1_loss),
}


def regression_cases(rng: Random, dtype: torch.dtype) -> Iterator[Case]:
    sizes = logits.rounded([*logits.SIZES, 1e-4, 300.0, 1e10, 1e18, 3e38], dtype)
    families = {
        "ordinary": [(rng.gauss(0, 2), rng.gauss(0, 2)) for _ in range(40)],
        "near": [(x, x * (1 + rng.uniform(-0.01, 0.01))) for x in (rng.gauss(0, 100) for _ in range(40))],
        "extreme": [(rng.choice((-1, 1)) * rng.choice(sizes), rng.choice(sizes)) for _ in range(80)],
        "equal": [(x, x) for x in sizes],
        "NaN": [(float("nan"), 1.0), (1.0, 2.0), (0.0, float("nan"))],
    }
    for family, entries in families.items():
        pred, target = torch.tensor(entries, dtype=dtype).unbind(1)
        for name, (exact, ours, peer) in REGRESSION.items():
            betas = (0.0, 0.125, 1.0, 0.1) if name == "smooth_l1" else (None,)
            for beta in betas:
                options = {} if beta is None else {"beta": beta}
                yield Case(
                    loss=name,
                    family=family if beta is None else f"{family}, beta {beta}",
                    dtype=dtype,
                    ours=partial(ours, reduction="none", **options),
                    peer=partial(peer, reduction="none", **options),
                    pred=pred,
                    target=target,
                    exact=partial(exact, **options),
                    bound=error_bound("dense", dtype),
                )


GROUPS: dict[str, Callable[[Random, torch.dtype], Iterator[Case]]] = {
    "boxes": box_cases,
    "binary": binary_cases,
    "softmax": softmax_cases,
    "regression": regression_cases,
}
