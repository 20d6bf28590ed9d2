"""A sweep on a real Dask cluster of processes: when a worker dies, nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.cluster import cluster

from loopbook.runner.cluster import Cluster
from loopbook.scenario.errors import LoopbookError
from loopbook.store import sweep_records
from loopbook.store.project import Project

NOTE = "with open('../executed', 'a') as file:\\n    file.write(f'{stage.settings.seed} {candidate}\\\\n')\\n"
PAUSE = (
    "import os\\nif stage.settings.seed == 2 and candidate == 'one' and not os.path.exists('../second'):\\n"
    "    open('../reached', 'w').write(str(os.getppid()))\\n    open('../never')\\n"
)


def test_a_worker_that_dies_loses_and_doubles_nothing(project: Project, tmp_path: Path) -> None:
    rows = "\n".join(f"{number},{number % 2}" for number in range(300))
    (project.root / "numbers.csv").write_text(f"x,y\n{rows}\n")
    path = project.notebooks / "03_training.ipynb"
    path.write_text(path.read_text().replace('"train = stage.read', f'"{NOTE}{PAUSE}train = stage.read'))
    os.mkfifo(project.root / "reached")
    os.mkfifo(project.root / "never")
    with cluster(tmp_path / "cluster", 2) as (address, workers):
        words = ["--grid", "training.seed=1:3", "--engine", "dask", "--dask", address]
        running = subprocess.Popen(
            [sys.executable, "-m", "loopbook", "sweep", "--scenario", "tiny", *words],
            cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        with (project.root / "reached").open() as reached:
            reached.read()
        (project.root / "second").touch()
        work = next(
            json.loads(each.read_text())["work"]
            for each in (project.work / "03_training").glob("*/job.json")
            if json.loads(each.read_text())["given"]["training.seed"] == 2
            and json.loads(each.read_text())["candidate"] == "one"
        )
        victim = holder(Path(work).with_name(f"{Path(work).name}.lock"), [worker.pid for worker in workers])
        os.kill(victim, signal.SIGKILL)
        said = running.communicate()[0]
    assert running.returncode == 0, said
    (sweep,) = sweep_records.sweeps(project, "tiny")
    assert [point.status for point in sweep.points] == ["good"] * 3
    assert len(list((project.store / "03_training").glob("*/stage.json"))) == 6
    executed = Counter((project.root / "executed").read_text().splitlines())
    assert executed.pop("2 one") == 2, "once by the worker that died, once by the other"
    assert set(executed.values()) == {1}
    assert len(executed) == 5


def holder(lock: Path, processes: list[int]) -> int:
    """Return which of some processes has a lock's file open."""
    for pid in processes:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            if descriptor.is_symlink() and descriptor.readlink() == lock:
                return pid
    raise AssertionError(f"none of {processes} holds {lock}")


def test_no_scheduler_or_no_worker_is_said_with_what_to_type(project: Project, tmp_path: Path) -> None:
    with (
        pytest.raises(LoopbookError, match="There is no Dask scheduler"),
        Cluster.open("tcp://127.0.0.1:9", project, None, print),
    ):
        pass
    with (
        cluster(tmp_path / "cluster", 0) as (address, _),
        pytest.raises(LoopbookError, match="has no worker"),
        Cluster.open(address, project, None, print),
    ):
        pass
