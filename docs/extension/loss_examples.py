"""Examples of the loss pages: code for each kind of loss, executed to obtain its output."""

from collections.abc import Iterable
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from detloss.catalog import Kind, Loss, Sizes

SIZES = Sizes(image=(8.0, 6.0), objects=2.0)
LOGITS = "pred = torch.tensor([[2., -1., 0.], [-3., 1., 2.], [0., 0., 0.]])"
WEIGHT = "weight = torch.tensor([1.0, 0.5, 0.0])  # excludes the last row"
ROW_WEIGHT = "weight = torch.tensor([[1.], [0.5], [0.]])  # one per row; excludes the last row"
WIDTH = 88  # characters of a code block
INPUTS: dict[Kind, tuple[str, str, str]] = {
    Kind.REGRESSION: (
        "pred = torch.tensor([0.5, -2.0, 30.0])",
        "target = torch.tensor([0.0, 0.0, 0.0])",
        "weight = torch.tensor([1.0, 0.5, 0.0])  # excludes the last element",
    ),
    Kind.BOX: (
        "pred = torch.tensor([[0., 0., 2., 2.], [1., 1., 3., 4.], [5., 5., 6., 6.]])",
        "target = torch.tensor([[1., 0., 3., 2.], [1., 1., 3., 3.], [0., 0., 1., 1.]])",
        WEIGHT,
    ),
    Kind.ROTATED: (
        "pred = torch.tensor([[0., 0., 4., 2., 0.], [1., 1., 3., 2., 0.5], [5., 5., 2., 1., 0.]])",
        "target = torch.tensor([[1., 0., 4., 2., 0.3], [1., 1., 3., 2., 0.], [0., 0., 2., 1., 0.]])",
        WEIGHT,
    ),
    Kind.SIGMOID: (
        LOGITS,
        "target = torch.tensor([0, 2, 3])  # 3 is background",
        ROW_WEIGHT,
    ),
    Kind.QUALITY: (
        LOGITS,
        "target = torch.tensor([0, 2, 3])  # 3 is background",
        ROW_WEIGHT,
    ),
    Kind.HEATMAP: (
        LOGITS,
        "target = torch.tensor([[1.0, 0.3, 0.0], [0.0, 0.6, 1.0], [0.0, 0.0, 0.0]])",
        ROW_WEIGHT,
    ),
    Kind.SOFTMAX: (LOGITS, "target = torch.tensor([0, 2, 1])", WEIGHT),
    Kind.DISTRIBUTION: (LOGITS, "target = torch.tensor([0.25, 1.5, 2.0])", WEIGHT),
    Kind.MASK: (LOGITS, "target = torch.tensor([[1., 0., 0.], [0., 1., 1.], [0., 0., 1.]])", WEIGHT),
}
"""Predictions, targets and weights, by kind."""


def examples(loss: Loss) -> tuple[str, str]:
    """Code blocks that call the function and the module of a loss with weights; the second continues the first."""
    session = Session()
    setup = ["import torch, detloss", *INPUTS[loss.kind]]
    options = [f'{name}="{value}"' for name, value in loss.options.items()]
    if loss.from_counts is not None:
        setup.append("class_weight = detloss.class_weight_from_counts([300, 100, 600])")
        options.append("class_weight=class_weight")
    if loss.from_sizes is not None:
        options += [f"{name}={value}" for name, value in loss.from_sizes(SIZES).items()]
    at_call = ["weight=weight"]
    if loss.kind is Kind.QUALITY:
        setup.append("quality = torch.tensor([0.9, 0.6, 0.0])")
        at_call.insert(0, "quality=quality")
    call = f"detloss.{loss.function.__name__}({', '.join(['pred, target', *options, *at_call])}"
    function_block = session.run([*setup, f'{call}, reduction="none")', f"{call}, normalizer=weight.sum())"])
    module = f"loss = detloss.{loss.module.__name__}({', '.join(options)})"
    call = f"loss({', '.join(['pred, target', *at_call])}, normalizer=weight.sum())"
    return function_block, session.run([module, call])


class Session:
    """An interactive session that is written as code blocks."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}

    def run(self, statements: Iterable[str]) -> str:
        """Execute statements and return them with their output as a code block."""
        lines = []
        for statement in statements:
            output = StringIO()
            with redirect_stdout(output):
                exec(compile(statement, "<example>", "single"), self.names)
            lines += [*written(statement), *output.getvalue().splitlines()]
        return "\n".join([".. code-block:: pycon", "", *(f"   {line}" for line in lines)])


def written(statement: str) -> list[str]:
    """The lines of a statement in a session; the arguments of a call that is too wide are on their own line."""
    if len(statement) + len(">>> ") <= WIDTH:
        return [f">>> {statement}"]
    function, arguments = statement.removesuffix(")").split("(", 1)
    return [f">>> {function}(", f"...     {arguments}", "... )"]
