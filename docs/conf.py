"""Configuration of the site that `make docs` builds."""

import sys
from pathlib import Path

import detloss
from detloss.catalog import LOSSES, Kind

sys.path.insert(0, str(Path(__file__).parent))

project = "detloss"
version = release = detloss.__version__
project_copyright = "the detloss authors, Apache-2.0"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "extension.mathml",
    "extension.loss_pages",
    "extension.compositions_page",
    "extension.simulation_pictures",
    "extension.explorer_page",
    "extension.shape_pictures",
    "extension.comparisons",
    "extension.completeness",
    "extension.changelog_page",
]
exclude_patterns = ["extension"]
default_role = "py:obj"
nitpick_ignore_regex = [
    ("py:.*", r"(torch|nn|collections|numbers|typing|transformers)\..*|D?Tensor|Callable|Sequence|Mapping|Iterable")
]


def names_of(*kinds: Kind) -> str:
    """The short names of the losses of these kinds."""
    return ", ".join(f"``{loss.name}``" for loss in LOSSES if loss.kind in kinds)


rst_epilog = f"""
.. |box losses| replace:: {names_of(Kind.REGRESSION, Kind.BOX)}
.. |softmax losses| replace:: {names_of(Kind.SOFTMAX)}
.. |sigmoid losses| replace:: {names_of(Kind.SIGMOID, Kind.QUALITY)}
"""

add_module_names = False
autodoc_typehints_format = "short"
maximum_signature_line_length = 90
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Edge cases", "Sources"]

html_theme = "furo"
html_title = f"detloss {release}"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["detloss.css"]
