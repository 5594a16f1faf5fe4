"""Vector instructions of the C++ kernels by kind: executed addresses, found by single-stepping, in the disassembly."""

import ctypes
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.meters import Run
from detloss.kernels import cpp

STEPPING = Path(__file__).with_name("stepping.c")


class Kind(NamedTuple):
    """A kind of instruction and the register that it works on: x, y or z, or k for masks."""

    name: str
    register: str


KINDS = {
    "fma": r"vf(n?m(add|sub)|maddsub)",
    "divide": r"vdiv|vrcp",
    "square root": r"vsqrt|vrsqrt",
    "multiply": r"vmul",
    "minimum": r"v(max|min)",
    "scale": r"vscalef",
    "round": r"v(rndscale|round|getexp|getmant|reduce|fixup)",
    "compare": r"vp?cmp|vp?test|vu?comis",
    "blend": r"vp?blend",
    "shuffle": r"vp?(erm|unpck|shuf|ins|ext|align|broadcast|movddup|movs[lh]dup|mov[lh])",
    "convert": r"vp?(cvt|mov[sz]x|movdw|movqd)",
    "shift": r"vp(sll|srl|sra|rol|ror)",
    "logic": r"v(and|or|xor)|vp(and|or|xor|ternlog)",
    "mask": r"k",
    "integer": r"vp",
    "add": "",  # and any other
}
MOVE = re.compile(r"v(mov[au]p|movdq|movnt|movs[sd]$|movd$|movq$|broadcasts|lddqu)")
MEMORY = re.compile(r"\([^)]*\)")
BRACES = re.compile(r"\{[^}]*\}")  # of masks and broadcasts


def kinds_of(instruction: str) -> Iterator[Kind]:
    """The kinds of one line of the disassembly: none for scalar integers and for moves between registers."""
    mnemonic, _, operands = instruction.partition(" ")
    registers = re.findall(r"%(?:([xyz])mm|(k))\d", operands)
    if not registers:
        return
    register = max((vector for vector, _ in registers if vector), default="k")
    if MEMORY.search(operands):
        last = BRACES.sub("", operands.partition("#")[0]).rstrip()
        yield Kind("store" if last.endswith(")") else "load", register)
    if MOVE.match(mnemonic) and (MEMORY.search(operands) or not mnemonic.startswith("vbroadcast")):
        return
    yield Kind(next(name for name, pattern in KINDS.items() if re.match(pattern, mnemonic)), register)


class Stepping:
    """Instruction counts of calls; the kernels run in a loop that steps the last of its chunks."""

    def __init__(self, folder: Path, instruction_set: str) -> None:
        assert cpp.library is not None
        self.instruction_set = instruction_set
        target = folder / "stepping.so"
        flags = ["-O2", "-shared", "-fPIC", "-mno-red-zone"]
        subprocess.run(["cc", *flags, STEPPING, "-o", target], check=True)
        self.tools = ctypes.CDLL(str(target))
        self.path = Path(cpp.library._name)
        self.counts = torch.zeros(self.path.stat().st_size, dtype=torch.int32)
        start = ctypes.cast(cpp.library.detloss_start, ctypes.c_void_p)
        into = ctypes.c_void_p(self.counts.data_ptr())
        self.tools.count_instructions(start, into, ctypes.c_uint64(len(self.counts)))
        self.disassembly = dict(disassembled(self.path))

    def executed(self, run: Run) -> Counter[str]:
        """Executed instructions of a call."""
        self.counts.zero_()
        with self.stepped_loop():
            run()
        addresses = self.counts.nonzero().squeeze(1).tolist()
        found: Counter[str] = Counter()
        for address in addresses:
            found[self.disassembly.get(address, "")] += int(self.counts[address])
        return found

    def per_row(self, run_of: Callable[[int], Run], rows: tuple[int, int]) -> Mapping[Kind, float]:
        """Instructions per row by kind, from two numbers of rows whose last chunks differ in length only."""
        fewer, more = (self.executed(run_of(count)) for count in rows)
        more.subtract(fewer)
        found: Counter[Kind] = Counter()
        for instruction, count in more.items():
            for kind in kinds_of(instruction):
                found[kind] += count
        if not found.total():
            raise RuntimeError("instructions: expected a kernel that runs in chunks, counted none")
        return {kind: count / (rows[1] - rows[0]) for kind, count in found.items() if count > 0}

    @contextmanager
    def stepped_loop(self) -> Iterator[None]:
        """Run the kernels in the stepped loop instead of torch's."""
        assert cpp.library is not None
        loop = ctypes.cast(self.tools.stepped_for, ctypes.c_void_p)
        cpp.library.detloss_start(self.instruction_set.encode(), loop)
        try:
            yield
        finally:
            cpp.find_library()  # starts it with torch's threads again


def disassembled(library: Path) -> Iterator[tuple[int, str]]:
    """The instructions of a library by address."""
    call = ["objdump", "-d", "--no-show-raw-insn", str(library)]
    for line in subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines():
        address, found, instruction = line.partition(":\t")
        if found:
            yield int(address, 16), " ".join(instruction.split())
