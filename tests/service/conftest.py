"""A finished run to serve, in a project of the test's own; and further runs of it, to be taken over."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.smoke import ROOT, Ran

from loopbook.decisions.audit.database import connect
from loopbook.service.agent import Served
from loopbook.store import content, records
from loopbook.store.lookup import artifact
from loopbook.store.project import Project
from loopbook.store.records import Run

SCENARIO = "market-monitor"


@pytest.fixture(scope="session")
def finished(smoke_run: Callable[[str], Ran]) -> Project:
    """Return the project of the default agent's smoke run; nothing may be changed in it."""
    place = smoke_run(SCENARIO)[0]
    return Project(ROOT, place.folder / "data", place.folder / "reports")


@pytest.fixture(scope="session")
def served(finished: Project) -> Served:
    """Return the agent of that run."""
    return Served.load(finished, SCENARIO, "smoke")


@pytest.fixture
def own(finished: Project, tmp_path: Path) -> Project:
    """Return a project with that run and a log of its own."""
    shutil.copytree(finished.store, tmp_path / "data" / "store", copy_function=os.link)
    return Project(ROOT, tmp_path / "data", tmp_path / "reports")


@pytest.fixture
def engine(own: Project) -> Iterator[Engine]:
    """Return its log."""
    engine = connect(own)
    yield engine
    engine.dispose()


def another(project: Project, run: Run, name: str, threshold: float, round: int = 0, **carried: str) -> Run:
    """Write the record of a further good run, whose policy acts from another threshold.

    Parameters
    ----------
    carried
        Digests of what its stage 05 carried, where it is not what it was.
    """
    policy = content.read_json(artifact(project, run, "policy"))
    made = content.save({**policy, "threshold": threshold}, project.store / "other" / name / "policy")
    stage = run.stages["05_decisions"]
    inputs = {**stage.inputs, **{f"carried {part}": digest for part, digest in carried.items()}}
    artifacts = {**stage.artifacts, "policy": str(made.relative_to(project.data))}
    changed = stage.model_copy(update={"artifacts": artifacts, "inputs": inputs})
    further = run.model_copy(update={"run": name, "round": round, "stages": {**run.stages, "05_decisions": changed}})
    records.save(project, further)
    return further
