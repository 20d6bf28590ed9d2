"""Where jupyter_client gets a notebook's kernel from: forked if it can be, else spawned; watched in either case."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from jupyter_client.provisioning import LocalProvisioner

from loopbook.runner.kernels import kernel
from loopbook.runner.kernels.death import Cause, Memory, cause
from loopbook.runner.kernels.libraries import Level

if TYPE_CHECKING:
    from loopbook.runner.kernels.pool import Kernels

INTERVAL, LOOKS = 0.1, 20
"""Seconds between two looks of jupyter_client whether a kernel that was told to end has ended, and ours meanwhile."""
GRACE = 3.0
"""Seconds that a notebook past its time limit has to show in which line it was, before it is killed."""


class Provisioner(LocalProvisioner):  # type: ignore[misc]
    """A kernel on this machine, in a session of its own.

    The notebook's client asks each second whether the kernel lives; the time limit is kept then.
    """

    kernels: Kernels
    level: Level
    overdue: bool = False
    _noticed: float = 0.0
    _remind: float = 0.0
    _ended: tuple[int, int | None] | None = None
    _leaving: bool = False

    async def launch_kernel(self, cmd: list[str], **options: Any) -> Any:
        """Fork a kernel, or spawn one, as the run's kernels are made."""
        self._before, self._begun = Memory.now(), time.monotonic()
        if cmd[0] == sys.executable and cmd[1:3] == kernel.ORDINARY:
            arguments = cmd[3:]
            cmd = [cmd[0], *kernel.PROGRAM, *arguments]
            forked = self.kernels.fork(self.level, arguments, options["env"], options["cwd"], options["stdout"])
            if forked is not None:
                self.process, self.pid, self.pgid, self.cwd = forked, forked.pid, forked.pid, options["cwd"]
                self._begun = time.monotonic()
                self.kernels.watch(self)
                return self.connection_info
        info = await super().launch_kernel(cmd, **options)
        self.kernels.watch(self)
        return info

    async def poll(self) -> int | None:
        """Return how the kernel ended, or None while it runs; one past its time limit is stopped."""
        if self.process is None:
            return 0
        code = self._reaped()
        if code is None and self._leaving:
            code = await self._soon()
        if code is None:
            await self._keep_limit()
        elif self._ended is None:
            self._ended = code, getattr(self.process, "peak", None) or self._peak
            self.kernels.forget(self)
        return code

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Note that the kernel was told to end, which takes it a few hundredths of a second."""
        self._leaving = True

    async def _soon(self) -> int | None:
        """Return the exit code of a kernel that is about to end; None if it does not within the usual interval."""
        for _ in range(LOOKS):
            await asyncio.sleep(INTERVAL / LOOKS)
            if (code := self._reaped()) is not None:
                return code
        return None

    def end(self) -> None:
        """Kill the kernel at once, because the run ends."""
        if self.process is not None and self._ended is None:
            self._kill_group()

    def cause(self, log: str) -> Cause:
        """Say what the kernel died of; `log` is what it printed past the notebook."""
        code, peak = self._ended or (0, None)
        if self.overdue:
            return self.limit_reached()
        return cause(code, peak, self._before, Memory.now(), log)

    def limit_reached(self) -> Cause:
        """Say that the notebook took too long."""
        return Cause("TimeLimit", f"The notebook took longer than its time limit of {self.kernels.time_limit:g} s.")

    _peak: int | None = None

    def _reaped(self) -> int | None:
        """Return the exit code, and end what an ended kernel has left in its process group."""
        if not hasattr(os, "waitid") or not hasattr(self.process, "args") or self.process.returncode is not None:
            return self.process.poll()
        if os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        # Not waited for yet, its id cannot belong to another process.
        self._kill_group()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self._peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return self.process.returncode

    def _kill_group(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return

    async def _keep_limit(self) -> None:
        now, limit = time.monotonic(), self.kernels.time_limit
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
