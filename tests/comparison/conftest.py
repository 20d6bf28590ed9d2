"""A real run of the tiny project, and records that differ from it in what a test wants."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from loopbook.cli.commands import app
from loopbook.store import records
from loopbook.store.keys import PARTS
from loopbook.store.project import Project
from loopbook.store.records import Run


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the data of the one real run is kept for all tests."""
    return tmp_path_factory.mktemp("ran") / "data"


@pytest.fixture
def ran(project: Project, kept: Path) -> Run:
    """A real run of the tiny project."""
    if kept.exists():
        shutil.copytree(kept, project.data, dirs_exist_ok=True)
    else:
        done = CliRunner().invoke(app, ["run", "--scenario", "tiny"])
        assert done.exit_code in (0, 3), done.output
        shutil.copytree(project.data, kept)
    return records.runs(project)[-1]


def again(project: Project, like: Run, name: str, total: float, seed: int, key: str = "", **fields: Any) -> Run:
    """Save a run that differs from a real one in its seed, in what 02 recorded and, if wanted, in 02's key."""
    other = {"key": key, "notebook": f"store/02_data/{key}/notebook.ipynb"} if key else {}
    stage = like.stages["02_data"].model_copy(update={"metrics": {"total": total}, **other})
    resolved = {**like.resolved, "training": {**like.resolved["training"], "seed": seed}}
    update = {"run": name, "stages": {**like.stages, "02_data": stage}, "resolved": resolved, **fields}
    run = like.model_copy(update=update)
    records.save(project, run)
    return run


def made(project: Project, like: Run, key: str, change: Callable[[dict[str, Any]], object]) -> str:
    """Keep beside another key of 02 what it is made of, with a change."""
    parts = json.loads((project.store / "02_data" / like.stages["02_data"].key / PARTS).read_text())
    change(parts)
    folder = project.store / "02_data" / key
    folder.mkdir(parents=True)
    (folder / PARTS).write_text(json.dumps(parts))
    return key


def compared(*names: str) -> Result:
    """Type the command."""
    return CliRunner().invoke(app, ["compare", *names])
