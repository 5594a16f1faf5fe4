"""C++ loops without Python: memory accesses under sanitizers and valgrind, equal bits on all instruction sets.

The loops do not depend on the formula. Only few formulas are compiled, because all take minutes under a sanitizer.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from detloss.kernels import cpp
from tests.support.processor import flags, instruction_sets

DRIVER = Path(__file__).with_name("loops.cpp")
COMPILER = shlex.split(os.environ.get("CXX", "c++"))
OPTIONS = ["-std=c++20", "-g1", "-pthread", "-fno-math-errno", "-fno-trapping-math", "-fwrapv", "-Wno-psabi"]
CONTRACTION = {"boxes": "off", "convex": "off", "elementwise": "fast", "loops": "off"}
# Without the check of use after scope, compilation takes a fifth of the time.
SANITIZERS = [
    "-O1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-sanitize-address-use-after-scope",
]
WITHOUT_EXPONENTIALS = (
    *("iou", "log_iou", "generalized_iou", "distance_iou", "complete_iou"),
    *("efficient_iou", "minimum_points_distance_iou"),
)
# A penalty of the intersection only, one of the convex hull, one of the diameter.
FEW = ("iou", "generalized_iou", "distance_iou")
FOREIGN = ("aarch64-linux-gnu-g++", "qemu-aarch64")


def sources(folder: Path, penalties: Sequence[str] = FEW) -> Path:
    """The sources of the kernels with one formula per loop, and these penalties."""
    shutil.copytree(Path(cpp.__file__).parent, folder, ignore=shutil.ignore_patterns("built", "*.py*"))
    chosen = {
        "element_formulas": "smooth_l1",
        "binary_formulas": "sigmoid_focal",
        "row_formulas": "softmax_focal",
        "penalties": ", ".join(penalties),
        "formats": "xyxy",
    }
    text = (folder / "formulas.h").read_text()
    for list_name, formulas in chosen.items():
        text, count = re.subn(rf"(using {list_name} =) .*;", rf"\1 Formulas<{formulas}>;", text)
        assert count == 1
    (folder / "formulas.h").write_text(text)
    return folder


def build(sources: Path, *options: str, compiler: Sequence[str] = COMPILER) -> Path:
    """The driver, linked with the loops."""
    count = (sources / "formulas.h").read_text().split("using penalties =")[1].split(";")[0].count(",") + 1
    command = [*compiler, *OPTIONS, f"-DPENALTIES={count}", *options]

    def compiled(source: Path) -> Path:
        target = sources.parent / f"{source.stem}.o"
        contraction = f"-ffp-contract={CONTRACTION[source.stem]}"
        subprocess.run([*command, contraction, f"-I{sources}", "-c", source, "-o", target], check=True)
        return target

    with ThreadPoolExecutor() as pool:
        objects = list(
            pool.map(compiled, (*(sources / f"{name}.cpp" for name in ("boxes", "convex", "elementwise")), DRIVER))
        )
    program = sources.parent / "loops"
    subprocess.run([*command, *objects, "-o", program], check=True)
    return program


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-6000:]
    assert done.stdout.startswith("all loops finished")
    return done.stdout


@pytest.mark.parametrize("instruction_set", instruction_sets()[-1:])
def test_loops_under_address_and_undefined_behavior_sanitizers(instruction_set: str, tmp_path: Path, seed: int) -> None:
    program = build(sources(tmp_path / "sources"), *SANITIZERS, *flags(instruction_set))
    for each in Random(seed).sample(range(2**31), 10):
        run(program, str(each))


@pytest.mark.parametrize("instruction_set", [each for each in instruction_sets() if each != "v4"])
def test_loops_under_valgrind(instruction_set: str, tmp_path: Path, seed: int) -> None:
    # Valgrind does not support AVX-512.
    program = build(sources(tmp_path / "sources"), "-O2", *flags(instruction_set))
    for each in Random(seed).sample(range(2**31), 2):
        run("valgrind", "--quiet", "--error-exitcode=9", program, str(each))


@pytest.mark.skipif(platform.machine() == "aarch64", reason="aarch64 is the native architecture")
def test_boxes_have_equal_bits_on_all_architectures(tmp_path: Path, seed: int) -> None:
    seeds = [str(each) for each in Random(seed).sample(range(2**31), 3)]
    found = []
    for name in (*instruction_sets(), "native"):
        folder = sources(tmp_path / name / "sources", WITHOUT_EXPONENTIALS)
        foreign = name == "native"
        compiler = [FOREIGN[0], "-static"] if foreign else COMPILER
        program = build(folder, "-O2", *flags(name), compiler=compiler)
        found.append([run(*FOREIGN[1:] * foreign, program, each) for each in seeds])
    assert all(each == found[0] for each in found), found
