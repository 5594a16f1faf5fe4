"""Build the C++ kernels where there is a compiler; without one the install goes on, and the eager backend serves.

The library is plain C, called through ctypes: it needs no Python headers and fits every Python, so wheels are `py3`.
"""

import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

SOURCES = Path("src/detloss/kernels/cpp")
FLAGS = ["-O2", "-std=c++20", "-fPIC", "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi"]
EXACT, CONTRACTED = "-ffp-contract=off", "-ffp-contract=fast"
INSTRUCTION_SETS = ("v2", "v3", "v4") if platform.machine() in ("x86_64", "AMD64") else ("native",)


def machine(name: str) -> list[str]:
    """The compiler's flags for an instruction set."""
    return [] if name == "native" else [f"-march=x86-64-{name}"]


class BuildKernels(build_ext):
    """One library with the kernels of every instruction set, compiled side by side."""

    def build_extension(self, extension: Extension) -> None:
        """Compile and link."""
        place, target = Path(self.build_temp), Path(self.get_ext_fullpath(extension.name))
        place.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        compiler = os.environ.get("CXX", "c++")

        def compiled(source: str, name: str, *flags: str) -> str:
            output = str(place / f"{Path(source).stem}-{name}.o")
            subprocess.run([compiler, *FLAGS, *flags, "-c", str(SOURCES / source), "-o", output], check=True)
            return output

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            parts = [
                pool.submit(compiled, source, name, contraction, f"-DISA={name}", *machine(name))
                for source, contraction in (("boxes.cpp", EXACT), ("dense.cpp", CONTRACTED))
                for name in INSTRUCTION_SETS
            ]
            objects = [compiled("library.cpp", "start"), *(part.result() for part in parts)]
        runtime = ["-static-libstdc++", "-static-libgcc"] if sys.platform == "linux" else []
        subprocess.run([compiler, "-shared", *runtime, *objects, "-o", str(target)], check=True)

    def get_ext_filename(self, fullname: str) -> str:
        """A library's name, without the tag of a Python."""
        return os.path.join(*fullname.split(".")) + (".dylib" if sys.platform == "darwin" else ".so")


class AnyPythonWheel(bdist_wheel):
    """A wheel of this platform for every Python 3."""

    def get_tag(self) -> tuple[str, str, str]:
        """The tag of the wheel's name."""
        return "py3", "none", super().get_tag()[2]


kernels = Extension(
    "detloss.kernels.cpp.built.libdetloss",
    sources=[str(source) for source in SOURCES.glob("*.cpp")],
    depends=[str(header) for header in SOURCES.glob("*.h")],
    optional=True,
)
setup(ext_modules=[kernels], cmdclass={"build_ext": BuildKernels, "bdist_wheel": AnyPythonWheel})
