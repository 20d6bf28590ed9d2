"""Fork client, the run's side of the fork server: start it, ask it for kernels, hear how they ended."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Self

from loopbook.runner.kernels.fork_server import KERNEL, PATIENCE, SERVER, hear, tell


class CannotFork(Exception):
    """A kernel cannot be forked; the message says why."""


@dataclass
class Forked:
    """A forked kernel, as far as jupyter_client uses a ``subprocess.Popen``.

    Attributes
    ----------
    returncode
        As Popen has it: None while it runs, minus the signal's number if a signal ended it.
    peak
        Bytes that it held at most; None if nobody was there to see.
    """

    pid: int
    channel: socket.socket
    returncode: int | None = None
    peak: int | None = None
    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        """Return how it ended, or None while it runs."""
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended, so long at most; return how."""
        facts = hear(self.channel, timeout) if self.returncode is None else None
        if facts is not None:
            # If the server is gone, the system has killed the kernel with it.
            self.returncode, self.peak = facts.get("code", -9), facts.get("peak")
            self.channel.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


@dataclass
class Server:
    """A fork server: the socket for its orders, what it has printed, and the guard of the first one."""

    orders: socket.socket
    log: IO[bytes]
    process: subprocess.Popen[bytes] | None = None
    parent: Self | None = None
    _facts: dict[str, Any] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def start(cls, environment: Mapping[str, str]) -> Self:
        """Start a server of the light level; what it imports sees this environment."""
        ours, its = socket.socketpair()
        log = tempfile.TemporaryFile()  # noqa: SIM115
        with its:
            process = subprocess.Popen(
                [sys.executable, "-m", "loopbook.runner.kernels.fork_server", str(its.fileno()), str(os.getpid())],
                env=dict(environment),
                stdin=subprocess.PIPE,  # nothing is written to it; its guard sees when we are gone
                stdout=log,
                stderr=log,
                pass_fds=[its.fileno()],
                start_new_session=True,
            )
        return cls(ours, log, process)

    def heavy(self) -> Self:
        """Order a server of the heavy level, which this one forks as soon as it can."""
        log = tempfile.TemporaryFile()  # noqa: SIM115
        return type(self)(self._order(SERVER, log.fileno()), log, parent=self)

    def fork(self, arguments: Sequence[str], environment: Mapping[str, str], folder: str, log: int) -> Forked:
        """Fork a kernel.

        Parameters
        ----------
        arguments
            As ``ipykernel_launcher`` takes them.
        log
            Descriptor of the file for what it prints past the notebook.

        Raises
        ------
        CannotFork
            If the server is not fit to be forked, or gone, or the new process was ended before it became a kernel.
        """
        self._ready()
        ours = self._order(KERNEL, log)
        facts = hear(ours, PATIENCE)
        pid = (facts or {}).get("pid")
        if pid and tell(ours, arguments=list(arguments), environment=dict(environment), folder=folder):
            return Forked(pid, ours)
        ours.close()
        raise CannotFork("the forked process was ended before it became a kernel" if pid else self._why(facts))

    def end(self) -> None:
        """Let it end its kernels and itself."""
        self.orders.close()
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def _ready(self) -> None:
        if self.parent is not None:
            self.parent._ready()
        with self._lock:
            if self._facts is None:
                self._facts = hear(self.orders, PATIENCE) or {}
        if "ready" not in self._facts:
            raise CannotFork(self._why(self._facts))

    def _order(self, order: bytes, log: int) -> socket.socket:
        """Send an order, and return our end of the new process's channel."""
        ours, its = socket.socketpair()
        with its:
            try:
                socket.send_fds(self.orders, [order], [its.fileno(), log])
            except OSError as error:
                raise CannotFork(self._why({})) from error
        return ours

    def _why(self, facts: Mapping[str, Any] | None) -> str:
        if facts is None or "unfit" in facts:
            return f"the fork server was not ready after {PATIENCE:.0f} s" if facts is None else str(facts["unfit"])
        self.log.seek(0)
        said = self.log.read().decode("utf-8", errors="replace").strip().splitlines()
        return "the fork server has ended" + (f": {said[-1]}" if said else "")
