"""Function transforms of torch: compile, export, vmap, Jacobians, autocast."""

import pytest
import torch
from torch.func import grad, jacrev, vmap

import detloss
from tests.support.loss_table import TABLE, Row
from tests.support.marks import exhaustive_except

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # compilers warn about their own code
every_loss = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
every_kind = pytest.mark.parametrize(  # the others differ in their formulas alone
    "row",
    exhaustive_except(
        TABLE,
        lambda row: (
            row.name
            in (
                "smooth_l1",
                "focal",
                "qfl",
                "asl",
                "softmax_focal",
                "dfl",
                "dice",
                "ciou",
                "siou",
            )
        ),
    ),
    ids=lambda row: row.name,
)
every_loop = pytest.mark.parametrize(  # of which all its losses are alike to a tracer
    "row",
    exhaustive_except(TABLE, lambda row: row.name in ("smooth_l1", "focal", "ce", "ciou")),
    ids=lambda row: row.name,
)


@every_loss
def test_grad_vmap_and_jacobian(row: Row, seed: int) -> None:
    pred, target = (operand.detach() for operand in row.inputs(seed))
    expected = torch.stack([grad(row.loss)(p, t, **row.options) for p, t in zip(pred, target)])
    torch.testing.assert_close(vmap(grad(row))(pred, target), expected)
    whole = grad(lambda p: row(p, target, reduction="sum"))(pred)
    scale = 1 if row.per_row else pred.shape[-1]
    torch.testing.assert_close(whole, expected * scale)
    each = vmap(lambda p, t: row(p, t, reduction="none"))(pred, target)
    torch.testing.assert_close(each, row(pred, target, reduction="none"))
    jacobian = vmap(jacrev(row))(pred, target)
    torch.testing.assert_close(jacobian, expected)
    if row.soft_target:
        by_target = vmap(grad(row, argnums=1))(pred, target)
        twin = target.clone().requires_grad_()
        row(pred, twin, reduction="sum").backward()
        torch.testing.assert_close(by_target * scale, twin.grad)


@every_loss
def test_weights_under_vmap(row: Row, seed: int) -> None:
    pred, target = (operand.detach() for operand in row.inputs(seed))
    weight = torch.rand(12, dtype=torch.float64)
    ours = vmap(lambda p, t, w: row(p, t, weight=w, normalizer=w + 1))(pred, target, weight)
    theirs = torch.stack([row(p, t, weight=w, normalizer=w + 1) for p, t, w in zip(pred, target, weight)])
    torch.testing.assert_close(ours, theirs)


@every_kind
def test_compile_without_a_graph_break(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed, torch.float32)
    weight = torch.rand(12, *[1] * (0 if row.per_row else 1))
    torch._dynamo.reset()

    def step(p: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return row(p, t, weight=weight, normalizer=5.0)

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    operands = (pred, target) if row.soft_target else (pred,)
    torch.testing.assert_close(compiled(pred, target), step(pred, target))
    ours = torch.autograd.grad(compiled(pred, target), operands)
    for one, other in zip(ours, torch.autograd.grad(step(pred, target), operands)):
        torch.testing.assert_close(one, other)


@every_loop
def test_export_with_a_dynamic_batch(row: Row, seed: int) -> None:
    pred, target = (operand.detach() for operand in row.inputs(seed, torch.float32))

    class Model(torch.nn.Module):
        def forward(self, pred: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            return row(pred, target)

    batch = torch.export.Dim("batch")
    program = torch.export.export(Model(), (pred, target), dynamic_shapes={"pred": {0: batch}, "target": {0: batch}})
    for rows in (12, 5):
        torch.testing.assert_close(program.module()(pred[:rows], target[:rows]), row(pred[:rows], target[:rows]))


@every_loss
def test_autocast_changes_nothing(row: Row, seed: int) -> None:
    pred, target = row.inputs(seed, torch.float32)
    low = pred.detach().bfloat16().requires_grad_()
    expected = row(low, target), torch.autograd.grad(row(low, target), low)[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = row(low, target)
        assert loss.dtype == torch.float32
        assert torch.equal(loss, expected[0])
        assert torch.equal(torch.autograd.grad(loss, low)[0], expected[1])
        assert torch.equal(row(pred, target), row(pred, target))


@every_kind
@pytest.mark.parametrize("dynamic", exhaustive_except([False, True], bool))
def test_a_fused_backend_is_one_node_of_a_compiled_graph(row: Row, dynamic: bool, seed: int) -> None:
    nodes = []

    def keep(graph: torch.fx.GraphModule, inputs: list) -> object:
        parts = [part for part in graph.modules() if isinstance(part, torch.fx.GraphModule)]
        nodes.extend(str(node.target) for part in parts for node in part.graph.nodes)
        return graph

    pred, target = row.inputs(seed)
    torch._dynamo.reset()
    compiled = torch.compile(row, fullgraph=True, dynamic=dynamic, backend=keep)
    for rows in (12, 5, 7) if dynamic else (12,):
        part, beside = pred[:rows].detach().requires_grad_(), target[:rows].detach()
        gradient = torch.autograd.grad(compiled(part, beside), part)[0]
        torch.testing.assert_close(gradient, torch.autograd.grad(row(part, beside), part)[0])
    if detloss.backends()["cpu"] != "eager":
        assert any("detloss.evaluate" in node for node in nodes)


def test_a_compiled_module_with_buffers(seed: int) -> None:
    torch.manual_seed(seed)
    loss = detloss.SigmoidFocalLoss(alpha=[0.1, 0.2, 0.3])
    logits, target = torch.randn(8, 3), torch.randint(0, 4, (8,))
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(logits, target), loss(logits, target))


def test_a_compiled_transform(seed: int) -> None:
    row = next(row for row in TABLE if row.name == "giou")
    pred, target = (operand.detach() for operand in row.inputs(seed))
    transform = vmap(grad(row.loss))
    compiled = torch.compile(transform, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(pred, target), transform(pred, target))


@pytest.mark.exhaustive
def test_one_real_compilation(seed: int) -> None:
    """One test with the default compiler; the rest uses only its front end, where graph breaks arise."""
    row = next(row for row in TABLE if row.name == "ciou")
    pred, target = row.inputs(seed, torch.float32)
    compiled = torch.compile(row.loss, fullgraph=True)
    loss = compiled(pred, target)
    torch.testing.assert_close(loss, row(pred, target))
    torch.testing.assert_close(torch.autograd.grad(loss, pred)[0], torch.autograd.grad(row(pred, target), pred)[0])
