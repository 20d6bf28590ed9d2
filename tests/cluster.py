"""A Dask cluster of real processes on this machine: a scheduler and workers, ended with the ``with`` statement."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WORKER = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--nworkers", "1")


class Started(subprocess.Popen[str]):
    """A process of the cluster, and what it printed until it was ready."""

    def until(self, pattern: str) -> str:
        """Read what it prints until a line matches, and return the match's first group, or the line."""
        assert self.stdout is not None
        said = []
        for line in self.stdout:
            said.append(line)
            found = re.search(pattern, line)
            if found:
                return found[1] if found.groups() else line
        raise RuntimeError("".join(said))


def start(folder: Path, *words: str) -> Started:
    """Start a program of Dask's in a folder, in a process group of its own."""
    command = [sys.executable, "-m", "dask", *words]
    return Started(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("LOOPBOOK_")},
    )


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[Started]]]:
    """Start a scheduler and workers; yield its address and the workers' processes."""
    folder.mkdir(parents=True, exist_ok=True)
    scheduler = start(folder, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    started = [scheduler]
    try:
        address = scheduler.until(r"Scheduler at:\s+(tcp://\S+)")
        own = []
        for _ in range(workers):
            worker = start(folder, "worker", address, "--host", "127.0.0.1", *WORKER)
            started.append(worker)
            own.append(worker)
        for worker in own:
            worker.until("Registered to:")
        yield address, own
    finally:
        for process in reversed(started):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
