"""Ctrl-C and SIGTERM, where they do no harm."""

import os
import signal
import threading
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Any, Self


class Terminated(KeyboardInterrupt):
    """SIGTERM has come: how a batch system, Docker or `timeout` asks a process to end."""


DEFAULTS: dict[signal.Signals, Any] = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


class Interrupts(AbstractContextManager["Interrupts"]):
    """Keeps a Ctrl-C or SIGTERM until it is looked for; `reader` is a file that can be read once it has come.

    An exception that may come anywhere comes where a destructor loses it, or between the start of a process and the
    line that remembers it. A second signal is raised at once. A signal that something else handles is left to that,
    and in other threads than the main one nothing is kept.
    """

    def __init__(self) -> None:
        self.came: int | None = None
        self.kept: list[signal.Signals] = []

    def __enter__(self) -> Self:
        self.reader, self.writer = os.pipe()
        main = threading.current_thread() is threading.main_thread()
        self.kept = [number for number, default in DEFAULTS.items() if main and signal.getsignal(number) is default]
        for number in self.kept:
            signal.signal(number, self.keep)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in self.kept:
            signal.signal(number, DEFAULTS[number])
        os.close(self.reader)
        os.close(self.writer)
        if error is None:
            self.check()

    def keep(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        again = self.came is not None
        self.came = number
        if again:
            self.check()
        os.write(self.writer, b"\0")

    def check(self) -> None:
        """Raise what has come."""
        if self.came is not None:
            raise Terminated if self.came == signal.SIGTERM else KeyboardInterrupt


def exit_code(interruption: KeyboardInterrupt) -> int:
    """The exit code of a program that was ended so."""
    return 128 + (signal.SIGTERM if isinstance(interruption, Terminated) else signal.SIGINT)
