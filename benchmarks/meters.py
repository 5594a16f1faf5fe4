"""Clocks and meters of a CPU and of a GPU: seconds per call, peak memory, kernel launches, synchronizations.

The meters of the GPU have not been run on a GPU yet.
"""

import os
import time
import warnings
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # messages of the profiler would break tables and progress bars

Run = Callable[[], object]
Clock = Callable[[Run, int], float]


def wall_seconds(run: Run, calls: int) -> float:
    """Seconds per call, by the wall clock."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def cpu_seconds(run: Run, calls: int) -> float:
    """Seconds per call that the calling thread has a processor, for one thread on a loaded machine."""
    start = time.thread_time()
    for _ in range(calls):
        run()
    return (time.thread_time() - start) / calls


def peak_bytes(run: Run) -> int:
    """Peak memory of the tensors that a call allocates on the CPU."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    # profiler.events() sums the allocations within an operator; a peak requires each of them.
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return max(accumulate(changes, initial=0))


def available_bytes() -> int:
    """Memory that Linux can provide without swapping."""
    fields = (line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return next(1024 * int(field[1]) for field in fields if field[0] == "MemAvailable:")


def gpu_seconds(run: Run, calls: int) -> float:
    """Seconds per call, by CUDA events."""
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    for _ in range(calls):
        run()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1000 / calls


def gpu_peak_bytes(run: Run) -> int:
    """Peak memory of the tensors that a call allocates on the GPU."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    run()
    return torch.cuda.max_memory_allocated() - before


def gpu_available_bytes() -> int:
    """Free memory of the GPU."""
    return torch.cuda.mem_get_info()[0]


def gpu_launches(run: Run) -> int:
    """Number of kernels, copies and fills that a call launches."""
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        run()
        torch.cuda.synchronize()
    return sum(event.device_type == DeviceType.CUDA for event in profiler.events())


def gpu_synchronizations(run: Run) -> int:
    """Number of times that a call makes the host wait for the device."""
    torch.cuda.synchronize()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            run()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught)
