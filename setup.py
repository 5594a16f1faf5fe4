"""Build the C++ kernels where there is a compiler; without one the install goes on, and the eager backend serves.

The library is plain C, called through ctypes: it needs no Python headers and fits every Python, so wheels are `py3`.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

SOURCES = Path("src/detloss/kernels/cpp")
FLAGS = ["-O2", "-std=c++20", "-fPIC", "-fvisibility=hidden", "-Wno-psabi"]
ARITHMETIC = ["-fno-math-errno", "-fno-trapping-math", "-fwrapv"]
EXACT, CONTRACTED = "-ffp-contract=off", "-ffp-contract=fast"
SEPARATELY = {  # compiled for each instruction set, with more flags
    "boxes": [EXACT],
    "convex": [EXACT, "-O3"],  # unrolls loops over corners
    "elementwise": [CONTRACTED],
}
INSTRUCTION_SETS = ("v2", "v3", "v4") if platform.machine() in ("x86_64", "AMD64") else ("native",)


def machine(name: str) -> list[str]:
    """The compiler's flags for an instruction set."""
    return [] if name == "native" else [f"-march=x86-64-{name}"]


def make(library: Path, objects: Path) -> None:
    """Compile every source for every instruction set, side by side, and link them."""
    compiler = shlex.split(os.environ.get("CXX", "c++"))

    def run(*arguments: str | Path) -> None:
        subprocess.run([*compiler, *arguments], check=True, stdout=subprocess.DEVNULL)

    def compiled(source: str, name: str, *flags: str) -> Path:
        output = objects / f"{source}-{name}.o"
        run(*FLAGS, *ARITHMETIC, *flags, "-c", SOURCES / f"{source}.cpp", "-o", output)
        return output

    run("--version")  # what is no compiler is found out once
    print(f"compiling the C++ kernels ({', '.join(SEPARATELY)}) for {', '.join(INSTRUCTION_SETS)}", flush=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = [
            pool.submit(compiled, source, name, *flags, f"-DISA={name}", *machine(name))
            for source, flags in SEPARATELY.items()
            for name in INSTRUCTION_SETS
        ]
        entries = compiled("library", "start")
        runtime = ["-static-libstdc++", "-static-libgcc"] if sys.platform == "linux" else []
        run("-shared", *runtime, entries, *[part.result() for part in parts], "-o", library)


def replace(source: Path, target: Path) -> None:
    """Put a new file in the place of an old one at once: processes that have the old one mapped keep it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}")
    shutil.copy2(source, beside)
    beside.replace(target)


class BuildKernels(build_ext):
    """One library with the kernels of every instruction set."""

    def build_extension(self, extension: Extension) -> None:
        """Make the library unless it is newer than all that it is made of."""
        target = Path(self.get_ext_fullpath(extension.name))
        made_of = [__file__, *extension.sources, *extension.depends]
        here = SOURCES.parents[2] / self.get_ext_filename(extension.name)
        if self.editable_mode and here.exists() and not newer_group(made_of, str(here)):
            return replace(here, target)
        if not self.force and target.exists() and not newer_group(made_of, str(target)):
            return None
        for stale in [target, *([here] if self.editable_mode else [])]:
            stale.unlink(missing_ok=True)
        objects = Path(self.build_temp)
        objects.mkdir(parents=True, exist_ok=True)
        try:
            make(objects / target.name, objects)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) else "the compiler failed"
            return self.warn(f"no C++ kernels were built ({reason}); torch's own operations will serve instead")
        return replace(objects / target.name, target)

    def copy_extensions_to_source(self) -> None:
        """Where the install is editable, the library lies beside its sources."""
        for built, here in self.get_output_mapping().items():
            if Path(built).exists():
                replace(Path(built), Path(here))

    def get_ext_filename(self, fullname: str) -> str:
        """A library's name, without the tag of a Python."""
        return os.path.join(*fullname.split(".")) + (".dylib" if sys.platform == "darwin" else ".so")


class AnyPythonWheel(bdist_wheel):
    """A wheel for every Python 3: of this platform with the library, of any without."""

    def run(self) -> None:
        """Build first, and see whether there is a library."""
        self.run_command("build")
        if not all(map(os.path.exists, self.get_finalized_command("build_ext").get_outputs())):
            self.distribution.ext_modules = []
            self.root_is_pure = True
        super().run()

    def get_tag(self) -> tuple[str, str, str]:
        """The tag of the wheel's name."""
        return "py3", "none", super().get_tag()[2]


kernels = Extension(
    "detloss.kernels.cpp.built.libdetloss",
    sources=sorted(str(source) for source in SOURCES.glob("*.cpp")),
    depends=sorted(str(header) for header in SOURCES.glob("*.h")),
    optional=True,
)
setup(ext_modules=[kernels], cmdclass={"build_ext": BuildKernels, "bdist_wheel": AnyPythonWheel})
