"""Throughput of the processor: the time of independent vector instructions, one thread."""

import ctypes
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from benchmarks.instructions import Kind

TARGETS = range(4, 16)  # registers of results; the first four are operands
INSTRUCTIONS = 50_000  # of one measurement

ASSEMBLY = {
    "fma": "vfmadd231ps %{r}0, %{r}1, %{r}{d}",
    "divide": "vdivps %{r}0, %{r}1, %{r}{d}",
    "square root": "vsqrtps %{r}0, %{r}{d}",
    "multiply": "vmulps %{r}0, %{r}1, %{r}{d}",
    "add": "vaddps %{r}0, %{r}1, %{r}{d}",
    "minimum": "vmaxps %{r}0, %{r}1, %{r}{d}",
    "scale": "vscalefps %{r}0, %{r}1, %{r}{d}",
    "round": "vroundps $0, %{r}0, %{r}{d}",
    "compare": "vcmpltps %{r}0, %{r}1, %{r}{d}",
    "blend": "vblendvps %{r}2, %{r}0, %{r}1, %{r}{d}",
    "shuffle": "vshufps $0, %{r}0, %{r}1, %{r}{d}",
    "convert": "vcvtdq2ps %{r}0, %{r}{d}",
    "shift": "vpslld $1, %{r}0, %{r}{d}",
    "logic": "vandps %{r}0, %{r}1, %{r}{d}",
    "integer": "vpaddd %{r}0, %{r}1, %{r}{d}",
    "mask": "kandw %k1, %k2, %k{k}",
    "load": "vmovups {at}(%0), %{r}{d}",
    "store": "vmovups %{r}{d}, {at}(%0)",
}
WIDE = {
    "round": "vrndscaleps $0, %{r}0, %{r}{d}",
    "compare": "vcmpltps %{r}0, %{r}1, %k{k}",
    "blend": "vblendmps %{r}0, %{r}1, %{r}{d}{{%k1}}",
    "shuffle": "vpermt2ps %{r}0, %{r}1, %{r}{d}",
}
"""Instructions of AVX-512."""

HEADER = """
#include <time.h>
static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e9 * time.tv_sec + time.tv_nsec;
}
static float memory[1024] __attribute__((aligned(64)));
"""
FUNCTION = """
double time_%(number)d(void) {
    double least = 1e30;
    for (int k = 0; k < 1024; ++k) memory[k] = 1.5f;
    for (int attempt = 0; attempt < 25; ++attempt) {
        __asm__ volatile("%(prepare)s" :: "r"(memory) : "memory");
        const double start = now();
        for (int k = 0; k < %(repeats)d; ++k) __asm__ volatile("%(body)s" :: "r"(memory) : "memory");
        const double nanoseconds = now() - start;
        if (nanoseconds < least) least = nanoseconds;
    }
    return least / %(repeats)d;
}
"""


def nanoseconds(bodies: Sequence[Sequence[Kind]], instruction_set: str, folder: Path) -> list[float]:
    """Nanoseconds of each sequence of independent instructions, the least of several measurements."""
    numbered = [{"number": number, **parts(body, instruction_set)} for number, body in enumerate(bodies)]
    source, target = folder / "throughput.c", folder / "throughput.so"
    source.write_text(HEADER + "".join(FUNCTION % each for each in numbered), encoding="ascii")
    flags = ["-O2", "-shared", "-fPIC", f"-march=x86-64-{instruction_set}"]
    subprocess.run(["cc", *flags, source, "-o", target], check=True)
    library = ctypes.CDLL(str(target))
    found = []
    for number in range(len(bodies)):
        function = library[f"time_{number}"]
        function.restype = ctypes.c_double
        found.append(float(function()))
    return found


def parts(body: Sequence[Kind], instruction_set: str) -> dict[str, object]:
    """The assembly of a function; instructions of different kinds are mixed."""
    assembly = ASSEMBLY | (WIDE if instruction_set == "v4" else {})
    lines = []
    for position, kind in enumerate(Random(0).sample(body, len(body))):
        register, target = kind.register.replace("k", "x"), position % len(TARGETS)
        template = assembly[kind.name]
        lines.append(template.format(r=f"{register}mm", d=TARGETS[target], k=1 + target % 7, at=64 * target))
    widest = max(kind.register.replace("k", "x") for kind in body)
    loads = [f"vmovups (%0), %{widest}mm{number}" for number in range(TARGETS[-1] + 1)]
    return {"prepare": joined(loads), "body": joined(lines), "repeats": max(1, INSTRUCTIONS // len(lines))}


def joined(lines: Iterable[str]) -> str:
    """Instructions as one literal of C, whose special characters have a percent sign; %0 is the operand."""
    special = str.maketrans({"%": "%%", "{": "%{", "}": "%}"})
    return r"\n\t".join(line.translate(special).replace("(%%0)", "(%0)") for line in lines)
