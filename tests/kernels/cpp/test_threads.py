"""Concurrent threads and processes: equal bits, correct results, no deadlock."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import detloss
from detloss import kernels
from tests.support.loss_table import TABLE, Row

pytestmark = pytest.mark.skipif("cpp" not in kernels.AVAILABLE["cpu"], reason="installed without a C++ compiler")
every_loss = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)

CHILD = """
import os, torch, detloss
torch.set_num_threads(2)
pred, target = torch.randn(2, 300_000, 4, generator=torch.Generator().manual_seed({seed}))
expected = detloss.complete_iou_loss(pred, target, reduction="sum")
child = os.fork()
if not child:  # as a worker of a DataLoader does
    torch.set_num_threads(1)
    same = torch.equal(detloss.complete_iou_loss(pred, target, reduction="sum"), expected)
    os._exit(0 if same else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert torch.equal(detloss.complete_iou_loss(pred, target, reduction="sum"), expected)
"""


def test_threads_of_torch_do_the_work() -> None:
    logits, target = torch.randn(4000, 1000), torch.randint(0, 1000, (4000,))

    def seconds(threads: int) -> tuple[float, float]:
        """Processor time of this thread, and of all others. This one also waits for a core of a busy machine."""
        torch.set_num_threads(threads)
        detloss.cross_entropy_loss(logits, target)
        mine, everybody = time.thread_time(), time.process_time()
        for _ in range(20):
            detloss.cross_entropy_loss(logits, target)
        mine = time.thread_time() - mine
        return mine, time.process_time() - everybody - mine

    before = torch.get_num_threads()
    try:
        whole, others = seconds(1)
        assert others < 0.1 * whole
        _, others = seconds(2)
    finally:
        torch.set_num_threads(before)
    assert others > 0.3 * whole  # half of it, but for clocks that tick


@every_loss
def test_several_python_threads_at_once(row: Row, seed: int) -> None:
    # The call to the library lets go of Python's lock.
    tasks = [row.inputs(seed + k, torch.float32) for k in range(4)]

    def gradient(k: int) -> tuple[torch.Tensor, ...]:
        pred, target = (operand.repeat(50, *[1] * (operand.dim() - 1)) for operand in tasks[k % 4])
        value = row(pred, target, reduction="none")
        return value.detach(), *torch.autograd.grad(value.sum(), pred)

    expected = [gradient(k) for k in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for k, found in enumerate(pool.map(gradient, range(100))):
            for one, other in zip(found, expected[k % 4]):
                assert torch.equal(one, other)


def test_a_forked_process_goes_on(seed: int) -> None:
    subprocess.run([sys.executable, "-c", CHILD.format(seed=seed)], check=True)
