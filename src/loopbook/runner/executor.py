"""One ready queue over all independent work: candidates of a stage, scenarios of a night, points of a sweep.

A node starts when what it needs is finished and the tokens are there. One whose key another one has at this moment
waits for that one's result without holding a thread: what is equal is executed once. Where the work is done is the
engine's matter: on this machine, or on a cluster.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, Self

from loopbook.runner import execution, interruption, tokens
from loopbook.runner.execution import Request
from loopbook.runner.graph import Node
from loopbook.runner.kernels.pool import Kernels, Level, level_of
from loopbook.runner.progress import Display
from loopbook.runner.tokens import Grant, Tokens
from loopbook.store import keys
from loopbook.store.records import StageRecord

LOOK = 0.2
"""Seconds between two looks at how far the running notebooks are."""


@dataclass(frozen=True)
class Work:
    """One run to execute.

    Attributes
    ----------
    nodes
        Its nodes by name, each after all that it needs.
    label
        What it is called where several go on at once.
    """

    request: Request
    nodes: Mapping[str, Node]
    label: str = ""


@dataclass(frozen=True)
class Task:
    """A node whose needs are finished: all that executing it takes, wherever that is done."""

    request: Request
    node: Node
    key: str
    needs: Mapping[str, StageRecord]
    level: Level


class Engine(Protocol):
    """Where tasks are executed."""

    def prepare(self, level: Level) -> None:
        """Get ready for tasks of a level, without waiting."""

    def room(self, level: Level) -> bool:
        """Say whether what a task of a level needs is free now."""

    def start(self, task: Task) -> Future[StageRecord]:
        """Begin a task for which there is room."""

    def ended(self, future: Future[StageRecord]) -> None:
        """Note that a task has ended, so that what it used is free."""


@dataclass
class Local:
    """This machine: kernels and threads that wait for them, as many as the tokens allow."""

    tokens: Tokens
    kernels: Kernels
    _pool: ThreadPoolExecutor
    workers: int = 1
    _grants: dict[Future[StageRecord], Grant] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def open(
        cls, jobs: int | None, time_limit: float | None, say: Callable[[str], object], workers: int = 1
    ) -> Iterator[Self]:
        """Open the engine; kernels end before the threads that wait for them, whatever ends the work.

        A notebook that may train takes as much as `workers` processes do.
        """
        there = Tokens.here(jobs)
        with (
            interruption.in_good_order(),
            ThreadPoolExecutor(max_workers=there.processors) as pool,
            Kernels(say, time_limit) as kernels,
        ):
            yield cls(there, kernels, pool, workers)

    def prepare(self, level: Level) -> None:
        """Start what kernels are forked from."""
        self.kernels.prepare(level)

    def room(self, level: Level) -> bool:
        """Say whether the tokens of a task are free."""
        return self.tokens.free(tokens.need(level, self.workers))

    def start(self, task: Task) -> Future[StageRecord]:
        """Begin a task with its tokens."""
        grant = self.tokens.take(tokens.need(task.level, self.workers))
        future = self._pool.submit(
            execution.execute, task.request, task.node, task.key, task.needs, self.kernels, task.level, grant.gpus
        )
        self._grants[future] = grant
        return future

    def ended(self, future: Future[StageRecord]) -> None:
        """Free a task's tokens."""
        self.tokens.give_back(self._grants.pop(future))


@dataclass
class _Progress:
    """How far one piece of work is; `keys` of nodes that could start, each with the turn in which it was computed."""

    at: int
    work: Work
    waiting: dict[str, Node]
    finished: dict[str, StageRecord] = field(default_factory=dict)
    keys: dict[str, tuple[str, int]] = field(default_factory=dict)
    failure: Exception | None = None
    told: bool = False

    def named(self, name: str) -> str:
        return f"{self.work.label} {name}" if self.work.label else name


Ended = Callable[[int, dict[str, StageRecord]], None]
"""Told as each work ends: its place in the list, and the records of its stages."""


def execute(works: Sequence[Work], engine: Engine, display: Display, ended: Ended) -> dict[int, Exception]:
    """Execute all works; what needs a failed stage is skipped, and all else goes on.

    Parameters
    ----------
    works
        What is to be done; earlier ones go first where not all can go on at once.
    ended
        Called for each work when its last stage is finished.

    Returns
    -------
    dict
        By place in the list: what stopped a work that no notebook is to blame for. The others were finished.
    """
    return _Queue(works, engine, display, ended).run()


class _Queue:
    """The state of one call of `execute`."""

    def __init__(self, works: Sequence[Work], engine: Engine, display: Display, ended: Ended) -> None:
        self.all = [_Progress(at, work, dict(work.nodes)) for at, work in enumerate(works)]
        self.engine, self.display, self.ended = engine, display, ended
        self.running: dict[Future[StageRecord], tuple[_Progress, str, tuple[str, str]]] = {}
        # A failure is shared by points of one scenario only; another one may not meet it.
        self.failed: dict[tuple[str, str, str], StageRecord] = {}
        self.levels: dict[str, Level] = {}
        self.turn = 0

    def run(self) -> dict[int, Exception]:
        while True:
            self.turn += 1
            for run in self.all:
                self._advance(run)
            if not self.running:
                break
            done, _ = wait(self.running, timeout=LOOK, return_when=FIRST_COMPLETED)
            for future in done:
                self._collect(future)
            self._show()
        return {run.at: run.failure for run in self.all if run.failure is not None}

    def _advance(self, run: _Progress) -> None:
        """Take every node of a work as far as it goes now, and tell when it has ended."""
        for name, node in list(run.waiting.items()):
            if run.failure is None and node.needs <= run.finished.keys():
                try:
                    self._take(run, name, node)
                except Exception as error:  # one work's defect must not cost the others their results
                    run.failure = error
        if not run.waiting and not run.told:
            run.told = True
            self.ended(run.at, {stage: run.finished[stage] for stage in run.work.nodes})

    def _take(self, run: _Progress, name: str, node: Node) -> None:
        """Finish a node that need not be executed, and start one that must be if there is room for it."""
        if any(run.finished[need].state in ("failed", "skipped") for need in node.needs):
            skipped = StageRecord(stage=node.declaration.stage, candidate=node.candidate, key="", state="skipped")
            self._finish(run, name, skipped)
            return
        request, level = run.work.request, self._level(node)
        while True:
            fresh = name not in run.keys
            if fresh:
                run.keys[name] = keys.key(execution.parts(request, node, run.finished)), self.turn
            key, turn = run.keys[name]
            place = node.declaration.stage, key
            record = self.failed.get((request.scenario, *place)) or (
                execution.stored(request, node, key) if fresh else None
            )
            if record is not None:
                self._finish(run, name, record)
                return
            if any(place == other for _, _, other in self.running.values()) or not self.engine.room(level):
                return
            if turn == self.turn:
                break
            # It has waited, and what it is made of may have been edited since.
            del run.keys[name]
        self.engine.prepare(level)
        needs = {need: run.finished[need] for need in node.needs}
        self.running[self.engine.start(Task(request, node, key, needs, level))] = run, name, place
        self.display.started(run.named(name))
        # What the others need is found out, which takes a second in a new project, while the first one starts.
        self.engine.prepare(max(self._level(other) for other in run.waiting.values()))

    def _collect(self, future: Future[StageRecord]) -> None:
        run, name, place = self.running.pop(future)
        self.engine.ended(future)
        for other in self.all:
            # Whoever waits for the same looks into the store again.
            other.keys = {waiting: made for waiting, made in other.keys.items() if made[0] != place[1]}
        try:
            record = future.result()
        except Exception as error:
            run.failure = error
            return
        if record.state == "failed":
            self.failed[run.work.request.scenario, *place] = record
        if run.failure is None:
            self._finish(run, name, record)

    def _finish(self, run: _Progress, name: str, record: StageRecord) -> None:
        del run.waiting[name]
        run.finished[name] = record
        self.display.finished(record, run.named(name))

    def _level(self, node: Node) -> Level:
        stage = node.declaration.stage
        if stage not in self.levels:
            self.levels[stage] = level_of(node.declaration)
        return self.levels[stage]

    def _show(self) -> None:
        said = {
            run.named(name): execution.progress(run.work.request, run.work.nodes[name], key)
            for run, name, (_, key) in self.running.values()
        }
        self.display.running(said, sum(len(run.waiting) for run in self.all if run.failure is None) - len(said))
