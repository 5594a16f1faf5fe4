"""Behavior of a function beside its values: dtypes, shapes, reductions, weights, other rows, transforms."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random

import torch
from torch import Tensor

from detloss.auditing.accuracy import operands
from detloss.auditing.battery import box_families
from detloss.auditing.battery.cases import Case
from detloss.auditing.reference import Reference
from detloss.auditing.report import Finding
from detloss.auditing.rotated_cases import row_of
from detloss.auditing.subject import Subject, TimeLimitError, reason, shortest
from detloss.catalog import Kind

HALVES = (torch.bfloat16, torch.float16)
CLOSE = 16  # ulps between two evaluations of equal losses
COMPILE_SECONDS = 8.0  # left at least, for torch.compile


class NotOfferedError(Exception):
    """A feature that the function does not have, which is no fault."""


class BrokenError(Exception):
    """A promise that does not hold: what was expected, and what the function returned."""

    def __init__(self, expected: str, got: str, pred: Tensor | None = None, target: Tensor | None = None) -> None:
        super().__init__(expected)
        self.expected, self.got, self.pred, self.target = expected, got, pred, target


@dataclass(frozen=True)
class Behavior:
    """The checks of a function on a few ordinary rows.

    Attributes:
        subject: The function.
        reference: Its definition.
        pred, target: Ordinary rows in float32.
    """

    subject: Subject
    reference: Reference
    pred: Tensor
    target: Tensor

    def findings(self, dtypes: tuple[torch.dtype, ...]) -> Iterator[Finding]:
        """All promises, most of them in float32."""
        for dtype in dtypes:
            yield from self.checked("dtype of the result", dtype, self.dtype_of_result)
            if dtype in HALVES:
                yield from self.checked("16-bit input in float32", dtype, self.half_precision)
        single = torch.float32 if torch.float32 in dtypes else dtypes[0]
        yield from self.checked("shape of the result", single, self.shape)
        for promise, check in self.checks().items():
            if self.subject.seconds_left > 0:
                yield from self.checked(promise, single, check)
        if self.subject.seconds_left > COMPILE_SECONDS:
            yield from self.checked("torch.compile", single, self.compiled)

    def checks(self) -> dict[str, Callable[[torch.dtype], None]]:
        """The checks in one dtype by promise."""
        found: dict[str, Callable[[torch.dtype], None]] = {
            "inputs unchanged": self.inputs,
            "rows are independent": self.rows,
            "reductions": self.reductions,
            "weights": self.weights,
            "empty batch": self.empty,
            "backward twice": self.backward_twice,
            "double backward": self.double_backward,
            "vmap": self.vmapped,
        }
        if self.reference.kind in (Kind.BOX, Kind.ROTATED):
            found |= {"shift invariance": self.shifted}
            if not (self.reference.specification.lengths or self.reference.loss.name == "gwd"):
                found["scale invariance"] = self.scaled
            if self.reference.specification.is_symmetric:
                found["swap symmetry"] = self.swapped
        return found

    def checked(self, promise: str, dtype: torch.dtype, check: Callable[[torch.dtype], None]) -> Iterator[Finding]:
        """The finding of a check, if the function offers what it checks."""
        name = str(dtype).removeprefix("torch.")
        try:
            check(dtype)
        except NotOfferedError:
            return
        except BrokenError as fault:
            pred, target, code = None, None, ""
            if fault.pred is not None and fault.target is not None:
                pred, target = shortest(fault.pred), shortest(fault.target)
                code = self.subject.reproduction(fault.pred, fault.target)
            yield Finding(promise, name, False, None, pred, target, fault.expected, fault.got, code)
        except TimeLimitError as error:
            yield Finding(promise, name, False, expected="a result in time", got=reason(error))
        except Exception as error:
            yield Finding(promise, name, False, expected="a result", got=reason(error))
        else:
            yield Finding(promise, name, True)

    def operands(self, dtype: torch.dtype = torch.float32, count: int = 4) -> tuple[Tensor, Tensor]:
        """A few rows as the function takes them."""
        pred, target = self.pred[:count].to(dtype), self.target[:count]
        target = target.to(dtype) if target.is_floating_point() else target
        return operands(self.subject, pred.clone(), target.clone())  # the function may modify them

    def values(self, pred: Tensor, target: Tensor) -> Tensor:
        """The unreduced loss.

        Raises:
            NotOfferedError: The function has no such result for these operands; another promise reports that.
        """
        if self.subject.is_reduced:
            raise NotOfferedError
        try:
            return self.subject(pred, target).detach()
        except TimeLimitError:
            raise
        except Exception as error:
            raise NotOfferedError from error

    def dtype_of_result(self, dtype: torch.dtype) -> None:
        """The dtype of `pred`; a reduced 16-bit loss may be float32."""
        found = self.values(*self.operands(dtype)).dtype
        if found != dtype and not (dtype in HALVES and found == torch.float32):
            raise BrokenError(str(dtype), str(found))

    def half_precision(self, dtype: torch.dtype) -> None:
        """A 16-bit loss is that of float32 arithmetic, rounded: within one step of the 16-bit dtype."""
        pred, target = self.operands(dtype, len(self.pred))
        wide = target.float() if target.is_floating_point() else target
        ours, theirs = self.values(pred, target).double(), self.values(pred.float(), wide).double()
        limits = torch.finfo(dtype)
        steps = (ours - theirs).abs() / (theirs.abs().clamp(min=limits.tiny) * limits.eps)
        if not bool((steps <= 1.0).all()):
            k = int(steps.reshape(len(pred), -1).nan_to_num(torch.inf).amax(1).argmax())
            got, expected = ours.reshape(len(pred), -1)[k, 0].item(), theirs.reshape(len(pred), -1)[k, 0].item()
            raise BrokenError(repr(expected), repr(got), pred[k : k + 1], target[k : k + 1])

    def shape(self, dtype: torch.dtype) -> None:
        """One value per row, or per element."""
        if self.subject.is_reduced:
            raise NotOfferedError
        pred, target = self.operands(dtype, 6)
        if self.subject.by_element:
            pred, target = pred.reshape(3, 2), target.reshape(3, 2)
        expected = pred.shape if self.subject.by_element else pred.shape[:1]
        found = self.subject(pred, target).shape
        if found != expected:
            raise BrokenError(str(tuple(expected)), str(tuple(found)), pred, target)

    def inputs(self, dtype: torch.dtype) -> None:
        """The operands have the same values after a call."""
        pred, target = self.operands(dtype)
        given = pred.clone(), target.clone()
        with torch.no_grad():
            self.subject(*given)
        for name, before, after in (("pred", pred, given[0]), ("target", target, given[1])):
            if not torch.equal(before, after):
                raise BrokenError(f"{name} as before the call", f"{name} with other values", pred, target)

    def rows(self, dtype: torch.dtype) -> None:
        """NaN in one row changes neither the values nor the gradients of the others."""
        pred, target = self.operands(dtype)
        damaged = pred.clone()
        damaged[1] = torch.nan
        results = []
        for rows in (pred, damaged):
            leaf = rows.clone().requires_grad_()
            if self.subject.is_reduced:
                raise NotOfferedError
            values = self.subject(leaf.clone(), target)
            kept = [k for k in range(len(pred)) if k != 1]
            gradient = self.subject.guarded(partial(torch.autograd.grad, values.sum(), leaf))[0]
            results.append((values[kept].detach(), gradient[kept]))
        for part, before, after in zip(("values", "gradients"), *results):
            if not torch.allclose(before, after, rtol=1e-6, atol=0.0, equal_nan=False):
                raise BrokenError(f"{part} of the other rows as before", f"other {part}", damaged, target)

    def reductions(self, dtype: torch.dtype) -> None:
        """`sum` and `mean` are those of the unreduced loss."""
        if not self.subject.accepts("reduction") or self.subject.keywords.get("reduction") != "none":
            raise NotOfferedError
        pred, target = self.operands(dtype)
        values = self.values(pred, target).double()
        for reduction, expected in (("sum", values.sum()), ("mean", values.mean())):
            found = self.subject(pred, target, reduction=reduction).detach().double()
            if found.shape != () or not torch.isclose(found, expected, rtol=1e-5):
                raise BrokenError(f"{reduction} {expected.item()!r}", f"{reduction} {found.tolist()!r}", pred, target)

    def weights(self, dtype: torch.dtype) -> None:
        """A weight multiplies the value of its row or element."""
        if not self.subject.accepts("weight") or self.reference.kind in (Kind.SOFTMAX, Kind.MASK):
            raise NotOfferedError
        pred, target = self.operands(dtype)
        values = self.values(pred, target)
        weight = torch.arange(1.0, values.numel() + 1, dtype=dtype).reshape(values.shape)
        try:
            found = self.subject(pred, target, weight=weight).detach()
        except (TypeError, ValueError, RuntimeError) as error:
            raise NotOfferedError from error
        if found.shape != values.shape or not torch.allclose(found, weight * values, rtol=1e-5):
            raise BrokenError(str((weight * values).tolist()), str(found.tolist()), pred, target)

    def empty(self, dtype: torch.dtype) -> None:
        """A batch without rows has a finite sum or mean, and a gradient of no rows."""
        pred, target = self.operands(dtype, 0)
        reductions = ("none", "sum", "mean") if self.subject.keywords.get("reduction") == "none" else ("",)
        for reduction in reductions:
            leaf = pred.clone().requires_grad_()
            found = self.subject(leaf.clone(), target, **({"reduction": reduction} if reduction else {}))
            if found.numel() and not bool(found.isfinite().all()):
                raise BrokenError(f"{reduction} 0.0".strip(), f"{reduction} {found.tolist()!r}".strip())
            if not found.requires_grad:
                raise BrokenError("a result attached to the graph", "a result without gradient")

    def backward_twice(self, dtype: torch.dtype) -> None:
        """A second backward pass returns the same gradient."""
        pred, target = self.operands(dtype)
        leaf = pred.clone().requires_grad_()
        total = self.subject(leaf.clone(), target).sum()
        one, other = (torch.autograd.grad(total, leaf, retain_graph=True)[0] for _ in range(2))
        if not torch.equal(one, other):
            raise BrokenError(str(one.tolist()), str(other.tolist()), pred, target)

    def double_backward(self, dtype: torch.dtype) -> None:
        """The second derivative, if there is one, is finite."""
        pred, target = self.operands(dtype)
        leaf = pred.clone().requires_grad_()
        try:
            slopes = torch.autograd.grad(self.subject(leaf.clone(), target).sum(), leaf, create_graph=True)[0]
            second = torch.autograd.grad(slopes.square().sum(), leaf)[0]
        except TimeLimitError:
            raise
        except Exception as error:
            raise NotOfferedError from error
        if not bool(second.isfinite().all()):
            raise BrokenError("a finite second derivative", str(second.tolist()), pred, target)

    def vmapped(self, dtype: torch.dtype) -> None:
        """`torch.func.vmap` over rows returns the same values."""
        pred, target = self.operands(dtype)
        values = self.values(pred, target)
        try:
            call = lambda p, t: self.subject.function(p[None], t[None], **self.subject.keywords)  # noqa: E731
            mapped = self.subject.adapt(self.subject.guarded(lambda: torch.func.vmap(call)(pred, target)))
        except TimeLimitError:
            raise
        except Exception as error:
            raise NotOfferedError from error
        if not torch.allclose(mapped.reshape(values.shape), values, rtol=1e-5, atol=1e-7):
            raise BrokenError(str(values.tolist()), str(mapped.tolist()), pred, target)

    def compiled(self, dtype: torch.dtype) -> None:
        """`torch.compile` returns the same values; traced, without code generation."""
        pred, target = self.operands(dtype)
        values = self.values(pred, target)
        try:
            call = torch.compile(self.subject.function, backend="aot_eager")
            found = self.subject.adapt(call(pred, target, **self.subject.keywords))
        except Exception as error:
            raise NotOfferedError from error
        finally:
            torch._dynamo.reset()
        if not torch.allclose(found, values, rtol=1e-5, atol=1e-7):
            raise BrokenError(str(values.tolist()), str(found.tolist()), pred, target)

    def boxes(self, dtype: torch.dtype, factor: float = 1.0, shift: float = 0.0) -> tuple[Tensor, Tensor]:
        """Boxes with coordinates on a grid, scaled and shifted without rounding."""
        rng, dims = Random(1), self.reference.dims
        limits = box_families.RANGES[torch.float32]
        makers = (box_families.nested, box_families.sharing_an_edge, box_families.disjoint, box_families.touching)
        pairs = [make(rng, dims, limits) for make in makers for _ in range(3)]
        rows = ([self.row([factor * x + shift for x in corners]) for corners in side] for side in zip(*pairs))
        pred, target = (torch.tensor(side, dtype=dtype) for side in rows)
        return pred, target

    def row(self, corners: list[float]) -> list[float]:
        """A box in the format of the function."""
        if self.reference.is_rotated:
            return row_of(corners, 0.5)
        return box_families.in_format(corners, self.reference.form)

    def same(self, dtype: torch.dtype, one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> None:
        """Equal losses of two batches, up to rounding."""
        before, after = self.values(*one).double(), self.values(*other).double()
        unit = torch.finfo(dtype).eps * before.abs().maximum(after.abs()).clamp(min=1e-3)
        ulps = ((before - after).abs() / unit).reshape(len(one[0]), -1).amax(1).nan_to_num(torch.inf)
        if bool((ulps > CLOSE).any()):
            k = int(ulps.argmax())
            got, expected = (each.reshape(len(before), -1)[k, 0].item() for each in (after, before))
            raise BrokenError(repr(expected), repr(got), other[0][k : k + 1], other[1][k : k + 1])

    def scaled(self, dtype: torch.dtype) -> None:
        """Boxes in other units have the same loss."""
        for factor in (2.0**10, 2.0**-10):
            self.same(dtype, self.boxes(dtype), self.boxes(dtype, factor))

    def shifted(self, dtype: torch.dtype) -> None:
        """Boxes elsewhere have the same loss."""
        self.same(dtype, self.boxes(dtype), self.boxes(dtype, shift=256.0))

    def swapped(self, dtype: torch.dtype) -> None:
        """Prediction and target exchanged have the same loss."""
        pred, target = self.boxes(dtype)
        self.same(dtype, (pred, target), (target, pred))


def ordinary_rows(reference: Reference, seed: int) -> tuple[Tensor, Tensor]:
    """Ordinary rows of the battery in float32, at least eight of one length."""
    families = ("hard",) if reference.has_hard_targets else ("ordinary", "soft")
    cases: list[Case] = [
        case
        for case in reference.cases(Random(seed), torch.float32)
        if case.family.startswith(families)
        and (reference.kind is not Kind.SOFTMAX or case.pred.shape[1] == 5)
        and (reference.kind is not Kind.MASK or case.pred.shape[1] == 7)
        and (reference.kind is not Kind.DISTRIBUTION or case.pred.shape[1] == 17)
    ]
    ordinary = [case for case in cases if bool(case.pred.abs().amax() < 60)] or cases
    pred, target = (torch.cat([getattr(case, side) for case in ordinary]) for side in ("pred", "target"))
    calm = pred.reshape(len(pred), -1).abs().amax(1) < 60
    return pred[calm], target[calm]
