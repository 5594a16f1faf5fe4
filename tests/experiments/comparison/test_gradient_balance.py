"""Weight of balanced gradients: against gradients of a model whose losses are known."""

import pytest
import torch
from torch import Tensor, nn

from detloss.experiments.comparison.weight_search import balanced_weight, shared_norms
from detloss.experiments.training.outcome import Trial
from tests.support.tuning_trials import small_scenes


def test_the_norms_are_those_of_the_parameters_that_both_terms_train() -> None:
    shared, first, second = (nn.Parameter(torch.tensor([1.0, 2.0])) for _ in range(3))
    terms = [(3 * shared[0] + 4 * shared[1]) + 100 * first.sum(), 2 * shared[0] + second.sum()]
    assert shared_norms(terms, [shared, first, second]).tolist() == pytest.approx([5, 2])


def test_the_weight_follows_the_scale_of_the_losses() -> None:
    """Squared errors of boxes and their absolute values have other gradients; a constant factor scales the weight."""
    data = small_scenes()
    weight = balanced_weight(Trial("giou", "focal", 5.0, 0, 1), data)
    assert weight == balanced_weight(Trial("giou", "focal", 1.0, 0, 1), data), "the weight of the trial has no effect"
    quarter = balanced_weight(Trial("giou", "focal:alpha=none", 1.0, 0, 1), data)
    assert 0.1 < weight < 10
    assert quarter > weight, "the class gradient of focal loss without alpha is larger"


class TwoTerms(nn.Module):
    """A class loss with a gradient of norm 6 and a box loss of norm 1.5 in the shared parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Parameter(torch.zeros(1))

    def loss(self, images: Tensor, targets: object) -> dict[str, Tensor]:
        return {"classification": 6 * self.shared.sum(), "box": -1.5 * self.shared.sum()}


def test_at_the_weight_both_norms_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detloss.experiments.comparison.weight_search.build", lambda *arguments: TwoTerms())
    assert balanced_weight(Trial("giou", "focal", 1.0, 0, 1), small_scenes()) == pytest.approx(4)
