"""Matching costs against the matrices that the matchers of transformers pass to scipy."""

from types import ModuleType, SimpleNamespace

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from transformers.loss import loss_deformable_detr, loss_for_object_detection, loss_rt_detr

import detloss

QUERIES, CLASSES = 30, 6
WEIGHTS = {"classification_weight": 2.0, "distance_weight": 5.0, "overlap_weight": 2.0}
RT_DETR = SimpleNamespace(
    matcher_class_cost=2.0,
    matcher_bbox_cost=5.0,
    matcher_giou_cost=2.0,
    use_focal_loss=True,
    matcher_alpha=0.25,
    matcher_gamma=2.0,
)
MATCHERS = {
    "DETR": (loss_for_object_detection, loss_for_object_detection.HungarianMatcher(2, 5, 2), detloss.softmax_cost),
    "Deformable DETR": (
        loss_deformable_detr,
        loss_deformable_detr.DeformableDetrHungarianMatcher(2, 5, 2),
        detloss.sigmoid_focal_cost,
    ),
    "RT-DETR": (loss_rt_detr, loss_rt_detr.RTDetrHungarianMatcher(RT_DETR), detloss.sigmoid_focal_cost),
}


def boxes(generator: torch.Generator, *shape: int) -> Tensor:
    size = torch.rand(*shape, 2, generator=generator, dtype=torch.float64) * 0.6 + 0.05
    return torch.cat(
        [size / 2 + torch.rand(*shape, 2, generator=generator, dtype=torch.float64) * (1 - size), size], -1
    )


@pytest.mark.parametrize(("module", "matcher", "classification"), MATCHERS.values(), ids=MATCHERS)
def test_the_matrices_and_the_assignments_are_theirs(
    module: ModuleType, matcher: nn.Module, classification: object, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 12 * torch.rand(3, QUERIES, CLASSES, generator=generator, dtype=torch.float64) - 6
    pred = boxes(generator, 3, QUERIES)
    targets = [
        {
            "class_labels": torch.randint(CLASSES, (objects,), generator=generator),
            "boxes": boxes(generator, objects),
        }
        for objects in (4, 0, 9)
    ]
    matrices = []

    def recorded(cost: Tensor) -> tuple:
        matrices.append(cost)
        return linear_sum_assignment(cost)

    for place in {module, loss_for_object_detection}:
        monkeypatch.setattr(place, "linear_sum_assignment", recorded)
    theirs = matcher({"logits": logits, "pred_boxes": pred}, targets)
    assert len(matrices) == 3
    for image, target in enumerate(targets):
        ours = detloss.matching_cost(
            logits[image],
            pred[image],
            target["class_labels"],
            target["boxes"],
            classification=classification,
            **WEIGHTS,
        )
        # The peers add 1e-8 to probabilities, which here are at least .0025.
        torch.testing.assert_close(ours, matrices[image], rtol=0, atol=1e-5)
        queries, objects = linear_sum_assignment(ours)
        assert queries.tolist() == theirs[image][0].tolist()
        assert objects.tolist() == theirs[image][1].tolist()
