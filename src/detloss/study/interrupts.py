"""Ctrl-C, where it does no harm."""

import os
import signal
import threading
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Self


class Interrupts(AbstractContextManager["Interrupts"]):
    """Keeps a Ctrl-C until it is looked for; `reader` is a file that can be read once it has come.

    An exception that may come anywhere comes where a destructor loses it, or between the start of a process and the
    line that remembers it. A second Ctrl-C comes at once. Where something else handles Ctrl-C, and in other threads
    than the main one, nothing is kept.
    """

    def __init__(self) -> None:
        self.came = self.kept = False

    def __enter__(self) -> Self:
        self.reader, self.writer = os.pipe()
        main = threading.current_thread() is threading.main_thread()
        self.kept = main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self.kept:
            signal.signal(signal.SIGINT, self.keep)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.kept:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        os.close(self.reader)
        os.close(self.writer)
        if error is None:
            self.check()

    def keep(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        if self.came:
            signal.default_int_handler(number, frame)
        self.came = True
        os.write(self.writer, b"\0")

    def check(self) -> None:
        """Raise what has come."""
        if self.came:
            raise KeyboardInterrupt
