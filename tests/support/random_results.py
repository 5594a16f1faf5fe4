"""`python -m tests.support.random_results SEED FILE`: results of random calls with this process's instruction set."""

import sys
from collections.abc import Iterator
from random import Random

import torch

from tests.support.random_calls import KINDS, Call, draw
from tests.support.tolerances import results

CALLS = 100


def calls(seed: int) -> Iterator[Call]:
    """The same calls in every process."""
    for kind in KINDS:
        for k in range(CALLS):
            yield draw(Random(f"{seed} {k}"), kind)


if __name__ == "__main__":
    found = [results(call, "cpp") for call in calls(int(sys.argv[1]))]
    torch.save([(each.value, each.gradients) for each in found], sys.argv[2])
