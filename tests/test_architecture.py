"""The page on the architecture tells the truth: its list of files, and the direction of imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import detloss

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "detloss"
PAGE = (ROOT / "docs" / "architecture.rst").read_text(encoding="utf-8")
USERS = ("compat", "detectors", "integrations", "experiments")
PUBLIC = {*detloss.__all__, "__version__"}
BUILT = {".so", ".dylib", ".pyc"}
FILES = sorted(path for path in SOURCE.rglob("*") if path.is_file() and path.suffix not in BUILT)


def block(name: str) -> list[str]:
    """The lines of a named code block of the page."""
    _, _, after = PAGE.partition(f"   :name: {name}\n\n")
    return [line[3:] for line in after.partition("\n\n")[0].splitlines()]


def listed_files() -> Iterator[Path]:
    """The files of the page's tree: two spaces of indentation a folder."""
    folders: list[str] = []
    for line in block("tree"):
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        del folders[depth:]
        if name.endswith("/"):
            folders.append(name)
        else:
            yield ROOT.joinpath(*folders, name)


def test_the_page_lists_every_file_and_no_other() -> None:
    assert sorted(listed_files()) == FILES


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of everything that a module imports when it runs; what only types need is no import."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name their module in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from imports(node)


def uses(tree: ast.AST) -> Iterator[str]:
    """Full names of what is taken from the package `detloss` as `detloss.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "detloss":
            yield f"detloss.{node.attr}"


def layer_of() -> dict[str, int]:
    """The line of the page in which each part of the package stands."""
    return {part: height for height, line in enumerate(block("layers")) for part in line.split()}


def part_of(path: Path) -> str:
    """The first name below the package: a module or a folder."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


PARTS = [path for path in FILES if path.suffix == ".py" and path != SOURCE / "__init__.py"]


def test_every_part_has_a_layer() -> None:
    assert set(layer_of()) == {part_of(path) for path in PARTS}


@pytest.mark.parametrize("path", PARTS, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    part, layers = part_of(path), layer_of()
    for name in {*imports(tree), *uses(tree)}:
        package, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if package != "detloss" or other == part:
            continue
        stands_below = layers.get(other, len(layers)) < layers[part]
        is_public = not rest or other in PUBLIC or (other in USERS and stands_below)
        assert is_public if part in USERS else stands_below, f"{part} imports {name}"


def test_the_package_itself_imports_no_part_of_the_command_line() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    assert not [name for name in imports(tree) if name.startswith("detloss.experiments")]


def test_import_loads_torch_and_nothing_else() -> None:
    program = "import sys, torch; before = {*sys.modules}; import detloss; print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded - {"torch"} - sys.stdlib_module_names == {"detloss"}
