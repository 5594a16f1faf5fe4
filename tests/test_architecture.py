"""The architecture page against the tree: its list of files, the direction of imports, no import cycles."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import detloss
from tests.support.marks import exhaustive_except

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "detloss"
PAGE = (ROOT / "docs" / "architecture.rst").read_text(encoding="utf-8")
USERS = ("compat", "detectors", "integrations", "experiments")
SHARED = (*USERS, "loss_names", "auditing", "explorer")  # parts whose names are not public, for the lines below
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
    """Full names of everything that a module imports at run time, without imports for types only."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name their module in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from imports(node)


def uses(tree: ast.AST) -> Iterator[str]:
    """Full names of the attributes `detloss.name` of the package."""
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
        is_public = not rest or other in PUBLIC or (other in SHARED and stands_below)
        assert is_public if part in USERS else stands_below, f"{part} imports {name}"


MODULES = {
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in FILES
    if path.suffix == ".py"
}


def parents(module: str) -> set[str]:
    """The packages that Python imports before a module."""
    parts = module.split(".")
    return {".".join(parts[:depth]) for depth in range(1, len(parts))}


def imported_modules(module: str, source: str) -> set[str]:
    """The modules of the package that a module imports anywhere: in functions and for type checkers too.

    A submodule's import also runs its parent packages; those of the importing module itself are imported before it.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found.update(name if name in MODULES else str(node.module) for name in names)
    implied = {parent for name in found for parent in parents(name)} - parents(module)
    return {name for name in found | implied if name in MODULES and name != module}


def cycles(graph: dict[str, set[str]]) -> list[set[str]]:
    """The strongly connected components of a graph that have more than one node (Tarjan)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(node: str) -> None:
        order[node] = lowest[node] = len(order)
        stack.append(node)
        for other in graph[node]:
            if other not in order:
                visit(other)
            if other in stack:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == order[node]:
            component = set(stack[stack.index(node) :])
            del stack[stack.index(node) :]
            found.extend([component] if len(component) > 1 else [])

    for node in graph:
        if node not in order:
            visit(node)
    return found


def import_graph() -> dict[str, set[str]]:
    return {name: imported_modules(name, path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def test_there_is_no_import_cycle() -> None:
    assert cycles(import_graph()) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("detloss.engine.debugging", "from detloss.engine.autograd import run"),
        ("detloss.engine.debugging", "def report():\n    from detloss.engine import autograd"),
        ("detloss.engine.debugging", "if TYPE_CHECKING:\n    from detloss.engine import autograd"),
        ("detloss.kernels.interface", "from detloss.kernels.eager.primitives import exp"),
        ("detloss", "from detloss.detectors import UnitBox"),
        ("detloss", "if TYPE_CHECKING:\n    from detloss import compat"),
        ("detloss", "def __getattr__(name):\n    import detloss.compat.torch"),
    ],
)
def test_a_planted_cycle_is_found(module: str, line: str) -> None:
    source = MODULES[module].read_text(encoding="utf-8")
    graph = {**import_graph(), module: imported_modules(module, f"{source}\n{line}")}
    assert any(module in cycle for cycle in cycles(graph))


@pytest.mark.parametrize(
    "name", exhaustive_except(["RotatedUnitBox", "UnitBox", "compat"], lambda name: name == "compat")
)
def test_names_that_are_imported_on_first_access(name: str) -> None:
    assert name in detloss.__all__
    assert name in dir(detloss)
    program = f"import sys, detloss; before = {{*sys.modules}}; detloss.{name}; print(*{{*sys.modules}} - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"detloss.{'compat' if name == 'compat' else 'detectors'}" in done.stdout.split()


def test_a_name_that_does_not_exist() -> None:
    with pytest.raises(AttributeError, match="^module 'detloss' has no attribute 'no_such_loss'$"):
        detloss.no_such_loss  # noqa: B018


def test_the_package_itself_imports_no_part_of_the_command_line() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    assert not [name for name in imports(tree) if name.startswith("detloss.experiments")]


def test_import_loads_torch_and_nothing_else() -> None:
    program = "import sys, torch; before = {*sys.modules}; import detloss; print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded - {"torch"} - sys.stdlib_module_names == {"detloss"}
