"""Measure the memory and the start of processes that read all images of a data set.

    python -m tools.measure_images DATA [--size 640] [--cache FOLDER] [--workers 2]

Prints the time of reading the data set, and for each worker the time until it has received the data set and the memory
after it has made batches of all images. RSS counts the pages of the file that the process has mapped; PSS divides them
among the processes. Only private memory cannot be reclaimed by the system.
"""

import argparse
import time
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path

from detloss.experiments.data.dataset import SharedDataset, load
from detloss.experiments.training.batches import same_size_batches


def memory() -> str:
    """RSS, PSS and the private memory of this process."""
    rows = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    names = {"Rss": "RSS", "Pss": "PSS", "Anonymous": "private"}
    return ", ".join(f"{label} {1024 * int(rows[name].split()[0]) / 1e6:.0f} MB" for name, label in names.items())


def work(load: SharedDataset, started: float, finished: Barrier) -> None:
    """Make batches of all images."""
    dataset = load()
    print(f"worker: received the data set after {time.time() - started:.1f} s; {memory()}", flush=True)
    first = time.time()
    for samples in (dataset.train, dataset.validation):
        for _ in same_size_batches(samples).on("cpu"):
            pass
    finished.wait()
    print(f"worker: all images after {time.time() - first:.1f} s; {memory()}", flush=True)
    finished.wait()


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tools.measure_images", description=__doc__.partition("\n")[0])
    options.add_argument("data", type=Path)
    options.add_argument("--size", type=int, default=640)
    options.add_argument("--cache", type=Path)
    options.add_argument("--workers", type=int, default=2)
    given = options.parse_args()
    start = time.time()
    dataset = load(given.data, size=given.size, cache=given.cache, announce=print)
    print(f"read {len(dataset.train) + len(dataset.validation)} images in {time.time() - start:.1f} s; {memory()}")
    context = get_context("spawn")
    shared, finished = SharedDataset(dataset), context.Barrier(given.workers)
    workers = [context.Process(target=work, args=(shared, time.time(), finished)) for _ in range(given.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
