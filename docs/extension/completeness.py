"""Build check: every public name has an entry, and its docstring has all required parts."""

import importlib
import inspect
import pkgutil
from collections.abc import Container, Iterator
from types import ModuleType

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

import detloss

from .docstring_parts import missing_parts

LOGGER = logging.getLogger(__name__)


def public_objects() -> dict[str, object]:
    """Public objects of detloss and of the modules in detloss.compat, by their full names."""
    libraries = pkgutil.iter_modules(detloss.compat.__path__, "detloss.compat.")
    modules = [detloss, *(importlib.import_module(library.name) for library in libraries)]
    return {f"{module.__name__}.{name}": getattr(module, name) for module in modules for name in public_names(module)}


def public_names(module: ModuleType) -> list[str]:
    """Names that a module exports: its __all__, or the functions that it defines."""
    defined = [name for name, _ in inspect.getmembers(module, inspect.isfunction)]
    return getattr(module, "__all__", defined)


def report_gaps(app: Sphinx, env: BuildEnvironment) -> None:
    """Report every gap as a warning, which is an error in the build."""
    for gap in gaps(env.domains.python_domain.objects):
        LOGGER.warning(gap)


def gaps(entries: Container[str]) -> Iterator[str]:
    """Missing entries of public names and missing parts of their docstrings."""
    for name, item in public_objects().items():
        if name not in entries:
            yield f"public name without an entry: {name}"
        for part in missing_parts(item):
            yield f"docstring of {name}: lacks {part}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("env-check-consistency", report_gaps)
    return {"parallel_read_safe": True}
