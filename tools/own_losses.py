"""Audit the losses of detloss with many seeds: no promise may be broken.

    python -m tools.own_losses [--seeds 20] [--backends eager cpp] [--losses giou focal-eiou] [--jobs 2]

The losses are those of the catalog, some with modifiers, for axis-aligned and for rotated boxes; the format and the
dimensions of the boxes change from seed to seed. Triton runs in its interpreter, where a time limit of each audit
leaves a sample of the cases:

    python -m tools.own_losses --seeds 1 --backends triton --seconds 10
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from itertools import product
from multiprocessing import get_context
from random import Random

import torch

import detloss
from detloss import kernels
from detloss.auditing import subject
from detloss.auditing.auditor import report, subject_of_loss
from detloss.auditing.battery.cases import LAYOUTS, Case
from detloss.auditing.reference import Reference, reference_named
from detloss.auditing.report import Report
from detloss.auditing.rotated_cases import ROTATED
from detloss.catalog import LOSSES, ROTATED_LOSSES, Kind

COMPOSED = ("inner-siou", "focaler-ciou", "alpha-giou", "focal-eiou", "inner-focaler-diou")
OF_POLYGONS = ("iou", "giou", "diou", "ciou")
NAMES = (
    *(loss.name for loss in (*LOSSES, *ROTATED_LOSSES)),
    *COMPOSED,
    *(f"{name} {ROTATED}" for name in OF_POLYGONS),
)


@dataclass(frozen=True)
class Drawn(Reference):
    """A definition whose cases are drawn once, so that all backends share the exact results."""

    drawn: dict[torch.dtype, list[Case]] = field(default_factory=dict)

    def cases(self, rng: Random, dtype: torch.dtype) -> Iterator[Case]:
        if dtype not in self.drawn:
            self.drawn[dtype] = list(super().cases(rng, dtype))
        return iter(self.drawn[dtype])


def definition(name: str, seed: int) -> Drawn:
    """The definition of a loss for the boxes of a seed."""
    name, _, form = name.partition(" ")
    reference = reference_named(name, {}, form or "xyxy")
    if reference.kind is Kind.BOX and not form:
        layouts = [(form, dims) for form, dims in LAYOUTS if dims == 2 or not reference.specification.planar]
        reference = reference_named(name, {}, *layouts[seed % len(layouts)])
    return Drawn(**vars(reference))


def audits(name: str, seed: int, backends: list[str], seconds: float) -> list[Report]:
    """The reports of a loss on each backend."""
    torch.set_num_threads(1)
    subject.SECONDS = 60.0  # Triton's interpreter is slow
    if "triton" in backends:
        import_module("detloss.kernels.triton.launch")
        kernels.AVAILABLE["cpu"]["triton"] = kernels.triton
    reference, found = definition(name, seed), []
    for backend in backends:
        with detloss.use_backend(backend):
            title = f"{name}, seed {seed}, {backend}, {reference.form}, {reference.dims}-D"
            found.append(report(subject_of_loss(reference, seconds), reference, title, reference.loss.name, seed))
    return found


def print_broken(found: Report) -> None:
    """Each broken promise of a loss."""
    for finding in found.findings:
        if not finding.holds:
            print(f"{found.target}: {finding}", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tools.own_losses", description=__doc__.partition("\n")[0])
    options.add_argument("--seeds", type=int, default=20, help="number of seeds (default: 20)")
    options.add_argument("--first", type=int, default=0, help="first seed (default: 0)")
    options.add_argument("--backends", nargs="+", default=["eager", "cpp"], help="default: eager cpp")
    options.add_argument("--losses", nargs="+", default=NAMES, help="default: all")
    options.add_argument("--seconds", type=float, default=300.0, help="time limit of an audit (default: 300)")
    options.add_argument("--jobs", type=int, default=2, help="number of processes (default: 2)")
    given = options.parse_args()
    os.environ["TRITON_INTERPRET"] = "1"
    start, checked, broken = time.monotonic(), 0, 0
    with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool:
        for seed in range(given.first, given.first + given.seeds):
            calls = product(given.losses, [seed], [given.backends], [given.seconds])
            for found in pool.map(audits, *zip(*calls)):
                for each in found:
                    print_broken(each)
                    checked, broken = checked + each.checked, broken + each.broken
            elapsed = time.monotonic() - start
            print(f"seeds up to {seed}: {broken} of {checked} promises broken, {elapsed:.0f} s", flush=True)
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
