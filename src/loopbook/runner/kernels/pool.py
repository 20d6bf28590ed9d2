"""Kernel pool, the door of this folder: a run's kernels, forked from servers or spawned, and all ended with it."""

from __future__ import annotations

import os
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from loopbook.runner.kernels.death import Memory
from loopbook.runner.kernels.forking import CannotFork, Forked, Server
from loopbook.runner.kernels.libraries import LEARNING, Level
from loopbook.scenario.errors import LoopbookError, suggest
from loopbook.store.code import uses
from loopbook.store.declaration import Declaration

if TYPE_CHECKING:
    from loopbook.runner.kernels.provisioner import Provisioner

__all__ = ["THREADS", "Interrupted", "Kernels", "Level", "Memory", "environment", "level_of", "why_spawn"]

VARIABLE = "KERNELS"
WAYS = ("fork", "spawn")
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
"""How many threads a library uses. One for each notebook, whatever the machine and the number of notebooks at once:
sums of floats depend on how they are split, and notebooks side by side use the processors better."""

_LONGEST = 103  # bytes of a socket's path on macOS; on Linux a few more


class Interrupted(Exception):
    """The run ends, so no kernel is started any more."""


def environment() -> dict[str, str]:
    """Return what the environment of every kernel has in common; thread numbers that are set are kept."""
    found = {**dict.fromkeys(THREADS, "1"), **os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {name: value for name, value in found.items() if name not in ("PYTHONDONTWRITEBYTECODE", "LOOPBOOK_JOB")}


def why_spawn() -> str | None:
    """Return why kernels cannot be forked here, as far as that is known before any is; None if they can.

    Raises
    ------
    LoopbookError
        If the variable KERNELS holds anything but ``fork`` or ``spawn``.
    """
    wanted = os.environ.get(VARIABLE) or "fork"
    if wanted not in WAYS:
        raise LoopbookError(f"{VARIABLE} must be fork or spawn, not {wanted!r}.{suggest(wanted, WAYS)}")
    if wanted == "spawn":
        return f"{VARIABLE}=spawn"
    if not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"):
        return "only on Linux is forking known to be safe"
    found = [path for path in (Path("/dev/nvidiactl"), Path("/dev/kfd")) if path.exists()]
    if found and os.environ.get("CUDA_VISIBLE_DEVICES", "0") not in ("", "-1"):
        return f"there is a GPU ({found[0]}), whose state no fork may share"
    return None


def level_of(declared: Declaration) -> Level:
    """Return what a notebook's kernel should find imported, from what its cells and their modules import.

    A wrong level costs time only: the kernel imports what is missing.
    """
    heavy = not declared.libraries.isdisjoint(LEARNING) or uses(declared.modules, LEARNING)
    return Level.HEAVY if heavy else Level.LIGHT


class Kernels(AbstractContextManager["Kernels"]):
    """The kernels of a run.

    Parameters
    ----------
    say
        Told, once, why kernels are spawned rather than forked.
    time_limit
        Seconds that a notebook may take; None: as long as it wants.

    Attributes
    ----------
    interrupted
        Whether the run has ended; what kernels say from then on is not to be trusted.
    """

    def __init__(self, say: Callable[[str], object], time_limit: float | None = None) -> None:
        self.say, self.time_limit, self.interrupted = say, time_limit, False
        self._spawn = why_spawn()
        self._servers: dict[Level, Server] = {}
        self._sockets = TemporaryDirectory(prefix="loopbook-")  # that its owner alone may open
        self._alive: set[Provisioner] = set()
        self._said: set[str | None] = {None}
        self._lock = threading.RLock()

    def __exit__(self, *_: object) -> None:
        self.end()

    def prepare(self, level: Level) -> None:
        """Start what kernels of a level are forked from, without waiting for it."""
        with self._lock:
            if self._spawn is not None or self.interrupted:
                return
            try:
                if Level.LIGHT not in self._servers:
                    self._servers[Level.LIGHT] = Server.start(environment())
                if level is Level.HEAVY and level not in self._servers:
                    self._servers[level] = self._servers[Level.LIGHT].heavy()
            except (CannotFork, OSError) as error:
                self._spawn = str(error)

    def provide(self, manager: Any, level: Level) -> Provisioner:
        """Let a kernel manager of jupyter_client get its kernel here, and hear when it is ready.

        Raises
        ------
        LoopbookError
            If the path of the folder for temporary files is too long for a socket.
        """
        from loopbook.runner.kernels.client import Client
        from loopbook.runner.kernels.provisioner import Provisioner

        manager.client_factory = Client
        manager.kernel_id = str(uuid.uuid4())
        # Of ports, which jupyter_client picks and frees before the kernel has them, another process may take one.
        manager.transport, manager.ip = "ipc", f"{self._sockets.name}/{manager.kernel_id[:8]}"
        if len(os.fsencode(f"{manager.ip}-5")) > _LONGEST:  # a kernel has five channels
            raise LoopbookError(f"{self._sockets.name} is too long a path for a socket: set TMPDIR to a shorter one.")
        found = Provisioner(kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager)
        found.fork, found.time_limit = partial(self.fork, level), self.time_limit
        found.watch, found.forget = self.watch, self._alive.discard
        manager.provisioner = found
        return found

    def fork(
        self, level: Level, arguments: Sequence[str], environment: Mapping[str, str], folder: str, log: IO[bytes]
    ) -> Forked | None:
        """Return a forked kernel, or None if it must be spawned."""
        self.prepare(level)
        with self._lock:
            server, reason = self._servers.get(level), self._spawn
        if server is not None and reason is None:
            try:
                return server.fork(arguments, environment, folder, log.fileno())
            except CannotFork as error:
                reason = None if self.interrupted else str(error)
        with self._lock:
            if reason not in self._said:
                self._said.add(reason)
                self.say(f"Kernels are spawned, not forked: {reason}.")
        return None

    def watch(self, kernel: Provisioner) -> None:
        """Remember a kernel that was started, to end it with the run."""
        with self._lock:
            if self.interrupted:
                kernel.end()
                raise Interrupted
            self._alive.add(kernel)

    def end(self) -> None:
        """End all kernels and what they were forked from."""
        with self._lock:
            self.interrupted = True
            for kernel in list(self._alive):
                kernel.end()
            servers, self._servers = self._servers, {}
        for level in sorted(servers, reverse=True):
            servers[level].end()
        self._sockets.cleanup()
