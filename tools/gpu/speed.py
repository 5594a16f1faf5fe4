"""Speed: every loss beside torchvision, torch.nn.functional and the compiled formula, and trials that share the GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tools.gpu.part import Run

if TYPE_CHECKING:
    from benchmarks.cases import Case

COMPILED_CASES = ("smooth_l1", "giou", "ciou", "focal", "ce")
"""Losses whose plain formula is compiled: a compilation takes several seconds."""

TRIAL_LOSSES = ("giou", "ciou")
TRIAL_COMMAND = "import sys; from detloss.experiments.cli import main; sys.exit(main())"


def benchmark(run: Run) -> None:
    """Time of every loss, forward and backward, its share of the bandwidth, and its speed-up over other libraries."""
    from benchmarks.bounds import BANDWIDTH
    from benchmarks.cases import CASES
    from benchmarks.environment import cpu_environment, gpu_environment
    from benchmarks.inputs import Size
    from benchmarks.measure import implementations, measure
    from benchmarks.timing import Budget

    budget = Budget(seconds=run.extent.seconds_of_a_benchmark, min_run_time=0.001, rounds=31)
    on_gpu = run.device.type == "cuda"
    environment_of = gpu_environment if on_gpu else cpu_environment

    def check(case: Case) -> None:
        environment = environment_of(budget, compiles=on_gpu and case.name in COMPILED_CASES)
        main = case.family.main
        size = Size(run.extent.rows, main.columns) if run.extent.rows else main
        result = measure(case, size, environment, implementations(case, environment))
        ours, measured = result.nanoseconds("triton"), result.measurements["triton"]
        if ours is None:
            run.failures.append(f"{case.title}: {measured.skipped or 'not measured'}")
            return
        ratios = {name: result.ratio(name, "triton") for name in result.measurements if name != "triton"}
        share = ratios.pop(BANDWIDTH, None)
        run.figures.append(
            {
                "loss": case.title,
                "size": str(size),
                "unit": case.family.unit,
                "ns per element": three_digits(ours.median),
                "GB/s": three_digits(result.moved / (ours.median * size.elements)),
                "share of the bandwidth": None if share is None else three_digits(share.median),
                "launches": measured.launches,
                "synchronizations": measured.synchronizations,
                "speed-up over": {name: three_digits(ratio.median) for name, ratio in ratios.items() if ratio},
            }
        )

    run.each([(case.title, partial(check, case)) for case in CASES if run.includes(case.name)])


def three_digits(value: float) -> float:
    """A number rounded to three significant digits."""
    return float(f"{value:.3g}")


def trials(run: Run) -> None:
    """Short trials of `detloss compare`, several at a time on the same GPU."""
    count, seeds = run.extent.trials, run.extent.trials // len(TRIAL_LOSSES)

    def check() -> None:
        with TemporaryDirectory() as folder:
            command = [sys.executable, "-c", TRIAL_COMMAND, "compare", "--scenes", "boxes", "--cls", "focal"]
            command += ["--box", ",".join(TRIAL_LOSSES), "--weights", ",".join(f"{name}=8" for name in TRIAL_LOSSES)]
            command += ["--seeds", str(seeds), "--steps", str(run.extent.steps), "--jobs", str(max(2, count // 2))]
            environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
            ended = subprocess.run(
                [*command, "--out", folder, "--overwrite"],
                capture_output=True,
                text=True,
                env=environment,
                timeout=run.seconds_left,
            )
            record = Path(folder, "results.jsonl")
            finished = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
        for trial in map(json.loads, finished):
            run.figures.append({name: trial[name] for name in ("box", "seed", "steps", "ap", "seconds")})
        if ended.returncode or len(finished) != count:
            message = (ended.stderr or ended.stdout).strip()[-400:]
            run.failures.append(
                f"detloss compare: expected {count} trials and exit status 0, "
                f"got {len(finished)} and {ended.returncode}: {message}"
            )

    run.each([("detloss compare", check)])
