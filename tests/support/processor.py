"""Instruction sets of this processor as torch reports them, independent of the tested library."""

import platform

import torch

# torch's name of the best instruction set of a processor.
SETS = {"DEFAULT": ("v2",), "AVX2": ("v2", "v3"), "AVX512": ("v2", "v3", "v4")}


def instruction_sets() -> tuple[str, ...]:
    """The names of the sets whose kernels run here, best last."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return ("native",)
    return SETS[torch.backends.cpu.get_cpu_capability()]


def flags(instruction_set: str) -> list[str]:
    """The compiler flags of an instruction set."""
    machine = [] if instruction_set == "native" else [f"-march=x86-64-{instruction_set}"]
    return [f"-DISA={instruction_set}", *machine]
