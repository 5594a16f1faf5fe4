"""Check the losses on the GPU of this machine: `python -m tools.gpu`.

Takes at most five minutes and installs nothing: a part whose packages are missing is named and not run. Writes gpu.json
and gpu.md. The exit status is 1 if a check fails, and 2 if nothing could be checked. With TRITON_INTERPRET=1 the checks
run on the CPU with few inputs.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch

import detloss
from detloss import kernels
from tools.gpu import report
from tools.gpu.accuracy import battery, bfloat16, every_loss, random_calls
from tools.gpu.execution import compiled, graphs, launches, two_gpus
from tools.gpu.part import INTERPRETED, ON_GPU, Part, Run, outcome_of
from tools.gpu.speed import benchmark, trials

SECONDS = 270  # of five minutes; the rest covers imports and the last check of each part

TRIAL_PACKAGES = ("click", "faster_coco_eval", "jinja2", "optuna", "rich", "sklearn", "sqlalchemy")

PARTS = (
    Part("battery against exact values", battery, 0.18, ("mpmath",)),
    Part("every loss against eager", every_loss, 0.22, ("mpmath",)),
    Part("bfloat16 against eager", bfloat16, 0.26, ("mpmath",)),
    Part("random calls against eager", random_calls, 0.34, ("mpmath",)),
    Part("launches and synchronizations", launches, 0.37, ("mpmath",), gpus=1),
    Part("CUDA graphs", graphs, 0.41, ("mpmath",), gpus=1),
    Part("torch.compile", compiled, 0.55, ("mpmath",)),
    Part("benchmark", benchmark, 0.80, ("torchvision",)),
    Part("trials", trials, 0.96, TRIAL_PACKAGES),
    Part("DistributedDataParallel", two_gpus, 1.0, gpus=2),
)


def main(arguments: Sequence[str]) -> int:
    """Run every part that can run, until the time limit."""
    parser = argparse.ArgumentParser(prog="python -m tools.gpu", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"time limit (default: {SECONDS})")
    parser.add_argument("--seed", type=int, default=0, help="random seed (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("out/gpu"), help="output folder (default: out/gpu)")
    options = parser.parse_args(arguments)
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    if find_spec("triton") is None:
        print("triton: expected an installed package, found none; nothing was checked")
        return 2
    if not interpreted and not torch.cuda.is_available():
        print(f"GPU: expected one that torch {torch.__version__} can use, found none; nothing was checked.")
        print("On the CPU: TRITON_INTERPRET=1 python -m tools.gpu")
        return 2
    device, extent = torch.device("cpu" if interpreted else "cuda"), INTERPRETED if interpreted else ON_GPU
    if interpreted:
        import_module("numpy").seterr(all="ignore")  # the interpreter uses numpy; a GPU has no warnings about NaN
        kernels.AVAILABLE["cpu"].setdefault("triton", kernels.triton)
    start, machine = time.monotonic(), report.describe_machine(device)
    print(*(f"{name}: {value or 'none'}" for name, value in machine.items()), sep="\n", flush=True)
    gpus, outcomes = 0 if interpreted else torch.cuda.device_count(), []
    for part in PARTS:
        with detloss.use_backend("triton"):
            run = Run(device, extent, options.seed, start + part.until * options.seconds)
            outcomes.append(outcome_of(part, run, gpus))
        text = report.write(options.out, machine, options.seed, outcomes)  # also if a later part never ends
    print(f"\n{text}\nwritten to {options.out / 'gpu.json'} and {options.out / 'gpu.md'}")
    statuses = {outcome.status for outcome in outcomes}
    return 1 if "failed" in statuses else 2 if statuses == {"not run"} else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
