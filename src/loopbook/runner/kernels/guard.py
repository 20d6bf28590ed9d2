"""The process between a run and its fork servers: when the run ends, however it ends, nothing of it goes on.

It imports nothing and waits, so that it notices the end at once whatever a server is doing; a server that imports
its libraries notices nothing for seconds. What loses its parent becomes a child of the guard (subreaper), wherever it
has put itself: a kernel whose server was killed, what that kernel had started, a daemon in a session of its own.
"""

import ctypes
import os
import select
import signal
import socket
import time
import traceback
from contextlib import suppress
from pathlib import Path

SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36
INTERVAL = 0.02
"""Seconds between two looks for children that are not dead yet."""


def guard(orders: socket.socket, run: int) -> None:
    """Fork, and return in the child only; stay behind as its guard.

    Parameters
    ----------
    orders
        The child's socket, which the guard must not keep open: the run sees by it when the child is gone.
    run
        Id of the run's process, which holds the other end of the standard input, and closes it when it ends.
    """
    own = os.getpid()
    _control(SET_CHILD_SUBREAPER, 1)
    if os.fork() == 0:
        die_with(own, signal.SIGTERM)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        return
    orders.close()
    try:
        _wait(run)
    except BaseException:  # whatever it is, nothing may go on without us
        traceback.print_exc()
    _end_all()
    os._exit(0)


def die_with(parent: int, by: signal.Signals) -> None:
    """Let the system send a signal to this process, which a parent has just forked, when that one ends.

    A process that ignores SIGTERM from then on must see to its end itself.
    """
    # First what the signal does, then when it comes: one that is ignored is lost.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _control(SET_PARENT_DEATH_SIGNAL, int(by))
    if os.getppid() != parent:
        os._exit(1)


def kill_group(leader: int) -> None:
    """Kill what is left of a process group whose leader is not waited for yet, so that its id is nobody else's."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _wait(run: int) -> None:
    """Wait until the run or every child has ended; bury meanwhile what ends."""
    ends, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(woken)
    poller = select.poll()
    poller.register(ends, select.POLLIN)
    poller.register(0, 0)  # it hangs up
    # Should somebody have inherited the run's end of the standard input, it does not.
    try:
        poller.register(os.pidfd_open(run), select.POLLIN)
    except ProcessLookupError:
        return
    while os.getppid() == run and _bury():
        if any(descriptor != ends for descriptor, _ in poller.poll()):
            return
        os.read(ends, 4096)


def _bury() -> bool:
    """Wait for children that have ended; say whether others are left.

    A kernel that was killed with its server leaves its process group to us. One that ends by itself may be a daemon's
    first process, whose group is meant to stay until the run ends.
    """
    try:
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            if ended.si_code != os.CLD_EXITED:
                kill_group(ended.si_pid)
            os.waitpid(ended.si_pid, 0)
    except ChildProcessError:
        return False
    return True


def _end_all() -> None:
    """Kill every child until there is none that lets itself be killed; those of a killed one become ours."""
    killed = True
    while _bury() and killed:
        killed = False
        for child in _children():
            with suppress(PermissionError):  # it has become another user's
                os.kill(child, signal.SIGKILL)
                killed = True
        time.sleep(INTERVAL)


def _children() -> list[int]:
    """Return the processes whose parent this one is; none of them is waited for meanwhile."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            # The name, in parentheses, may hold anything; after it come the state and the parent.
            parent = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1]
            found += [int(path.parent.name)] if parent == str(os.getpid()) else []
    return found


def _control(option: int, value: int) -> None:
    """Set an attribute of this process (Linux' prctl)."""
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
