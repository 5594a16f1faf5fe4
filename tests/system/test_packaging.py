"""What an install brings: the kernels where there is a compiler, torch's own operations where there is none."""

import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import detloss

ROOT = Path(__file__).parents[2]
PYTHON = [sys.executable, "-c"]
LIBRARY = f"detloss/kernels/cpp/built/libdetloss.{'dylib' if sys.platform == 'darwin' else 'so'}"
# In the place of a compiler: says in `log` what it was asked for, and makes a library of the number of its calls.
FAKE = """#!/bin/sh
echo "$@" >> {log}
while [ $# -gt 0 ]; do [ "$1" = -o ] && wc -l < {log} > "$2"; shift; done
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what an install reads."""
    place = tmp_path / "project"
    unwanted = shutil.ignore_patterns("built", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", place / "src", ignore=unwanted)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place)
    return place


@pytest.fixture
def compiler(tmp_path: Path) -> Path:
    path = tmp_path / "compiler"
    path.write_text(FAKE.format(log=tmp_path / "log"))
    path.chmod(0o755)
    return path


def calls(compiler: Path) -> int:
    log = compiler.with_name("log")
    return len(log.read_text().splitlines()) if log.exists() else 0


def build(project: Path, kind: str, **environment: str) -> tuple[Path, str]:
    """What setuptools makes of a project, and what it says meanwhile."""
    make = f"from setuptools import build_meta; build_meta.build_{kind}('out')"
    done = subprocess.run(
        [*PYTHON, make], cwd=project, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return max((project / "out").iterdir(), key=os.path.getmtime), done.stdout + done.stderr


def test_the_kernels_are_there_where_a_compiler_is() -> None:
    assert detloss.backends()["cpu"] == "cpp"


def test_a_wheel_is_of_the_platform_and_of_every_python(project: Path, compiler: Path) -> None:
    wheel, said = build(project, "wheel", CXX=f"{compiler} -with-a-flag")
    assert "-py3-none-" in wheel.name
    assert wheel.name.endswith(f"{platform.machine()}.whl")
    assert "no C++ kernels" not in said
    assert said.count("compiling the C++ kernels") == 1
    names = zipfile.ZipFile(wheel).namelist()
    assert LIBRARY in names
    assert not [name for name in names if name.endswith((".h", ".cpp", ".o"))]
    assert all(line.startswith("-with-a-flag") for line in compiler.with_name("log").read_text().splitlines())


@pytest.mark.parametrize("without", ["no such file", "nothing on the path", "a compiler that fails"])
def test_a_wheel_without_a_compiler_is_of_every_platform_and_works(project: Path, tmp_path: Path, without: str) -> None:
    environment = {
        "no such file": {"CXX": "/nonexistent/c++"},
        "nothing on the path": {"PATH": str(tmp_path / "empty")},
        "a compiler that fails": {"CXX": "false"},
    }[without]
    wheel, said = build(project, "wheel", **environment)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert [line for line in said.splitlines() if "no C++ kernels were built" in line and "serve instead" in line]
    assert "compiling the C++ kernels" not in said
    archive = zipfile.ZipFile(wheel)
    assert not [name for name in archive.namelist() if "built" in name or ".data/" in name]
    assert "Root-Is-Purelib: true" in archive.read(next(n for n in archive.namelist() if n.endswith("/WHEEL"))).decode()

    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site")]
    subprocess.run([*install, str(wheel)], check=True)
    ask = (
        "import detloss, torch; print(detloss.__file__, detloss.backends()['cpu'], detloss.l1_loss(*torch.ones(2, 3)))"
    )
    done = subprocess.run(
        [*PYTHON, ask], env={**os.environ, "PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(tmp_path / "site/detloss/__init__.py"), "eager", "tensor(0.)"], done.stderr


def test_a_source_distribution_has_every_source_of_the_kernels(project: Path) -> None:
    archive, _ = build(project, "sdist")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    sources = [path.relative_to(ROOT) for path in (ROOT / "src/detloss/kernels/cpp").iterdir() if path.is_file()]
    assert len(sources) > 9
    assert {"setup.py", *map(str, sources)} <= names
    assert not [name for name in names if name.endswith((".so", ".dylib"))]


def test_an_editable_install_builds_again_when_a_header_changes(project: Path, compiler: Path) -> None:
    library = project / "src" / LIBRARY

    def built() -> str:
        build(project, "editable", CXX=str(compiler))
        assert [path.name for path in library.parent.iterdir()] == [library.name]
        return library.read_text()

    first = built()
    assert built() == first
    assert calls(compiler) == int(first)
    mapped = library.open()  # as a process has it that runs
    os.utime(project / "src/detloss/kernels/cpp/simd.h")
    second = built()
    assert int(second) == 2 * int(first)
    assert mapped.read() == first
    assert os.fstat(mapped.fileno()).st_nlink == 0
    mapped.close()
    os.utime(project / "src/detloss/kernels/cpp/simd.h")
    build(project, "editable", CXX="false")
    assert not library.exists(), "a library that is older than its sources"
