"""The fork server: a process that has imported the heavy libraries and run nothing, and becomes a kernel by forking.

A run starts it, and gives it orders over a socket without a name, which nobody else can open. When the run ends,
however it ends, the server's guard ends it with all that comes from it. Should the server be killed, the system kills
its kernels (parent death signal), and the guard what they had started. Should the guard be killed, the server ends its
kernels and itself.

An order is one byte and two descriptors: ``k`` for a kernel, ``z`` for another server that imports more; a channel,
and the file for what the new process prints. Over a kernel's channel goes a request (arguments, environment, folder),
and come its process id, and at last how it ended.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from loopbook.runner.kernels import kernel
from loopbook.runner.kernels.guard import die_with, guard, kill_group
from loopbook.runner.kernels.libraries import Level, load

KERNEL, SERVER = b"k", b"z"
PATIENCE = 120.0
"""Seconds to wait for a server to import its libraries; on a cold disk TensorFlow takes a quarter of that."""
HARMLESS = {"jemalloc_bg_thd"}
"""Threads that may exist where is forked: Arrow's allocator stops its own before a fork."""
DEVICES = ("/dev/nvidia", "/dev/kfd", "/dev/dri")


class Child(NamedTuple):
    """A forked process, with the channel on which its end is told."""

    pid: int
    channel: socket.socket
    is_server: bool


@dataclass
class Zygote:
    """A server: where its orders come from, and its children, each by a descriptor that tells when it ends.

    `guard` is such a descriptor too.
    """

    orders: socket.socket
    guard: int
    children: dict[int, Child] = field(default_factory=dict)

    def serve(self) -> None:
        """Follow orders until nobody is there to give them, or to guard us; then end the kernels."""
        while True:
            ready, _, _ = select.select([self.orders.fileno(), self.guard, *self.children], [], [])
            for watch in self.children.keys() & set(ready):
                self._bury(watch)
            if self.guard in ready:
                break
            if self.orders.fileno() in ready:
                order, descriptors, *_ = socket.recv_fds(self.orders, 1, 2)
                if not order:
                    break
                self._follow(order, *descriptors)
        for child in self.children.values():
            # A server sees the end as we do, and one that still imports dies with us.
            if not child.is_server:
                kill_group(child.pid)

    def _follow(self, order: bytes, channel_fd: int, log: int) -> None:
        """Fork as ordered, and remember the child by the descriptor that tells of its end; say so if it cannot be."""
        channel = socket.socket(fileno=channel_fd)
        server, reason, child = os.getpid(), unfit(), -1
        if reason is None:
            try:
                child = os.fork()
            except OSError as error:
                reason = f"the system refuses to fork: {error.strerror}"
        if child == 0:
            self._leave(server, log, order == SERVER)
            _be(channel, server, self.guard if order == SERVER else None)
        os.close(log)
        if reason is not None:
            tell(channel, unfit=reason)
            channel.close()
        else:
            self.children[os.pidfd_open(child)] = Child(child, channel, order == SERVER)

    def _leave(self, server: int, log: int, is_server: bool) -> None:
        """Part from the server in the child: its own session, output and signals, none of the server's descriptors."""
        os.setsid()
        die_with(server, signal.SIGTERM if is_server else signal.SIGKILL)
        if not is_server:
            os.close(self.guard)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        self.orders.close()
        for watch, other in self.children.items():
            other.channel.close()
            os.close(watch)
        self.children.clear()

    def _bury(self, watch: int) -> None:
        """Tell how a child ended, and end what it has left behind in its process group."""
        child = self.children.pop(watch)
        # Its id cannot have passed to another process yet, because nobody has waited for it.
        kill_group(child.pid)
        _, status, usage = os.wait4(child.pid, 0)
        os.close(watch)
        tell(child.channel, code=os.waitstatus_to_exitcode(status), peak=usage.ru_maxrss * 1024)
        child.channel.close()


def serve(orders: socket.socket, level: Level, watch: int) -> None:
    """Import the libraries of a level, prove that nothing runs, say so, and follow orders while the guard is there."""
    try:
        load(level)
        reason = unfit()
    except Exception as error:  # whatever it is, a spawned kernel will meet it where the notebook can show it
        reason = f"the {level.name.lower()} libraries cannot be imported: {type(error).__name__}: {error}"
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # Without this, counting references would copy all those pages in each child.
    gc.collect()
    gc.freeze()
    if reason is None:
        tell(orders, ready=os.getpid())
        Zygote(orders, watch).serve()
    else:
        tell(orders, unfit=reason)


def unfit() -> str | None:
    """Return why this process must not be forked, or None if it has run nothing that a fork would break.

    A fork carries over one thread only: whatever another was doing stays undone, and a lock that it held stays shut.
    TensorFlow starts its threads with its context, at the first operation; a device belongs to one process.
    """
    threads = [path for path in Path("/proc/self/task").iterdir() if path.name != str(os.getpid())]
    running = sorted({path.joinpath("comm").read_text().strip() for path in threads} - HARMLESS)
    if running:
        return f"a thread runs in it besides the main one ({', '.join(running)})"
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the descriptor that listed the folder
            if str(path.readlink()).startswith(DEVICES):
                return f"it has opened a device ({path.readlink()})"
    own = f"{__package__}."
    for name in sorted(sys.modules):
        if name.partition(".")[0] == "loopbook" and not name.startswith(own) and not own.startswith(f"{name}."):
            return f"it has imported {name}, which may have changed when a notebook needs it"
    return _tensorflow_has_begun() if "tensorflow" in sys.modules else None


def tell(channel: socket.socket, **facts: Any) -> bool:
    """Send facts as one line, and say whether somebody still listened."""
    with suppress(OSError):
        channel.sendall(json.dumps(facts).encode() + b"\n")
        return True
    return False


def hear(channel: socket.socket, timeout: float | None) -> dict[str, Any] | None:
    """Return the next line of facts; {} if the other side is gone, None if nothing came in time."""
    channel.settimeout(timeout)
    line = b""
    try:
        while not line.endswith(b"\n"):
            piece = channel.recv(1)
            if not piece:
                return {}
            line += piece
            channel.settimeout(PATIENCE)
    except (BlockingIOError, TimeoutError):
        return None
    except OSError:
        return {}
    finally:
        channel.settimeout(None)
    return dict(json.loads(line))


def _tensorflow_has_begun() -> str | None:
    eager = sys.modules.get("tensorflow.python.eager.context")
    if eager is None or not hasattr(eager, "context_safe"):
        return "this version of TensorFlow does not say whether it has begun to compute"
    return None if eager.context_safe() is None else "TensorFlow has begun to compute"


def _be(channel: socket.socket, server: int, watch: int | None) -> NoReturn:
    """Be a kernel, or a server that watches its guard, until the end; then end as an interpreter does.

    Save for taking modules apart: that would touch, and so copy, all the memory that is shared with the server. What a
    notebook holds is let go before, by IPython's own exit function.
    """
    code: Any = None
    try:
        if watch is None:
            _be_kernel(channel, server)
        else:
            serve(channel, Level.HEAVY, watch)
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        code = 1
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _be_kernel(channel: socket.socket, server: int) -> None:
    tell(channel, pid=os.getpid())
    with channel:
        request = hear(channel, PATIENCE) or {}
    if "numpy" in sys.modules:
        # Python's own generator does this by itself: each kernel has a random state of its own.
        sys.modules["numpy"].random.seed()
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    kernel.start([*request["arguments"], f"--IPKernelApp.parent_handle={server}"])


if __name__ == "__main__":
    # What lies in the current folder must not stand in for a library, here as in a kernel.
    if sys.path[0] == "" or Path(sys.path[0]) == Path.cwd():
        del sys.path[0]
    for left in ("JPY_PARENT_PID", "LOOPBOOK_JOB"):
        os.environ.pop(left, None)
    from_run = socket.socket(fileno=int(sys.argv[1]))
    unforkable = unfit()
    if unforkable is None:
        guard(from_run, run=int(sys.argv[2]))
        serve(from_run, Level.LIGHT, os.pidfd_open(os.getppid()))
    else:
        tell(from_run, unfit=unforkable)
    # Nothing is held; taking every module apart would only take time.
    os._exit(0)
