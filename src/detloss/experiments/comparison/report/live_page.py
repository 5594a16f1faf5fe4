"""A page that is written again and again while something goes on, without holding it up."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from threading import Condition, Thread
from time import perf_counter
from types import TracebackType
from typing import Generic, Self, TypeVar

SHARE = 0.1  # of the time may be spent on writing

State = TypeVar("State")


class LivePage(AbstractContextManager["LivePage[State]"], Generic[State]):
    """Writes the latest of the states it is shown, in a thread of its own; leaving the context ends it.

    Args:
        write: Writes a state. Its errors are ignored: the final page, which is not written here, meets them again.
    """

    def __init__(self, write: Callable[[State], None]) -> None:
        self.write = write
        self.changed = Condition()
        self.latest: State | None = None
        self.over = False
        self.thread = Thread(target=self.work)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.changed:
            self.over = True
            self.changed.notify()
        self.thread.join()

    def show(self, state: State) -> None:
        """Let a state be written as soon as it may."""
        with self.changed:
            self.latest = state
            self.changed.notify()

    def work(self) -> None:
        """Write until it is over; a state that has not been written by then is left to the final page."""
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.over or self.latest is not None)
                state, self.latest = self.latest, None
            if state is None or self.over:
                return
            start = perf_counter()
            with suppress(Exception):
                self.write(state)
            pause = (perf_counter() - start) * (1 / SHARE - 1)
            with self.changed:
                self.changed.wait_for(lambda: self.over, timeout=pause)
