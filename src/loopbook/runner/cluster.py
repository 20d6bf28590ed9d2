"""An existing Dask cluster as the place where notebooks are executed: scheduler and workers share the store's folder.

What a worker is sent is a task, by Dask's own serialisation, which can run code: the cluster must be trusted, and the
network between its processes too. A worker that dies has its tasks run again by another one; what it had begun was
never sealed, so nothing is doubled.
"""

import logging
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from loopbook.runner import execution, interruption
from loopbook.runner.executor import Task
from loopbook.runner.kernels.pool import Kernels, Level
from loopbook.scenario.errors import LoopbookError
from loopbook.store.project import Project
from loopbook.store.records import StageRecord

CONNECT = 10
"""Seconds to wait for the scheduler."""
LOOK = 2.0
"""Seconds after which the workers are counted again."""


@dataclass
class Cluster:
    """A connection to a Dask scheduler; each thread of a worker executes one notebook at a time."""

    client: Any
    executor: Any
    token: str
    time_limit: float | None
    say: Callable[[str], object]
    _running: set[Future[StageRecord]] = field(default_factory=set)
    _slots: int = 0
    _counted: float = 0.0

    @classmethod
    @contextmanager
    def open(
        cls, address: str, project: Project, time_limit: float | None, say: Callable[[str], object]
    ) -> Iterator[Self]:
        """Connect to a scheduler, and end every kernel of ours on its workers at the end, however that comes.

        Raises
        ------
        LoopbookError
            If nobody answers, no worker is there, or a worker does not see this project's files.
        """
        from distributed import Client

        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            client = Client(address, timeout=CONNECT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise LoopbookError(
                f"There is no Dask scheduler at {address}: {error}\n"
                "Start one (.venv/bin/dask scheduler), and name its address: ENGINE=dask DASK=tcp://host:8786"
            ) from error
        token = uuid.uuid4().hex
        with client:
            _check(client, address, project, token)
            with interruption.in_good_order(), client.get_executor(pure=False) as executor:
                engine = cls(client, executor, token, time_limit, say)
                try:
                    yield engine
                finally:
                    for future in engine._running:
                        future.cancel()
                    client.run(_end, token, on_error="ignore")

    def prepare(self, level: Level) -> None:
        """Nothing to do: each worker starts its own kernels."""

    def room(self, level: Level) -> bool:
        """Say whether a thread of a worker is free; workers may come and go."""
        if time.monotonic() - self._counted > LOOK:
            before, self._slots = self._slots, sum(self.client.nthreads().values())
            self._counted = time.monotonic()
            if before and not self._slots:
                self.say("No worker is left on the cluster; waiting for one.")
        return len(self._running) < self._slots

    def start(self, task: Task) -> Future[StageRecord]:
        """Send a task to the scheduler."""
        future: Future[StageRecord] = self.executor.submit(perform, task, self.token, self.time_limit)
        self._running.add(future)
        return future

    def ended(self, future: Future[StageRecord]) -> None:
        """Forget a task."""
        self._running.discard(future)


_kernels: dict[str, Kernels] = {}
"""In a worker: the kernels of each client, ended with it."""
_lock = threading.Lock()


def perform(task: Task, token: str, time_limit: float | None) -> StageRecord:
    """Execute a task; called in a worker."""
    with _lock:
        if token not in _kernels:
            _kernels[token] = Kernels(logging.getLogger("loopbook").info, time_limit)
    return execution.execute(task.request, task.node, task.key, task.needs, _kernels[token], task.level)


def _end(token: str) -> None:
    """End the kernels of a client; called in a worker."""
    with _lock, suppress(KeyError):
        _kernels.pop(token).end()


def _sees(path: str) -> tuple[bool, str]:
    """Say whether a file is there, and which Python this is; called in a worker."""
    return Path(path).is_file(), "{}.{}".format(*sys.version_info)


def _check(client: Any, address: str, project: Project, token: str) -> None:
    """Refuse a cluster that cannot do this project's work."""
    start = f".venv/bin/dask worker {address} --nthreads 1 --nworkers 2"
    if not client.nthreads():
        raise LoopbookError(f"The Dask cluster at {address} has no worker. Start some, in this folder: {start}")
    project.work.mkdir(parents=True, exist_ok=True)
    mark = project.work / f"seen-{token}"
    mark.touch()
    own = _sees(str(mark))[1]
    try:
        for worker, (sees, python) in client.run(_sees, str(mark.absolute())).items():
            if not sees:
                raise LoopbookError(
                    f"The worker {worker} does not see {project.work.absolute()}: scheduler and workers must share the "
                    "folder of this project, under the same path."
                )
            if python != own:
                raise LoopbookError(f"The worker {worker} runs Python {python}, this is {own}. Start it so: {start}")
    finally:
        mark.unlink()
