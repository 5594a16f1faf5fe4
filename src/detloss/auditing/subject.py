"""Calls of the function under examination, with a time limit and without exceptions."""

import contextvars
import inspect
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

SECONDS = 5.0
"""Time limit of one call."""

NO_RESULT = f"no result within {SECONDS:.0f} s"
SLOW = 0.2  # seconds; shorter calls are not counted as waiting, because other processes may delay them
SECONDS_IN_ALL = 25.0
"""Time limit of all calls and of the exact results."""

Function = Callable[..., Any]


class FailedCallError(Exception):
    """A call that raised something that is not an `Exception`, such as `SystemExit`."""


class TimeLimitError(Exception):
    """A call that did not return in time; its thread may still run, so the function is not called again."""


@dataclass(frozen=True)
class Outcome:
    """The values and gradients by row of one call, or the reason why there are none."""

    values: Tensor | None = None
    gradient: Tensor | None = None
    problem: str = ""


@dataclass
class Subject:
    """The function under examination.

    Attributes:
        function: Called as ``function(pred, target, **keywords)``.
        keywords: Its further arguments, such as ``reduction="none"``.
        statements: Python code that imports it, and the expression that calls it on ``pred`` and ``target``.
        adapt: Converts a result to the loss, such as ``1 - result`` for a similarity.
        by_element: Whether one value per element is expected, not per row.
        is_reduced: Whether it returns the mean or sum of a batch, so that it must be called row by row.
        seconds: The time limit of all calls and of the computation of the exact results.
    """

    function: Function
    keywords: Mapping[str, Any]
    statements: tuple[str, str]
    by_element: bool
    adapt: Callable[[Tensor], Tensor] = lambda result: result
    is_reduced: bool = False
    seconds: float = SECONDS_IN_ALL
    has_hung: bool = False
    waited: float = 0.0
    started: float = field(default_factory=time.process_time)

    @property
    def seconds_left(self) -> float:
        """The time left, in seconds of the processor: a busy machine changes no result; waiting counts, too."""
        return self.seconds - max(time.process_time() - self.started, self.waited)

    def accepts(self, name: str) -> bool:
        """Whether it takes an argument of this name."""
        return accepts(self.function, name)

    def __call__(self, pred: Tensor, target: Tensor, **keywords: Any) -> Tensor:
        """The loss of a batch.

        Raises:
            TimeLimitError: It did not return in time, now or in an earlier call.
        """
        result = self.guarded(lambda: self.function(pred, target, **{**self.keywords, **keywords}))
        if not isinstance(result, Tensor):
            raise TypeError(f"expected a tensor, got {type(result).__name__}")
        return self.adapt(result)

    def guarded(self, run: Callable[[], Any]) -> Any:
        """The result of a call in a thread, which ends or is left behind."""
        if self.has_hung:
            raise TimeLimitError(NO_RESULT)
        results: list[Any] = []
        context = contextvars.copy_context()

        def target() -> None:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    results.append((context.run(run), None))
            except BaseException as error:
                results.append((None, error))

        thread, start = threading.Thread(target=target, daemon=True), time.monotonic()
        thread.start()
        thread.join(SECONDS)
        waited = time.monotonic() - start
        self.waited += waited if waited > SLOW else 0.0
        if not results:
            self.has_hung = True
            raise TimeLimitError(NO_RESULT)
        result, error = results[0]
        if isinstance(error, Exception):
            raise error
        if error is not None:
            raise FailedCallError(reason(error))
        return result

    def reproduction(self, pred: Tensor, target: Tensor) -> str:
        """Three lines of Python that print the loss and its gradient."""
        statement, call = self.statements
        statement += "" if bool(pred.isfinite().all()) else "; from torch import inf, nan"
        given = f", dtype={target.dtype}" if target.is_floating_point() else ""
        return "\n".join(
            [
                f"import torch; {statement}; target = torch.tensor({shortest(target)}{given})",
                f"pred = torch.tensor({shortest(pred)}, dtype={pred.dtype}, requires_grad=True)",
                f"loss = {call}; print(loss, torch.autograd.grad(loss.sum(), pred))",
            ]
        )

    def evaluate(self, pred: Tensor, target: Tensor) -> Outcome:
        """One value per row of the operands, and the gradient by `pred`."""
        leaf = pred.detach().clone().requires_grad_()
        try:
            if self.is_reduced:
                rows = [self(leaf[k : k + 1].clone(), target[k : k + 1].clone()) for k in range(len(pred))]
                values = torch.stack([row.reshape(()) for row in rows])
            else:
                values = self(leaf.clone(), target.clone())
                if values.numel() != len(pred):
                    return Outcome(problem=f"shape {tuple(values.shape)} for {len(pred)} rows")
            total = values.reshape(len(pred)).double().sum()
            found = self.guarded(lambda: torch.autograd.grad(total, leaf))[0]
        except Exception as error:
            return Outcome(problem=reason(error))
        return Outcome(values.detach().reshape(len(pred)), found.reshape(len(pred), -1))


def shortest(numbers: Tensor) -> Any:
    """The numbers, nested as in the tensor, with the fewest digits that its dtype rounds to them."""
    if numbers.dim():
        return [shortest(each) for each in numbers]
    if not numbers.is_floating_point():
        return numbers.item()
    candidates = (float(f"{numbers.item():.{digits}g}") for digits in range(1, 18))
    return next((each for each in candidates if torch.tensor(each, dtype=numbers.dtype) == numbers), numbers.item())


def accepts(function: Function, name: str) -> bool:
    """Whether a function takes an argument of this name."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(each.name == name and each.kind is not each.POSITIONAL_ONLY for each in parameters)


def reason(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    if isinstance(error, FailedCallError | TimeLimitError):
        return text
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
