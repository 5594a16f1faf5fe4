"""The module form of a loss, written once: a loss function's options become a module's, its tensors buffers."""

import copy
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

AT_CALL = ("weight", "normalizer")


class LossModule(nn.Module):
    """A loss function with its options fixed; subclasses name the function.

    ``forward(pred, target, *, weight=None, normalizer=None)`` calls it. An option that is a tensor or a sequence of
    numbers (one value a class) is a buffer, so it moves with the module and stands in its ``state_dict``.
    """

    function: ClassVar[Callable[..., Tensor]]
    defaults: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, function: Callable[..., Tensor], **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        parameters = inspect.signature(function).parameters.values()
        options = [each for each in parameters if each.kind is each.KEYWORD_ONLY and each.name not in AT_CALL]
        cls.function = staticmethod(function)
        cls.defaults = {each.name: each.default for each in options}
        cls.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]

    def __init__(self, **options: Any) -> None:
        super().__init__()
        unknown = sorted(options.keys() - self.defaults.keys())
        if unknown:
            raise TypeError(
                f"{type(self).__name__}: expected options among {', '.join(self.defaults)}, got {', '.join(unknown)}"
            )
        self.options = {**self.defaults, **options}
        for name, value in self.options.items():
            if isinstance(value, Tensor | list | tuple):
                self.register_buffer(name, torch.as_tensor(value))
                self.options[name] = None  # the buffer is the value

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        *,
        weight: float | Tensor | None = None,
        normalizer: float | Tensor | None = None,
    ) -> Tensor:
        options = {**self.options, **self._buffers}
        return type(self).function(pred, target, weight=weight, normalizer=normalizer, **options)

    def with_reduction(self, reduction: str) -> Self:
        """The same loss, reduced in another way; a copy, whose buffers are its own."""
        other = copy.deepcopy(self)
        other.options["reduction"] = reduction
        return other

    def extra_repr(self) -> str:
        options = {**self.options, **{name: buffer.tolist() for name, buffer in self.named_buffers()}}
        return ", ".join(f"{name}={value!r}" for name, value in options.items() if value != self.defaults[name])
