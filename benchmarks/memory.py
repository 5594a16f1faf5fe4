"""How much memory a call takes beyond what was there before, as torch's allocator sees it."""

import os
from itertools import accumulate
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

from benchmarks.contest import Run

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # what the profiler says would tear tables and progress bars


def peak_bytes(run: Run) -> int:
    """The most that tensors made by a call hold at any one time, on the processor."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    # profiler.events() adds up the allocations inside an operator, and a peak needs them one by one.
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes = [event.nbytes() for event in sorted(events, key=lambda event: event.start_ns())]
    return max(accumulate(changes, initial=0))


def available_bytes() -> int:
    """What Linux would give before it swaps."""
    fields = (line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return next(1024 * int(field[1]) for field in fields if field[0] == "MemAvailable:")
