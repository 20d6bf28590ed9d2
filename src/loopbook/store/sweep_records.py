"""The record of a sweep: which points of which grid, and how each ended. Each point's run has a record of its own.

Both lie apart from ordinary runs, ``runs/sweeps/<scenario>/``, so that a point is never an agent's latest run.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from loopbook.store import records
from loopbook.store.content import write_text
from loopbook.store.parameters import is_seed
from loopbook.store.project import Project
from loopbook.store.records import Record, Run

FOLDER = "sweeps"


class Point(Record):
    """One point of a grid."""

    name: str = Field(description="its place in the grid, counted from 001")
    values: dict[str, Any] = Field(description="what the grid gives it, by dotted name")
    given: dict[str, Any] = Field(description="the parameters that follow, those given for all points included")
    status: Literal["waiting", "good", "missed", "failed"] = "waiting"
    error: str = Field("", description="what stopped it that no notebook is to blame for")

    @property
    def setting(self) -> dict[str, Any]:
        """What is compared: its values without the seeds, over which means are taken."""
        return {name: value for name, value in self.values.items() if not is_seed(name)}


class Sweep(Record):
    """One sweep of one scenario; `status` is that of its worst point, or ``running`` while points wait."""

    scenario: str
    title: str
    simulated: bool
    sweep: str = Field(description="its name: its starting time in UTC")
    profile: str
    round: int
    grid: str = Field(description="as it was typed")
    given: dict[str, Any] = Field(default_factory=dict, description="given for all points, by dotted name")
    engine: str
    status: Literal["running", "good", "missed", "failed"]
    started: str = Field(description="ISO 8601, UTC")
    seconds: float
    points: tuple[Point, ...]

    @property
    def over(self) -> bool:
        """Whether every point has ended."""
        return self.status != "running"


def path(project: Project, scenario: str, name: str) -> Path:
    """Return the file of a sweep's record."""
    return project.runs / FOLDER / scenario / f"{name}.json"


def save(project: Project, sweep: Sweep) -> None:
    """Write a sweep's record."""
    write_text(path(project, sweep.scenario, sweep.sweep), records.sealed(sweep))


def sweeps(project: Project, scenario: str | None = None) -> list[Sweep]:
    """Return the records of all sweeps, or of one scenario's, oldest first."""
    files = records.by_age(project.runs / FOLDER, scenario)
    return [sweep for file in files if (sweep := records.load_or_set_aside(file, Sweep)) is not None]


def save_point(project: Project, sweep: Sweep, name: str, run: Run) -> None:
    """Write the record of a point's run."""
    write_text(_point(project, sweep, name), records.sealed(run))


def runs(project: Project, sweep: Sweep) -> Mapping[str, Run]:
    """Return the records of a sweep's points that have ended, by the point's name."""
    files = {point.name: _point(project, sweep, point.name) for point in sweep.points}
    return {name: records.load(file, Run) for name, file in files.items() if file.is_file()}


def _point(project: Project, sweep: Sweep, name: str) -> Path:
    return path(project, sweep.scenario, sweep.sweep).with_suffix("") / f"{name}.json"
