"""Linear losses under function transforms, compilers and the doctor."""

import pytest
import torch
from torch import Tensor
from torch.func import grad, jacrev, vmap
from torch.nn import functional

import detloss
from tests.support.class_indices import unread_classes
from tests.support.linear_cases import (
    CASES,
    CE,
    CLASSES,
    FEATURES,
    ROWS,
    Case,
    every_loss,
    operands,
    same,
)


@every_loss
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # compilers warn about their own code
def test_transforms(case: Case, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = [each.detach() for each in operands((2, 7))], case.target((2, 7))
    features, matrix, shift = layer_operands

    def definition(x: Tensor, m: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return case.expected(functional.linear(x, m, b), t)

    for argument in range(3):
        same(grad(case.loss, argument)(*layer_operands, target), grad(definition, argument)(*layer_operands, target))
    single = [definition(x, matrix, shift, t) for x, t in zip(features, target)]
    same(vmap(case.loss, (0, None, None, 0))(*layer_operands, target), torch.stack(single))
    each = jacrev(lambda m: case.loss(features, m, shift, target, reduction="none"))(matrix)
    same(each, jacrev(lambda m: case.expected(functional.linear(features, m, shift), target, "none"))(matrix))


@every_loss
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("low", [False, True])
def test_compile_without_a_graph_break(case: Case, low: bool, seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(dtype=torch.float32), case.target((ROWS,))
    torch._dynamo.reset()

    def step(x: Tensor, m: Tensor, b: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            return case.loss(x, m, b, target, normalizer=5.0)

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    precision = 0.05 if low else 1e-5
    torch.testing.assert_close(compiled(*layer_operands), step(*layer_operands), rtol=precision, atol=precision)
    ours, theirs = (torch.autograd.grad(run(*layer_operands), layer_operands) for run in (compiled, step))
    for one, other in zip(ours, theirs):
        torch.testing.assert_close(one, other, rtol=precision, atol=precision)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_export_with_a_dynamic_batch(seed: int) -> None:
    torch.manual_seed(seed)
    case = CASES[8]

    class Head(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = torch.nn.Linear(FEATURES, CLASSES)

        def forward(self, features: Tensor, target: Tensor) -> Tensor:
            return case.loss(features, self.last.weight, self.last.bias, target)

    head, batch = Head(), torch.export.Dim("batch")
    given = torch.randn(ROWS, FEATURES), case.target((ROWS,))
    program = torch.export.export(head, given, dynamic_shapes={"features": {0: batch}, "target": {0: batch}})
    for rows in (ROWS, 5):
        some = [each[:rows] for each in given]
        torch.testing.assert_close(program.module()(*some), head(*some))


def test_diagnosis(seed: int) -> None:
    torch.manual_seed(seed)
    layer_operands, target = operands(), torch.randint(0, CLASSES, (ROWS,))
    with torch.no_grad():
        layer_operands[0][7, 2] = torch.nan
    name = "linear_cross_entropy_loss"
    with (
        detloss.doctor(),
        pytest.raises(detloss.NonFiniteLossError, match=rf"^{name}: .* at \[7\]: logits\[7\] holds nan"),
    ):
        CE(*layer_operands, target)
    with (
        detloss.validating(),
        pytest.raises(ValueError, match=rf"^{name}: logits\[7, \d+\]: expected logits that are not NaN"),
    ):
        CE(*layer_operands, target)
    target[9] = CLASSES
    layer_operands = operands()
    with detloss.validating(), pytest.raises(ValueError, match=rf"^{name}: target\[9\]: expected a class index in"):
        CE(*layer_operands, target)
    with pytest.raises(ValueError, match=r"^target\[9\]: expected a class index in"):
        CE(*layer_operands, target)
    with unread_classes():
        assert CE(*layer_operands, target).isnan()
