"""Worker processes: one fit made by several, started on this machine or joined on those that ``TF_CONFIG`` names."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, Self

import pandas as pd
from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from loopbook.data.features import Features
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import LoopbookError, ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.task import AnyTask
from loopbook.store import content, locks

Process = subprocess.Popen[bytes]
VARIABLE = "TF_CONFIG"
JOB = "workers"
"""Folder in that of a fit through which other machines are given the fit."""
PATIENCE = 600.0
"""Seconds that a machine waits for the chief's run to begin."""
_INSIDE, _LOOK = "LOOPBOOK_WORKER", 0.2
_ENTRY = "loopbook.models.training.worker"


class Cluster(NamedTuple):
    """The workers of a fit: their addresses, the chief's first, and which of them this process is."""

    addresses: tuple[str, ...]
    number: int

    @classmethod
    def given(cls) -> Self | None:
        """Return what ``TF_CONFIG`` says, which a cluster's launcher sets; None if it is not set.

        Raises
        ------
        ScenarioError
            If it is no cluster of workers in which this process has a place.
        """
        text = os.environ.get(VARIABLE)
        if not text:
            return None
        try:
            config = json.loads(text)
            hosts, task = config["cluster"], config["task"]
            known = [(kind, at, host) for kind in ("chief", "worker") for at, host in enumerate(hosts.get(kind, ()))]
            if set(hosts) - {"chief", "worker"}:
                raise ValueError("it names others than chief and worker")
            number = [(kind, at) for kind, at, _ in known].index((task["type"], int(task["index"])))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ScenarioError(
                f'{VARIABLE} must read {{"cluster": {{"worker": ["host:port", …]}}, "task": {{"type": "worker", '
                f'"index": 0}}}}, with the place of this machine: {error}.'
            ) from error
        return cls(tuple(host for *_, host in known), number)

    def config(self, number: int) -> str:
        """Return the ``TF_CONFIG`` of a worker."""
        return json.dumps({"cluster": {"worker": self.addresses}, "task": {"type": "worker", "index": number}})


def is_worker() -> bool:
    """Say whether this process is a worker of a fit."""
    return _INSIDE in os.environ


def fit(method: Method, data: TrainingData, work: Path, progress: Callable[[str], object], cache: Path | None) -> None:
    """Fit a candidate as `fitting.fit` does, by ``method.recipe.workers`` processes.

    Only the chief, worker 0, writes into `work`; what the others write is thrown away.

    Raises
    ------
    LoopbookError
        If a worker ends before the fit is done; the others are ended too. The next attempt goes on from the last epoch
        that was finished.
    ScenarioError
        If ``TF_CONFIG`` names another number of workers.
    """
    asked, cluster = method.recipe.workers, Cluster.given()
    if cluster is not None and len(cluster.addresses) != asked:
        raise ScenarioError(f"training.workers is {asked}, but {VARIABLE} names {len(cluster.addresses)} workers.")
    gpus = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name not in ("", "-1")]
    if cluster is None and gpus and len(gpus) < asked:
        raise ScenarioError(f"training.workers is {asked}, but there are {len(gpus)} GPUs: each worker takes one.")
    with ExitStack() as held:
        if cluster is None:
            job = Path(held.enter_context(TemporaryDirectory(prefix="loopbook-")))
            cluster, numbers = Cluster(_free(asked), 0), range(asked)
        else:
            job, numbers, gpus = work / JOB, range(1), []
            content.remove(job)
            held.callback(content.remove, job)
        hand_over(method, data, job)
        logs = [job / f"{number}.log" for number in numbers]
        words = (str(job), str(work.resolve()), str(cache.resolve()) if cache else "")
        processes = [
            held.enter_context(started(words, cluster.config(at), log, gpus[at : at + 1]))
            for at, log in zip(numbers, logs, strict=True)
        ]
        _wait(processes, logs, progress)


@contextmanager
def started(words: Sequence[str], config: str, log: Path, gpus: Sequence[str] = ()) -> Iterator[Process]:
    """Start a worker that ends with the ``with`` statement, and with this process, however that ends."""
    own = {VARIABLE: config, _INSIDE: "1", **({"CUDA_VISIBLE_DEVICES": gpus[0]} if gpus else {})}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", _ENTRY, *words],
            env={**os.environ, **own},
            stdin=subprocess.PIPE,  # whose end tells it that nobody waits any more
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def _wait(processes: Sequence[Process], logs: Sequence[Path], progress: Callable[[str], object]) -> None:
    """Tell what the chief says until it is done; then the others are of no use any more."""
    said = ""
    while processes[0].poll() is None:
        for number, process in enumerate(processes):
            if process.poll():
                # The chief may be the reason.
                raise LoopbookError(_died(number, process.returncode, logs[number]))
        last = last_line(logs[0])
        if last != said and last.startswith(SAYS):
            said = last
            progress(f"{len(processes)} workers · {last.removeprefix(SAYS)}" if len(processes) > 1 else last)
        time.sleep(_LOOK)
    if processes[0].returncode:
        raise LoopbookError(_died(0, processes[0].returncode, logs[0]))


SAYS = "progress: "
"""How a line begins by which a worker says how far it is."""


def _died(number: int, code: int, log: Path) -> str:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    return (
        f"Worker {number} {how} before the fit was done, and the others with it: "
        f"{last_line(log) or 'it said nothing'}\nRun again: training goes on from the last epoch that was finished."
    )


def last_line(log: Path) -> str:
    """Return the last line of a log; empty if there is none."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else ""


def _free(count: int) -> tuple[str, ...]:
    """Return addresses of this machine that nobody listens on now."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for own in sockets:
            own.bind(("127.0.0.1", 0))
        return tuple(f"127.0.0.1:{own.getsockname()[1]}" for own in sockets)


def hand_over(method: Method, data: TrainingData, job: Path) -> None:
    """Write a fit into a folder, for processes that take part in it."""
    job.mkdir(parents=True, exist_ok=True)
    content.save(data.train, job / "train")
    content.save(data.validation, job / "validation")
    if data.start is not None:
        content.save(data.start, job / "start")
    told = {"candidate": method.candidate, "recipe": method.recipe, "features": data.features, "task": data.task}
    start = str(data.start.resolve()) if data.start else None
    plain = {name: value.model_dump(mode="json") for name, value in told.items()}
    content.write_json(job / "job.json", {**plain, "start": start})


def handed_over(job: Path) -> tuple[Method, TrainingData]:
    """Return the fit that `hand_over` wrote."""
    told = content.read_json(job / "job.json")
    recipe = {name: told["recipe"][name] for name in Recipe.model_fields}
    method = Method(Candidate.model_validate(told["candidate"]), Recipe.model_validate(recipe))
    train, validation = (pd.read_parquet(job / f"{split}.parquet") for split in ("train", "validation"))
    features, task = Features.model_validate(told["features"]), TypeAdapter(AnyTask).validate_python(told["task"])
    start = Path(told["start"]) if told["start"] else None
    return method, TrainingData(train, validation, features, task, start)


@contextmanager
def leading(work: Path) -> Iterator[None]:
    """Within, the other machines of the cluster wait for fits in a project's folder for unfinished work."""
    for stale in list(work.glob(f"fits/**/{JOB}/")):
        content.remove(stale)
    with locks.held(work / f"{JOB}.lock"):
        yield


def join(work: Path, cluster: Cluster, say: Callable[[str], object], patience: float = PATIENCE) -> None:
    """Take part in all fits of the chief's run, on another machine that shares the folder `work`.

    Raises
    ------
    LoopbookError
        If no run begins, or a fit ends badly here.
    """
    begun, lock = time.monotonic(), FileLock(work / f"{JOB}.lock")
    while _free_now(lock):
        if time.monotonic() - begun > patience:
            raise LoopbookError(f"The chief, {cluster.addresses[0]}, has begun no run in {patience:.0f} s.")
        time.sleep(_LOOK)
    done: set[tuple[Path, int]] = set()
    while not _free_now(lock):
        for file in work.glob(f"fits/**/{JOB}/job.json"):
            job = file.parent, file.stat().st_mtime_ns
            if job not in done:
                done.add(job)
                say(f"worker {cluster.number} of {len(cluster.addresses)}: {file.parents[1].name[:12]}")
                _take_part(file.parent, cluster)
        time.sleep(_LOOK)


def _take_part(job: Path, cluster: Cluster) -> None:
    with TemporaryDirectory(prefix="loopbook-") as folder:
        log = Path(folder) / "log"
        with started((str(job), str(job.parent), ""), cluster.config(cluster.number), log) as process:
            # The chief takes the job away when it is done, and does not wait for the others.
            while process.poll() is None and job.is_dir():
                time.sleep(_LOOK)
            if process.poll() and job.is_dir():
                raise LoopbookError(_died(cluster.number, process.returncode, log))


def _free_now(lock: FileLock) -> bool:
    try:
        with lock.acquire(blocking=False):
            return True
    except Timeout:
        return False
