"""Ahead-of-time builds for three generations of GPUs: properties that the interpreter cannot show."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.triton_builds import losses

APPROXIMATE = r"\.approx|div\.full|\b(ex2|lg2|rcp|rsqrt|sqrt(?!\.rn)|sin|cos|tanh)\.|\.ftz|\bfma\."
MAIN = ("elements", "masks", "pairs", "rows")  # the kernels that evaluate losses
ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.exhaustive  # minutes of compilation


@pytest.fixture(scope="module")
def kernels() -> list[dict[str, Any]]:
    """All built kernels, from a process in which Triton compiles."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, "-m", "tests.support.triton_builds"]
    printed = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert printed.returncode == 0, printed.stderr
    return [json.loads(line) for line in printed.stdout.splitlines()]


def test_every_loss_is_built_for_every_architecture(kernels: list[dict[str, Any]]) -> None:
    built = {(kernel["loss"], kernel["architecture"]) for kernel in kernels if kernel["loss"].endswith("float32")}
    names = [loss.name for loss in losses(torch.float32)]
    assert built == {(f"{name} torch.float32", architecture) for name in names for architecture in (80, 90, 100)}
    assert {kernel["kernel"] for kernel in kernels} == {*MAIN, "prepare", "scale", "two_results"}


def test_nothing_spills(kernels: list[dict[str, Any]]) -> None:
    assert [(kernel["loss"], kernel["architecture"]) for kernel in kernels if kernel["spilled"]] == []


def test_nothing_is_approximated_or_fused(kernels: list[dict[str, Any]]) -> None:
    found = {(kernel["loss"], match[0]) for kernel in kernels for match in re.finditer(APPROXIMATE, kernel["ptx"])}
    assert found == set()


def test_operands_and_gradients_move_128_bits_at_a_time(kernels: list[dict[str, Any]]) -> None:
    # Other rows do not start at multiples of 128 bits.
    aligned = {f"{loss.name} torch.float32" for loss in losses(torch.float32) if loss.pred.shape[-1] % 4 == 0}
    for kernel in kernels:
        if kernel["loss"] in aligned and kernel["kernel"] in (*MAIN, "scale"):
            operands = 1 if "indices" in kernel["loss"] or kernel["kernel"] in ("rows", "scale") else 2
            assert len(re.findall(r"ld\.global\.v4\.b32", kernel["ptx"])) >= operands, kernel["loss"]
            assert len(re.findall(r"st\.global\.v4\.b32", kernel["ptx"])) >= 1, kernel["loss"]


def test_the_lost_part_of_a_difference_is_calculated(kernels: list[dict[str, Any]]) -> None:
    (ptx,) = {kernel["ptx"] for kernel in kernels if kernel["loss"] == "difference" and kernel["architecture"] == 90}
    assert len(re.findall(r"(?:add|sub)\.rn\.f32", ptx)) == 6


def test_sums_are_stored_before_a_program_arrives(kernels: list[dict[str, Any]]) -> None:
    order = r"st\.global\.b64.*bar\.sync.*atom\.global\.gpu\.acq_rel\.add.*bar\.sync.*ld\.global\.cg"
    for kernel in kernels:
        if kernel["kernel"] in MAIN and kernel["loss"].endswith("float32"):
            assert re.search(order, kernel["ptx"], re.DOTALL), kernel["loss"]
