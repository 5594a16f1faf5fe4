"""Contents of wheels and source distributions: C++ kernels with a compiler, the eager backend without one."""

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
# A fake compiler: logs its arguments, and writes its number of calls as the library.
FAKE = """#!/bin/sh
echo "$@" >> {log}
while [ $# -gt 0 ]; do [ "$1" = -o ] && wc -l < {log} > "$2"; shift; done
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the files needed for an installation."""
    folder = tmp_path / "project"
    excluded = shutil.ignore_patterns("built", "__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", folder / "src", ignore=excluded)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


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
    """Build with setuptools; return the newest file and the output."""
    make = f"from setuptools import build_meta; build_meta.build_{kind}('out')"
    done = subprocess.run(
        [*PYTHON, make], cwd=project, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return max((project / "out").iterdir(), key=os.path.getmtime), done.stdout + done.stderr


def test_kernels_are_installed_with_a_compiler() -> None:
    assert detloss.backends()["cpu"] == "cpp"


def test_wheel_is_for_one_platform_and_all_python_versions(project: Path, compiler: Path) -> None:
    wheel, output = build(project, "wheel", CXX=f"{compiler} -with-a-flag")
    assert "-py3-none-" in wheel.name
    assert wheel.name.endswith(f"{platform.machine()}.whl")
    assert "no C++ kernels" not in output
    assert output.count("compiling the C++ kernels") == 1
    names = zipfile.ZipFile(wheel).namelist()
    assert LIBRARY in names
    assert not [name for name in names if name.endswith((".h", ".cpp", ".o"))]
    assert all(line.startswith("-with-a-flag") for line in compiler.with_name("log").read_text().splitlines())


@pytest.mark.parametrize("without", ["missing file", "empty path", "failing compiler"])
def test_wheel_without_a_compiler_is_for_all_platforms_and_works(project: Path, tmp_path: Path, without: str) -> None:
    environment = {
        "missing file": {"CXX": "/nonexistent/c++"},
        "empty path": {"PATH": str(tmp_path / "empty")},
        "failing compiler": {"CXX": "false"},
    }[without]
    wheel, output = build(project, "wheel", **environment)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert [line for line in output.splitlines() if "no C++ kernels were built" in line and "serve instead" in line]
    assert "compiling the C++ kernels" not in output
    archive = zipfile.ZipFile(wheel)
    assert not [name for name in archive.namelist() if "built" in name or ".data/" in name]
    assert "Root-Is-Purelib: true" in archive.read(next(n for n in archive.namelist() if n.endswith("/WHEEL"))).decode()

    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site")]
    subprocess.run([*install, str(wheel)], check=True)
    program = (
        "import detloss, torch; print(detloss.__file__, detloss.backends()['cpu'], detloss.l1_loss(*torch.ones(2, 3)))"
    )
    done = subprocess.run(
        [*PYTHON, program], env={**os.environ, "PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(tmp_path / "site/detloss/__init__.py"), "eager", "tensor(0.)"], done.stderr


def test_source_distribution_has_all_sources_of_the_kernels(project: Path) -> None:
    archive, _ = build(project, "sdist")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    sources = [path.relative_to(ROOT) for path in (ROOT / "src/detloss/kernels/cpp").iterdir() if path.is_file()]
    assert len(sources) > 9
    assert {"setup.py", *map(str, sources)} <= names
    assert not [name for name in names if name.endswith((".so", ".dylib"))]


def test_editable_install_is_rebuilt_when_a_header_changes(project: Path, compiler: Path) -> None:
    library = project / "src" / LIBRARY

    def built() -> str:
        build(project, "editable", CXX=str(compiler))
        assert [path.name for path in library.parent.iterdir()] == [library.name]
        return library.read_text()

    first = built()
    assert built() == first
    assert calls(compiler) == int(first)
    mapped = library.open()  # as in a running process
    os.utime(project / "src/detloss/kernels/cpp/simd.h")
    second = built()
    assert int(second) == 2 * int(first)
    assert mapped.read() == first
    assert os.fstat(mapped.fileno()).st_nlink == 0
    mapped.close()
    os.utime(project / "src/detloss/kernels/cpp/simd.h")
    build(project, "editable", CXX="false")
    assert not library.exists(), "the library is older than its sources"
