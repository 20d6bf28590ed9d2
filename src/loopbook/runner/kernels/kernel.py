"""An ordinary IPython kernel that says where it crashed: ``python -m loopbook.runner.kernels.kernel -f FILE``."""

import faulthandler
import os
import select
import signal
import sys
import threading
from pathlib import Path

PROGRAM = ["-m", "loopbook.runner.kernels.kernel"]
FLUSH = 0.2
"""Seconds to wait until what was printed is sent."""
ORDINARY = ["-m", "ipykernel_launcher"]
"""The command of ipykernel's own kernel specification, in whose place this module stands."""


def start(arguments: list[str]) -> None:
    """Be a kernel until it is told to end.

    Parameters
    ----------
    arguments
        As ``ipykernel_launcher`` takes them.
    """
    sys.argv = [str(Path(__file__).resolve()), *arguments]
    # ipykernel replaces descriptor 2 by a pipe that a thread of its own empties, which a crash stops; the copy made
    # here goes on leading to the log.
    faulthandler.enable(os.dup(2), all_threads=False)
    from ipykernel import iostream, kernelapp

    # When a kernel is told to end, its control thread may flush the output after the thread that does it has stopped,
    # and then waits this long for nothing (one end in 25 took 2.5 s, until it was killed). What is printed is sent in
    # its order in any case.
    iostream.OutStream.flush_timeout = FLUSH  # type: ignore[assignment]
    kernelapp.launch_new_instance()


def end_with(run: int) -> None:
    """Kill this process's group, with what its notebook has started, as soon as the run has ended.

    Only a kernel that was spawned needs it; ipykernel's own look at its parent would end the kernel alone, and never
    one whose run ended before that look began, where another process than the first adopts orphans.
    """
    watch = os.pidfd_open(run)
    if os.getppid() == run:
        select.select([watch], [], [])
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    # as ipykernel_launcher does: what lies in the current folder must not stand in for a library
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    if hasattr(os, "pidfd_open") and os.getpgrp() == os.getpid():
        threading.Thread(target=end_with, args=[int(os.environ["JPY_PARENT_PID"])], daemon=True).start()
    start(sys.argv[1:])
