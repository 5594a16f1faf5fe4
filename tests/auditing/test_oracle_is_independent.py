"""Independence of the oracle: it imports nothing of detloss but itself and the definitions."""

import ast
from pathlib import Path

import pytest

import detloss.auditing

FOLDER = Path(detloss.auditing.__file__).parent
FILES = sorted(path for part in ("oracle", "definitions") for path in (FOLDER / part).glob("*.py"))
OWN = ("detloss.auditing.oracle", "detloss.auditing.definitions")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        assert [name for name in names if name.startswith("detloss") and not name.startswith(OWN)] == []


def test_definitions_import_mpmath_alone() -> None:
    for path in (FOLDER / "definitions").glob("*.py"):
        assert "torch" not in path.read_text(encoding="utf-8").split()
