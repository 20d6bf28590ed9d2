"""Kernel provisioner of jupyter_client: a notebook's kernel is forked if it can be, else spawned; and watched."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from jupyter_client.provisioning import LocalProvisioner

from loopbook.runner.kernels import kernel
from loopbook.runner.kernels.death import Memory, cause
from loopbook.runner.kernels.forking import Forked
from loopbook.runner.kernels.guard import kill_group
from loopbook.store.records import ErrorRecord

INTERVAL, LOOKS = 0.1, 20
"""Seconds between two looks of jupyter_client whether a kernel that was told to end has ended, and ours meanwhile."""
GRACE = 3.0
"""Seconds that a notebook past its time limit has to show in which line it was, before it is killed."""


class Provisioner(LocalProvisioner):  # type: ignore[misc]
    """A kernel on this machine, in a session of its own.

    The notebook's client asks each second whether the kernel lives; the time limit is kept then.

    Attributes
    ----------
    fork
        Returns a kernel forked with arguments, environment, folder and log, or None if it must be spawned.
    watch, forget
        Told when the kernel has started and when it has ended.
    time_limit
        Seconds that the notebook may take; None: as long as it wants.
    overdue
        Whether it took longer.
    """

    fork: Callable[..., Forked | None]
    watch: Callable[[Provisioner], None]
    forget: Callable[[Provisioner], None]
    time_limit: float | None
    overdue: bool = False
    _noticed: float = 0.0
    _remind: float = 0.0
    _ended: tuple[int, int | None] | None = None
    _peak: int | None = None
    _leaving: bool = False

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Fork a kernel, or spawn one, as the run's kernels are made."""
        self._before, self._begun = Memory.now(), time.monotonic()
        if cmd[0] == sys.executable and cmd[1:3] == kernel.ORDINARY:
            arguments = cmd[3:]
            cmd = [cmd[0], *kernel.PROGRAM, *arguments]
            forked = self.fork(arguments, options["env"], options["cwd"], options["stdout"])
            if forked is not None:
                self.process, self.pid, self.pgid, self.cwd = forked, forked.pid, forked.pid, options["cwd"]
                self._begun = time.monotonic()
                self.watch(self)
                return self.connection_info
        info = await super().launch_kernel(cmd, **options)
        self.watch(self)
        return info

    async def poll(self) -> int | None:
        """Return how the kernel ended, or None while it runs; one past its time limit is stopped."""
        if self.process is None:
            return 0
        code = self._reaped()
        for _ in range(LOOKS if self._leaving else 0):
            if code is None:
                await asyncio.sleep(INTERVAL / LOOKS)
                code = self._reaped()
        if code is None:
            await self._keep_limit()
        elif self._ended is None:
            self._ended = code, getattr(self.process, "peak", None) or self._peak
            self.forget(self)
        return code

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Note that the kernel was told to end, which takes it a few hundredths of a second."""
        self._leaving = True

    def end(self) -> None:
        """Kill the kernel at once, because the run ends."""
        if self.process is not None and self._ended is None:
            kill_group(self.process.pid)

    def cause(self, log: str = "") -> ErrorRecord:
        """Say why the notebook ended early: its time limit, or what the kernel died of; `log` is what it printed."""
        if self.overdue:
            text = f"The notebook took longer than its time limit of {self.time_limit:g} s."
            return ErrorRecord(kind="TimeLimit", message=text)
        code, peak = self._ended or (0, None)
        return cause(code, peak, self._before, Memory.now(), log)

    def _reaped(self) -> int | None:
        """Return the exit code, and end what an ended kernel has left in its process group."""
        if not hasattr(os, "waitid") or not hasattr(self.process, "args") or self.process.returncode is not None:
            return self.process.poll()
        if os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        # Not waited for yet, its id cannot belong to another process.
        kill_group(self.process.pid)
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self._peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return self.process.returncode

    async def _keep_limit(self) -> None:
        now, limit = time.monotonic(), self.time_limit
        if limit is None or now - self._begun < limit:
            return
        if not self.overdue:
            self.overdue, self._noticed = True, now
        if now - self._noticed > GRACE:
            await self.kill()
        elif now >= self._remind:
            # A kernel that is between two cells at that moment does not hear it, so it is told once more.
            self._remind = now + GRACE / 2
            await self.send_signal(signal.SIGINT)
