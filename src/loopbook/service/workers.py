"""Worker processes on one port: started, started again when one ends, replaced one by one, ended gracefully."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from loopbook.decisions.audit.database import connect
from loopbook.decisions.audit.entry import agent_name
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.service import ServiceSettings
from loopbook.service import agent, listening, metrics
from loopbook.service.budget import Count, counted, writers_of
from loopbook.service.scaling import Meter, Rule, Scaler
from loopbook.service.worker import OUTDATED, READY, SHARE, Order
from loopbook.store.lookup import newest
from loopbook.store.project import Project

_GRACE = 45.0  # seconds that workers have to finish what they have begun
_PAUSES = (0.1, 0.5, 2.0, 10.0, 30.0)  # seconds before a worker is started again that failed so many times in a row
_LONG = 10.0  # seconds after which one that ends has not failed in a row
_LOOK = 1.0  # seconds between two looks at the workers, and at the queue, where it decides how many there are
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(eq=False)
class _Worker:
    """A process, in one of the slots; `heard` is when it last said that it is alive."""

    slot: int
    process: "subprocess.Popen[str]"
    started: float
    ready: bool = False
    heard: float = 0.0


@dataclass(eq=False)
class _Slot:
    """What is known of the place of a worker, whoever fills it.

    Attributes
    ----------
    share
        Its part of what the log said at the beginning.
    processes
        All that have filled it since then.
    failures
        Ends in a row, each soon after the start.
    """

    share: Count
    processes: list[int] = field(default_factory=list)
    failures: int = 0


_What = Literal["ready", "outdated", "ended", "start", "look", "signal"]
_Event = tuple[_What, _Worker | None]


class Workers:
    """The worker processes of a service.

    Parameters
    ----------
    project
        Whose runs are served.
    order
        What each is to do; port 0: a free one.
    number
        How many; a rule lets the queue decide between its limits.
    tell
        Where it is said what happens, in sentences.
    patience
        Seconds without a sign of life after which a worker hangs: it is killed, and another one starts.

    Raises
    ------
    LoopbookError
        If there is nothing to serve, the port is taken, or texts would cross a network unencrypted.
    """

    def __init__(
        self,
        project: Project,
        order: Order,
        number: int | Rule,
        tell: Callable[[str], None],
        patience: float = ServiceSettings().hung_seconds,
    ) -> None:
        self._rule = number if isinstance(number, Rule) else Rule(number, number)
        self._patience = patience
        if self._rule.least < 1:
            raise LoopbookError(f"A service needs at least one worker, not {self._rule.least}.")
        listening.check(order.host, order.certificate, order.private_key, order.behind_proxy)
        agent.bundle(project, newest(project, order.scenario, order.profile))
        self._project, self._tell = project, tell
        self._socket = bound(order.host, order.port)
        listener = {"port": self._socket.getsockname()[1], "listener": self._socket.fileno()}
        self._order = order.model_copy(update=listener)
        self._begun = datetime.now(UTC)
        self.name = agent_name(order.scenario, order.profile)
        engine = connect(project)
        whole = counted(engine, self.name)
        engine.dispose()  # each worker has its own
        self._slots = [_Slot(whole.part(slot, self._rule.most)) for slot in range(self._rule.most)]
        self._filled = self._rule.least  # slots from the first on that have a worker
        self._workers: list[_Worker] = []
        self._leaving: list[_Worker] = []
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._counts = tempfile.TemporaryDirectory(prefix="loopbook-metrics-")

    @property
    def address(self) -> str:
        """Where the service is reached."""
        host = f"[{self._order.host}]" if ":" in self._order.host else self._order.host
        return f"{'https' if self._order.certificate else 'http'}://{host}:{self._order.port}"

    def run(self, listens: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT; then let every worker finish.

        Parameters
        ----------
        listens
            Called when all workers answer for the first time.

        Raises
        ------
        LoopbookError
            If a worker ends before it has ever answered.
        """
        metrics.share(Path(self._counts.name))
        before = {
            number: signal.signal(number, lambda *_: self._events.put(("signal", None)))
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            for slot in range(self._filled):
                self._workers.append(self._start(slot))
            self._first(listens)
            if self._rule.least < self._rule.most:
                self._scaler = Scaler(self._rule, Meter(metrics.queued))
            _later(_LOOK, lambda: self._events.put(("look", None)))
            while (event := self._events.get())[0] != "signal":
                self._on(*event)
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)
            self._counts.cleanup()

    def _first(self, listens: Callable[[], None]) -> None:
        """Wait until all workers answer."""
        while not all(worker.ready for worker in self._workers):
            what, worker = self._events.get()
            if what == "ended":
                raise LoopbookError("A worker ended before it could answer; what it said stands above.")
            if what == "signal":
                self._events.put((what, worker))
                return
            self._on(what, worker)
        listens()

    def _scale(self) -> None:
        """Add workers, or let one finish, as the queue asks; not while some are not ready."""
        ready = sum(worker.ready for worker in self._workers)
        wanted = self._scaler.look(time.monotonic(), ready)
        if wanted > self._filled:
            self._tell(f"The queue is long: {wanted} workers instead of {self._filled}.")
            self._workers += [self._start(slot) for slot in range(self._filled, wanted)]
        elif wanted < self._filled == ready:
            self._tell(f"The queue has been short: {wanted} workers instead of {self._filled}.")
            self._leave([worker for worker in self._workers if worker.slot >= wanted])
        else:
            wanted = self._filled
        self._filled = wanted

    def _look(self) -> None:
        """Kill workers that hang, scale, and look again later."""
        for worker in (each for each in self._workers if each.ready and each.process.poll() is None):
            if time.monotonic() - worker.heard > self._patience:
                self._tell(f"Worker {worker.slot + 1} has not moved for {self._patience:g} s and is killed.")
                worker.process.kill()
        if self._rule.least < self._rule.most:
            self._scale()
        _later(_LOOK, lambda: self._events.put(("look", None)))

    def _leave(self, workers: list[_Worker]) -> None:
        """Let workers finish what they have begun, and end."""
        for worker in workers:
            self._workers.remove(worker)
            self._leaving.append(worker)
            worker.process.terminate()

    def _on(self, what: _What, worker: _Worker | None) -> None:
        if what == "look":
            self._look()
            return
        assert worker is not None
        slot = self._slots[worker.slot]
        if what == "ready":
            worker.ready = True
            if worker.slot >= self._rule.least:  # added for a queue, which those that came before still have
                for other in self._workers:
                    if other.ready and other is not worker:
                        other.process.send_signal(SHARE)
            self._leave([other for other in self._workers if other.slot == worker.slot and other is not worker])
        elif what == "outdated":
            if not any(not other.ready for other in self._workers):
                self._tell(f"Worker {worker.slot + 1} is replaced: a newer run checks requests otherwise.")
                self._workers.append(self._start(worker.slot))
            else:  # one at a time: the others go on, and are asked again
                _later(1.0, lambda: self._events.put((what, worker)))
        elif what == "ended":
            metrics.ended(worker.process.pid)
            if worker in self._leaving:
                self._leaving.remove(worker)
                return
            self._workers.remove(worker)
            slot.failures = slot.failures + 1 if time.monotonic() - worker.started < _LONG else 0
            pause = _PAUSES[min(slot.failures, len(_PAUSES) - 1)]
            self._tell(
                f"Worker {worker.slot + 1} (process {worker.process.pid}) ended with code "
                f"{worker.process.returncode}; another one starts in {pause:g} s."
            )
            _later(pause, lambda: self._events.put(("start", worker)))
        elif worker.slot < self._filled and all(other.slot != worker.slot for other in self._workers):
            self._workers.append(self._start(worker.slot))

    def _start(self, slot: int) -> _Worker:
        """Start a worker that knows what its slot has decided so far."""
        known = self._slots[slot]
        count = known.share
        if known.processes:
            engine = connect(self._project)
            count += counted(engine, self.name, writers_of(engine, self.name, known.processes, self._begun))
            engine.dispose()
        order = self._order.model_copy(update=count._asdict())
        process = subprocess.Popen(
            [sys.executable, "-m", "loopbook.service.worker", order.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **dict.fromkeys(_THREADS, "1")},
            pass_fds=[self._order.listener],
            start_new_session=True,  # Ctrl-C reaches us, and we tell them
        )
        worker = _Worker(slot, process, time.monotonic())
        known.processes.append(process.pid)
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()
        return worker

    def _listen(self, worker: _Worker) -> None:
        """Pass on what a worker says, and that it has ended."""
        assert worker.process.stdout is not None
        words: dict[str, _What] = {READY: "ready", OUTDATED: "outdated"}
        for line in worker.process.stdout:
            worker.heard = time.monotonic()
            if what := words.get(line.strip()):
                self._events.put((what, worker))
        worker.process.wait()
        self._events.put(("ended", worker))

    def _end(self) -> None:
        """Let all workers finish; one that does not in time is killed."""
        self._socket.close()  # whoever comes from now on is refused once the workers have closed theirs
        every = [*self._workers, *self._leaving]
        for worker in every:
            worker.process.terminate()
        until = time.monotonic() + _GRACE
        for worker in every:
            try:
                worker.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._tell(f"Worker {worker.slot + 1} did not finish within {_GRACE:g} s and is killed.")
                worker.process.kill()
                worker.process.wait()


def bound(host: str, port: int) -> socket.socket:
    """Return the socket that all workers listen on.

    There is one queue of connections, from which whoever is there takes: a worker that ends, or is killed, takes none
    of those with it that nobody has answered yet. With a socket for each worker the kernel would reset them.

    Raises
    ------
    LoopbookError
        If the port cannot be used; mostly another program listens there.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        raise LoopbookError(f"Port {port} of {host} cannot be used: {error.strerror}. Take another one.") from error
    return found


def _later(seconds: float, then: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, then)
    timer.daemon = True
    timer.start()
