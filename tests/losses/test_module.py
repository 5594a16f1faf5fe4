"""Modules of losses: values of their functions, options as attributes, messages, copies and compiled graphs."""

import copy
import inspect
import pickle

import pytest
import torch
from torch import Tensor

import detloss
from detloss.catalog import LOSSES, ROTATED_LOSSES, Sizes
from detloss.losses.module import LossModule
from tests.support.loss_table import TABLE

SIZES = Sizes(image=(640.0, 480.0), objects=32.0)
REQUIRED = {loss.module: loss.from_sizes(SIZES) for loss in LOSSES if loss.from_sizes}  # options without a default
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
every_module = pytest.mark.parametrize(
    "module", sorted({loss.module for loss in (*LOSSES, *ROTATED_LOSSES)}, key=lambda module: module.__name__)
)


@every_loss
def test_modules_are_their_functions(loss: detloss.catalog.Loss, seed: int) -> None:
    row = next(row for row in TABLE if row.loss is loss.function)
    pred, target = row.inputs(seed)
    options = {**row.options, **loss.options}
    first, second = list(inspect.signature(loss.function).parameters)[:2]
    for reduction in ("none", "sum", "mean"):
        module = loss.module(**options, reduction=reduction)
        expected = loss.function(pred, target, **options, reduction=reduction, weight=0.5)
        for twin in (module, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert torch.equal(twin(pred, target, weight=0.5), expected)
            assert torch.equal(twin(**{first: pred, second: target}, weight=0.5), expected)
    module = loss.module(**options)
    assert torch.equal(module(pred, target, normalizer=3), loss.function(pred, target, **options, normalizer=3))


@every_module
def test_options_can_be_read_and_are_shown(module: type[LossModule]) -> None:
    required = REQUIRED.get(module, {})
    loss = module(**required)
    parameters = inspect.signature(loss.function).parameters
    assert list(inspect.signature(module).parameters) == list(loss.options())
    for name, value in loss.options().items():
        assert value is getattr(loss, name)
        assert name in required or value == parameters[name].default
        assert f"{name}={value!r}" in repr(loss)
    assert {*parameters} - {*loss.options()} == {*inspect.signature(loss.forward).parameters}
    assert {"weight", "normalizer", *loss.at_call} < {*inspect.signature(loss.forward).parameters}


@pytest.mark.parametrize("module", REQUIRED, ids=lambda module: module.__name__)
def test_an_option_without_a_default_is_required(module: type[LossModule]) -> None:
    [option] = REQUIRED[module]
    with pytest.raises(TypeError, match=f"^{module.__name__}: expected the option {option}, which has no default$"):
        module()


def test_an_option_that_is_set_takes_effect() -> None:
    logits, target = torch.randn(4, 5), torch.tensor([0, 1, 2, 5])
    loss = detloss.SigmoidFocalLoss()
    for options in (
        {"gamma": 5.0},
        {"alpha": [0.1, 0.9, 0.5, 0.2, 0.3]},
        {"alpha": torch.full((5,), 0.4)},
        {"alpha": 0.7},
        {"reduction": "none"},
    ):
        for name, value in options.items():
            setattr(loss, name, value)
        expected = detloss.SigmoidFocalLoss(**{**loss.options(), **options})
        assert torch.equal(loss(logits, target), expected(logits, target))
        assert list(loss.state_dict()) == list(expected.state_dict())
    assert loss.alpha == 0.7
    loss.gamma = -1.0
    with pytest.raises(ValueError, match="gamma: expected a finite number of at least 0, got -1"):
        loss(logits, target)


def test_a_sequence_of_numbers_per_class_is_a_buffer() -> None:
    loss = detloss.CrossEntropyLoss()
    assert not loss.state_dict()
    loss.class_weight = [1.0, 2.0]
    assert torch.equal(loss.state_dict()["class_weight"], torch.tensor([1.0, 2.0]))
    loss.class_weight = None
    assert not loss.state_dict()
    assert loss.class_weight is None


def test_a_copy_with_another_reduction_leaves_the_original_alone() -> None:
    loss = detloss.CrossEntropyLoss(class_weight=[1.0, 2.0])
    other = loss.with_reduction("none")
    other.class_weight[0] = 5.0
    assert (loss.reduction, other.reduction) == ("mean", "none")
    assert loss.class_weight.tolist() == [1.0, 2.0]


def test_a_subclass_keeps_the_function() -> None:
    class Scaled(detloss.L1Loss):
        def __init__(self, factor: float) -> None:
            super().__init__(reduction="sum")
            self.factor = factor

        def forward(self, *operands: Tensor) -> Tensor:
            return self.factor * super().forward(*operands)

    assert Scaled(3.0)(torch.ones(2), torch.zeros(2)).item() == 6.0


@pytest.mark.parametrize(
    ("action", "error", "message"),
    [
        (
            lambda: detloss.SigmoidFocalLoss(0.25, 2.0),
            TypeError,
            "SigmoidFocalLoss: options are given by name: SigmoidFocalLoss(alpha=0.25, gamma=2.0)",
        ),
        (
            lambda: detloss.CrossEntropyLoss(torch.ones(3)),
            TypeError,
            "CrossEntropyLoss: options are given by name: CrossEntropyLoss(class_weight=...)",
        ),
        (
            lambda: detloss.CrossEntropyLoss(weight=torch.ones(3)),
            TypeError,
            "CrossEntropyLoss: expected options among class_weight, ignore_index, label_smoothing, poly, logit_offset, "
            "margin, reduction, got weight; torch's weight is class_weight here, and a weight per row is given at the call",
        ),
        (
            lambda: detloss.L1Loss(normalizer=3.0),
            TypeError,
            "L1Loss: expected options among reduction, got normalizer; normalizer is given at the call",
        ),
        (
            lambda: detloss.IoULoss(format="xywh"),
            TypeError,
            "IoULoss: expected options among form, geometry, overlap, reduction, got format; the format is part of "
            'the geometry, as in geometry=AxisAligned("xywh")',
        ),
        (
            lambda: detloss.SmoothL1Loss(betta=1.0),
            TypeError,
            "SmoothL1Loss: expected options among beta, reduction, got betta; did you mean beta?",
        ),
        (
            lambda: setattr(detloss.SigmoidFocalLoss(), "gama", 1.0),
            AttributeError,
            "SigmoidFocalLoss: expected options among alpha, gamma, poly, ignore_index, label_smoothing, reduction, got gama; "
            "did you mean gamma?",
        ),
        (
            lambda: setattr(detloss.L1Loss(), "weight", 1.0),
            AttributeError,
            "L1Loss: expected options among reduction, got weight; weight is given at the call",
        ),
        (
            lambda: detloss.L1Loss()(torch.ones(2), torch.ones(2), torch.ones(2)),
            TypeError,
            "L1Loss: expected 2 positional arguments, pred and target, got 3; weight= and normalizer= are given by name",
        ),
        (
            lambda: detloss.SigmoidFocalLoss()(torch.ones(2), torch.ones(2), gamma=1.0),
            TypeError,
            "SigmoidFocalLoss: expected arguments among logits, target, weight, normalizer, got gamma, which is an option "
            "of the module",
        ),
        (
            lambda: detloss.SigmoidFocalLoss()(pred=torch.ones(2), target=torch.ones(2)),
            TypeError,
            "SigmoidFocalLoss: expected arguments among logits, target, weight, normalizer, got pred",
        ),
    ],
)
def test_messages(action: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        action()
    assert str(raised.value) == message


def test_frameworks_may_set_their_attributes() -> None:
    loss = detloss.SigmoidFocalLoss()
    loss.ds_id = 3  # as DeepSpeed does
    loss.qconfig = None  # as torch.ao.quantization does
    loss.eval()
    assert (loss.ds_id, loss.qconfig, loss.training) == (3, None, False)


@every_module
def test_the_docstring_is_that_of_the_function_and_short(module: type[LossModule]) -> None:
    text, source = inspect.getdoc(module), inspect.getdoc(module.function)
    assert text.splitlines()[0] == source.splitlines()[0]
    assert len(text.splitlines()) < 30
    for name in module.defaults:
        [entry] = [line for line in source.splitlines() if line.startswith(f"    {name}: ")]
        assert entry in text.splitlines()


@pytest.mark.parametrize(
    ("module", "option"), [(detloss.CrossEntropyLoss, "class_weight"), (detloss.SigmoidFocalLoss, "alpha")]
)
def test_options_per_class_are_buffers(module: type[LossModule], option: str, seed: int) -> None:
    torch.manual_seed(seed)
    values = [0.1, 0.9, 0.5, 0.2, 0.3]
    loss = module(**{option: values})
    logits, target = torch.randn(4, 5), torch.tensor([0, 1, 2, 3])
    expected = module.function(logits, target, **{option: values})
    torch.testing.assert_close(loss(logits, target), expected, rtol=4 * 2**-23, atol=1e-9)  # a buffer is float32
    torch.testing.assert_close(loss.state_dict()[option], torch.tensor(values))
    other = module(**{option: [0.5] * 5})
    other.load_state_dict(loss.state_dict())
    assert torch.equal(other(logits, target), loss(logits, target))
    assert loss.to("meta").get_buffer(option).device.type == "meta"
    assert option in repr(loss)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # compilers warn about their own code
def test_a_compiled_module_follows_its_options() -> None:
    torch._dynamo.reset()  # all modules share one cache, of limited size
    logits, target = torch.randn(4, 5, requires_grad=True), torch.tensor([0, 1, 2, 5])
    loss = detloss.SigmoidFocalLoss()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    for name, value in (("gamma", 2.0), ("gamma", 5.0), ("alpha", torch.full((5,), 0.4)), ("alpha", None)):
        setattr(compiled, name, value)
        assert getattr(loss, name) is value
        torch.testing.assert_close(compiled(logits, target), loss(logits, target))
        torch.testing.assert_close(compiled(logits=logits, target=target, weight=0.5), loss(logits, target, weight=0.5))


def test_an_exported_module_has_its_operands_by_name() -> None:
    pred, target = torch.rand(4, 4), torch.rand(4, 4)
    loss = detloss.GeneralizedIoULoss()
    rows = torch.export.Dim("rows")
    program = torch.export.export(loss, (pred, target), dynamic_shapes={"pred": {0: rows}, "target": {0: rows}})
    for count in (4, 7):
        operands = torch.rand(2, count, 4).unbind()
        torch.testing.assert_close(program.module()(*operands), loss(*operands))
