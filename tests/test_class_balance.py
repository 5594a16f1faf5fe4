"""Weights from class counts, the normalizer, the parameter penalty, backends."""

import copy
import math
import pickle
import random

import pytest
import torch

import detloss


def test_alpha_balances_the_two_sides(seed: int) -> None:
    assert detloss.alpha_from_counts(100, 900) == 0.9
    assert isinstance(detloss.alpha_from_counts(100, 900), float)
    assert detloss.alpha_from_counts(0, 5) == 1.0
    one, zero = (random.Random(seed + k).randrange(1, 10**9) for k in (0, 1))
    alpha = detloss.alpha_from_counts(one, zero)
    assert math.isclose(alpha * one, (1 - alpha) * zero, rel_tol=1e-6)
    each = detloss.alpha_from_counts(torch.tensor([1, 3]), [3, 1])
    assert each.tolist() == [0.75, 0.25]


def test_prior_bias_is_where_the_sigmoid_says_pi(seed: int) -> None:
    assert detloss.prior_bias(0.5) == 0.0
    assert detloss.prior_bias(0.01) == pytest.approx(-math.log(99), rel=1e-15)
    for pi in (random.Random(seed).random(), 1e-12, 1 - 1e-12):
        bias = torch.tensor(detloss.prior_bias(pi), dtype=torch.float64)
        assert bias.sigmoid().item() == pytest.approx(pi, rel=1e-14, abs=0.0)
    assert detloss.prior_bias(1e-300) == pytest.approx(math.log(1e-300))


@pytest.mark.parametrize("pi", [0.0, 1.0, -0.1, 1.1, math.nan])
def test_prior_bias_requires_a_probability(pi: float) -> None:
    with pytest.raises(ValueError, match=f"^pi: expected between 0 and 1, got {pi}$"):
        detloss.prior_bias(pi)


@pytest.mark.parametrize("pi", ["0.01", torch.tensor(0.01), True])
def test_prior_bias_requires_a_number(pi: object) -> None:
    with pytest.raises(TypeError, match=f"^pi: expected a number, got {type(pi).__name__}$"):
        detloss.prior_bias(pi)


def test_class_weights() -> None:
    assert detloss.class_weight_from_counts([900, 100]).tolist() == pytest.approx([1000 / 1800, 5.0])
    root = detloss.class_weight_from_counts([4, 1], method="sqrt")
    assert root.tolist() == pytest.approx([2 / 3, 4 / 3])
    effective = detloss.class_weight_from_counts([10, 1000], method="effective", beta=0.99)
    raw = [(1 - 0.99) / (1 - 0.99**n) for n in (10, 1000)]
    assert effective.tolist() == pytest.approx([2 * w / sum(raw) for w in raw])
    assert detloss.class_weight_from_counts([5, 0, 5]).tolist() == [1.0, 0.0, 1.0]
    for method in ("sqrt", "effective"):
        weight = detloss.class_weight_from_counts([7, 0, 70], method=method)
        assert weight[1] == 0
        assert weight.sum().item() == pytest.approx(2)
    assert detloss.class_weight_from_counts([3, 9], method="effective", beta=0.0).tolist() == [1.0, 1.0]
    huge = detloss.class_weight_from_counts([1, 10**9], method="effective", beta=1 - 1e-12)
    assert huge[0] / huge[1] == pytest.approx(1e9 * -math.expm1(-1e-3) / 1e-3 / 1, rel=1e-3)


def test_normalizer_alone() -> None:
    normalizer = detloss.Normalizer()
    assert normalizer(torch.tensor(12)).item() == 12
    assert normalizer(0.25).item() == 1
    assert detloss.Normalizer(minimum=0.5)(0).item() == 0.5
    count = torch.tensor(3.0)
    normalizer(count)
    assert count == 3


def test_normalizer_with_momentum() -> None:
    smooth = detloss.Normalizer(momentum=0.9)
    assert smooth(10).item() == 10  # the first count starts it
    assert smooth(20).item() == pytest.approx(11)
    for twin in (copy.deepcopy(smooth), pickle.loads(pickle.dumps(smooth))):
        assert twin(20).item() == pytest.approx(0.9 * 11 + 0.1 * 20)
    other = detloss.Normalizer(momentum=0.9)
    other.load_state_dict(smooth.state_dict())
    assert other.eval()(1000).item() == pytest.approx(11)
    assert other(1000).item() == pytest.approx(11)  # evaluation does not move it
    assert detloss.Normalizer(momentum=0.9).eval()(7).item() == 7
    assert detloss.Normalizer(momentum=0.0)(7).item() == 7


def test_parameter_penalty(seed: int) -> None:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)).double()
    flat = torch.cat([p.detach().flatten() for p in model.parameters()]).requires_grad_()
    expected = 0.3 * flat.abs().sum() + 0.7 * flat.square().sum()
    expected.backward()
    penalty = detloss.ParameterPenalty(l1=0.3, l2=0.7)
    for parameters in (model, model.parameters(), list(model.parameters())):
        model.zero_grad()
        loss = penalty(parameters)
        torch.testing.assert_close(loss, expected.detach())
        loss.backward()
        torch.testing.assert_close(torch.cat([p.grad.flatten() for p in model.parameters()]), flat.grad)
    zero = detloss.parameter_penalty(model)
    assert zero.item() == 0
    zero.backward()
    assert detloss.parameter_penalty(torch.tensor([-2.0, 0.0]), l1=1.0).item() == 2
    assert detloss.parameter_penalty(torch.tensor([-2.0, 0.0]), l2=1.0).item() == 4
    assert detloss.parameter_penalty(torch.ones(3, dtype=torch.bfloat16), l2=1.0).dtype == torch.float32


def test_backends() -> None:
    best = detloss.backends()["cpu"]
    with detloss.use_backend("eager"):
        assert detloss.backends()["cpu"] == "eager"
    assert detloss.backends()["cpu"] == best
    detloss.use_backend("eager")
    assert detloss.backends()["cpu"] == "eager"
    detloss.use_backend(best)
    assert detloss.backends()["cpu"] == best


def test_names() -> None:
    assert sorted(detloss.__all__) == sorted(set(detloss.__all__))
    assert all(hasattr(detloss, name) for name in detloss.__all__)
