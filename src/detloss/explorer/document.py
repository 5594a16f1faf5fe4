"""HTML page of the explorer: modules, texts, styles and losses in one file."""

import json
import re
from graphlib import TopologicalSorter
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from detloss.explorer.losses import CANVAS, omitted_losses, overlap_options, page_losses
from detloss.explorer.presets import PRESETS

IMPORT = re.compile(r"^import (?P<names>\{[^}]*\}) from '\./(?P<module>[\w-]+)\.js';\n", re.M)
EXPORT = re.compile(r"^export (?:(?:const|function) (?P<name>\w+)|\{(?P<names>[^}]*)\};\n)", re.M)


def write(path: Path) -> None:
    """Write the page, which works without a network and without other files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(), encoding="utf-8")


def document() -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("detloss", "explorer"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("explorer.html.j2").render(
        version=version("detloss"), data=embedded(json.dumps(data(), separators=(",", ":"))), program=program()
    )


def data() -> dict[str, object]:
    """The data that the modules read."""
    return {
        "version": version("detloss"),
        "canvas": {"image": CANVAS.image, "objects": CANVAS.objects},
        "losses": page_losses(),
        "omitted": omitted_losses(),
        "overlap": overlap_options(),
        "presets": [vars(preset) for preset in PRESETS],
    }


def program() -> str:
    """All modules as one program: a browser does not load modules from files.

    Every module becomes a function that returns what the module exports, after those that it imports.
    """
    folder = files("detloss.explorer") / "modules"
    modules = {
        each.name[:-3]: each.read_text(encoding="utf-8") for each in folder.iterdir() if each.name.endswith(".js")
    }
    imports = {name: [each["module"] for each in IMPORT.finditer(text)] for name, text in sorted(modules.items())}
    return embedded("\n".join(scoped(name, modules[name]) for name in TopologicalSorter(imports).static_order()))


def scoped(name: str, text: str) -> str:
    """A module as a function that is called once."""
    exported = [each["name"] or each["names"].strip().rstrip(",") for each in EXPORT.finditer(text)]
    text = IMPORT.sub(lambda each: f"const {each['names'].replace(' as ', ': ')} = {variable(each['module'])};\n", text)
    text = EXPORT.sub(lambda each: each[0].removeprefix("export ") if each["name"] else "", text)
    return f"const {variable(name)} = (() => {{\n{text}return {{ {', '.join(exported)} }};\n}})();"


def variable(module: str) -> str:
    """The variable of a module."""
    return f"module_{module.replace('-', '_')}"


def embedded(text: str) -> str:
    """A text that does not end the element that contains it."""
    return text.replace("</", "<\\/")
