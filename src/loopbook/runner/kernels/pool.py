"""The kernels of one run: forked from servers that have the libraries imported, or spawned, and all ended with it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from loopbook.runner.kernels.forking import CannotFork, Forked, Server
from loopbook.runner.kernels.libraries import LEARNING, Level
from loopbook.scenario.errors import LoopbookError, suggest
from loopbook.store.code import uses
from loopbook.store.declaration import Declaration

if TYPE_CHECKING:
    from loopbook.runner.kernels.provisioner import Provisioner

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


class Interrupted(Exception):
    """The run ends, so no kernel is started any more."""


def environment() -> dict[str, str]:
    """Return what the environment of every kernel has in common; thread numbers that are set are kept."""
    hidden = ("PYTHONDONTWRITEBYTECODE", "LOOPBOOK_JOB")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**dict.fromkeys(THREADS, "1"), **kept, "TF_CPP_MIN_LOG_LEVEL": "3"}


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
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") not in ("", "-1"):
        found = [path for path in (Path("/dev/nvidiactl"), Path("/dev/kfd")) if path.exists()]
        if found:
            return f"there is a GPU ({found[0]}), whose state no fork may share"
    return None


def level_of(declared: Declaration) -> Level:
    """Return what a notebook's kernel should find imported, from what its cells and their modules import.

    A wrong level costs time only: the kernel imports what is missing.
    """
    heavy = bool(declared.libraries & set(LEARNING)) or uses(declared.modules, LEARNING)
    return Level.HEAVY if heavy else Level.LIGHT


@dataclass
class Kernels:
    """The kernels of a run.

    Attributes
    ----------
    say
        Told, once, why kernels are spawned rather than forked.
    time_limit
        Seconds that a notebook may take; None: as long as it wants.
    """

    say: Callable[[str], object]
    time_limit: float | None = None
    _servers: dict[Level, Server] = field(default_factory=dict)
    _alive: set[Provisioner] = field(default_factory=set)
    _said: set[str] = field(default_factory=set)
    _spawn: str | None = None
    _ended: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __enter__(self) -> Kernels:
        self._spawn = why_spawn()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def prepare(self, level: Level) -> None:
        """Start what kernels of a level are forked from, without waiting for it."""
        with self._lock:
            if self._spawn is not None or self._ended:
                return
            try:
                if Level.LIGHT not in self._servers:
                    self._servers[Level.LIGHT] = Server.start(environment())
                if level is Level.HEAVY and level not in self._servers:
                    self._servers[level] = self._servers[Level.LIGHT].heavy()
            except (CannotFork, OSError) as error:
                self._give_up(str(error))

    def provide(self, manager: Any, level: Level) -> Provisioner:
        """Let a kernel manager of jupyter_client get its kernel here."""
        from uuid import uuid4

        from loopbook.runner.kernels.provisioner import Provisioner

        manager.kernel_id = str(uuid4())
        found = Provisioner(kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager)
        found.kernels, found.level = self, level
        manager.provisioner = found
        return found

    def fork(
        self, level: Level, arguments: Sequence[str], environment: Mapping[str, str], folder: str, log: IO[bytes]
    ) -> Forked | None:
        """Return a forked kernel, or None if it must be spawned."""
        self.prepare(level)
        with self._lock:
            server = self._servers.get(level)
        if self._spawn is not None:
            self._tell(self._spawn)
        if self._spawn is not None or server is None:
            return None
        try:
            return server.fork(arguments, environment, folder, log.fileno())
        except CannotFork as error:
            if not self._ended:
                self._tell(str(error))
            return None

    def watch(self, kernel: Provisioner) -> None:
        """Remember a kernel that was started, to end it with the run."""
        with self._lock:
            if self._ended:
                kernel.end()
                raise Interrupted
            self._alive.add(kernel)

    def forget(self, kernel: Provisioner) -> None:
        """Forget a kernel that has ended."""
        with self._lock:
            self._alive.discard(kernel)

    @property
    def interrupted(self) -> bool:
        """Whether the run has ended; what kernels say from then on is not to be trusted."""
        return self._ended

    def end(self) -> None:
        """End all kernels and what they were forked from."""
        with self._lock:
            self._ended = True
            for kernel in list(self._alive):
                kernel.end()
            servers = [self._servers[level] for level in (Level.HEAVY, Level.LIGHT) if level in self._servers]
            self._servers.clear()
        for server in servers:
            server.end()

    def _give_up(self, reason: str) -> None:
        self._spawn = reason
        self._tell(reason)

    def _tell(self, reason: str) -> None:
        with self._lock:
            new = reason not in self._said
            self._said.add(reason)
        if new:
            self.say(f"Kernels are spawned, not forked: {reason}.")
