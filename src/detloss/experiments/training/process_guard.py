"""Program between a worker and the command of a trial, which ends the command and all its processes.

It ends them when the command has exited, at the time limit, at SIGHUP and SIGTERM, and when its standard input closes,
which happens however the worker ends. It runs as a script and imports nothing of detloss, so that it starts at once.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress


def guard(time_limit: float | None, command: list[str]) -> int:
    """Run the command in a session of its own and return its exit code, negative after a signal."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def end(*_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def end_with_worker() -> None:
        sys.stdin.buffer.read()
        end()

    for number in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
            signal.signal(number, end)
    threading.Thread(target=end_with_worker, daemon=True).start()
    with suppress(subprocess.TimeoutExpired):
        process.wait(time_limit)
    end()
    return process.wait()


if __name__ == "__main__":
    limit, *words = sys.argv[1:]
    code = guard(float(limit) if limit else None, words)
    if code < 0:  # end by the same signal, so that the worker can name it
        with suppress(OSError):  # of SIGKILL, which needs none
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)  # without waiting for the thread
