"""Base class of the loss modules: a loss function whose options are attributes of an ``nn.Module``."""

import copy
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from detloss.types import Reduction

AT_CALL = ("quality", "weight", "normalizer")


class LossModule(nn.Module):
    """A loss function with its options fixed; a subclass names the function.

    Every option is a keyword argument and an attribute that can be read and set; a value that does not fit raises at
    the next call, as in the function. A tensor or a sequence of numbers (one per class) becomes a buffer: it moves with
    the module and is part of its ``state_dict``. A name that resembles an option, or is an argument of the call, is
    refused in the constructor and as an attribute; every other attribute is that of an ordinary ``nn.Module``, since
    frameworks set their own on all submodules.
    """

    function: ClassVar[Callable[..., Tensor]]
    defaults: ClassVar[Mapping[str, Any]] = {}
    at_call: ClassVar[tuple[str, ...]] = ()
    reduction: Reduction

    def __init_subclass__(cls, function: Callable[..., Tensor] | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if function is None:  # a subclass of a loss's module
            return
        parameters = inspect.signature(function).parameters.values()
        options = [each for each in parameters if each.kind is each.KEYWORD_ONLY and each.name not in AT_CALL]
        cls.function = staticmethod(function)
        cls.defaults = {each.name: each.default for each in options}
        cls.at_call = tuple(each.name for each in parameters if each.name in AT_CALL)
        if "forward" not in vars(cls):
            cls.forward = method_of(function, cls.defaults)
        cls.__doc__ = documentation(function, cls.__doc__ or "", cls.defaults)
        cls.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]

    def __init__(self, *values: Any, **options: Any) -> None:
        super().__init__()
        name = type(self).__name__
        if values:
            given = ", ".join(f"{option}={shown(value)}" for option, value in zip(self.defaults, values))
            raise TypeError(f"{name}: options are given by name: {name}({given})")
        for option in options.keys() - self.defaults.keys():
            raise TypeError(f"{name}: {unknown_option(option, self.defaults, self.at_call)}")
        for option, value in {**self.defaults, **options}.items():
            if value is inspect.Parameter.empty:
                raise TypeError(f"{name}: expected the option {option}, which has no default")
            setattr(self, option, value)

    # The type of a value is that of nn.Module: with Any, type checkers would accept unknown names.
    def __setattr__(self, name: str, value: Tensor | nn.Module) -> None:
        if name in self.defaults:
            if isinstance(value, list | tuple):
                value = torch.as_tensor(value)
            self._buffers.pop(name, None)
            if isinstance(value, Tensor):
                vars(self).pop(name, None)
                self.register_buffer(name, value)
                return
        elif not hasattr(self, name) and hint(name, self.defaults, self.at_call):
            raise AttributeError(f"{type(self).__name__}: {unknown_option(name, self.defaults, self.at_call)}")
        super().__setattr__(name, value)

    def options(self) -> dict[str, Any]:
        """The options and their values."""
        return {name: getattr(self, name) for name in self.defaults}

    def with_reduction(self, reduction: Reduction) -> Self:
        """A copy of the loss with another reduction."""
        other = copy.deepcopy(self)
        other.reduction = reduction
        return other

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.options().items())


def method_of(function: Callable[..., Tensor], options: Iterable[str]) -> Callable[..., Tensor]:
    """The method ``forward`` of a function's module: the operands by position or by name, everything else by name."""
    signature = inspect.signature(function)
    taken = [each for name, each in signature.parameters.items() if name not in options]
    operands = [each.name for each in taken if each.kind is each.POSITIONAL_OR_KEYWORD]
    names = [each.name for each in taken]

    def forward(self: LossModule, *args: Tensor, **kwargs: Any) -> Tensor:
        if len(args) > len(operands):
            raise TypeError(
                f"{type(self).__name__}: expected {len(operands)} positional arguments, {' and '.join(operands)}, "
                f"got {len(args)}; {' and '.join(f'{each}=' for each in names[len(operands) :])} are given by name"
            )
        for name in kwargs:
            if name not in names:
                remark = ", which is an option of the module" if name in self.defaults else ""
                raise TypeError(
                    f"{type(self).__name__}: expected arguments among {', '.join(names)}, got {name}{remark}"
                )
        return function(*args, **kwargs, **self.options())

    self = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    forward.__signature__ = signature.replace(parameters=[self, *taken])  # type: ignore[attr-defined]
    forward.__doc__ = f"Call `{function.__name__}` with the options of this module."
    return forward


def documentation(function: Callable[..., Tensor], remark: str, options: Iterable[str]) -> str:
    """The docstring of a function's module: the function's first sentence and its text on every option."""
    text = inspect.getdoc(function) or ""
    described = "".join(
        match[0] for match in re.finditer(r"^    (\w+): .*\n(?:     +.*\n)*", text, re.MULTILINE) if match[1] in options
    )
    sentence = text.partition("\n\n")[0]
    see_also = f"See also:\n    `{function.__name__}`: the formula, when to choose it, edge cases and sources.\n"
    return f"{sentence}\n\n{remark}\n\nArgs:\n{described}\n{see_also}"


def hint(name: str, options: Iterable[str], at_call: Iterable[str]) -> str:
    """The likely meaning of a name that is not an option, or nothing."""
    if name == "weight" and "class_weight" in options:
        return "; torch's weight is class_weight here, and a weight per row is given at the call"
    if name in at_call:
        return f"; {name} is given at the call"
    if name == "format" and "geometry" in options:
        return '; the format is part of the geometry, as in geometry=AxisAligned("xywh")'
    close = get_close_matches(name, options, 1)
    return f"; did you mean {close[0]}?" if close else ""


def unknown_option(name: str, options: Iterable[str], at_call: Iterable[str]) -> str:
    """The message for a name that is not an option."""
    return f"expected options among {', '.join(options)}, got {name}{hint(name, options, at_call)}"


def shown(value: object) -> str:
    """A value as it was probably written."""
    return repr(value) if isinstance(value, float | int | str) else "..."
