"""The record of a run: it names the keys of its stages, and is the contract of ``run.json`` for other programs."""

import json
import sys
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from loopbook.store.content import digest_json, write_text
from loopbook.store.project import Project
from loopbook.store.vault import SEAL, Damaged

STARTED = "%Y%m%d-%H%M%S"
"""A run's name: when it began, in UTC; of runs of one second the later ones carry a number: ``20261124-031200-2``."""

Scalar = bool | int | float | str | None


class Record(BaseModel):
    """Base of records: they do not change, and keys of a later version are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Kind = TypeVar("Kind", bound=Record)


class ParameterRecord(Record):
    """A parameter in force, and where its value comes from."""

    name: str
    value: Any
    description: str = ""
    origin: Literal["default", "scenario", "profile", "given", "candidate"] = "default"


class ErrorRecord(Record):
    """What stopped a stage."""

    kind: str
    message: str
    cell: str | None = None
    traceback: str = ""

    @property
    def line(self) -> str:
        """The error in one line: its kind, and how its message begins."""
        return f"{self.kind}: {self.message.strip().partition(chr(10))[0]}"


class Origin(Record):
    """The code and the machine that made something."""

    revision: str | None = Field(None, description="git revision of the project; None: no git")
    uncommitted: str | None = Field(None, description="hash of all that was not committed; None: nothing")
    python: str = ""
    hardware: dict[str, Any] = Field(
        default_factory=dict, description="system, processor, cores, memory in bytes, gpus"
    )


def name_of(stage: str, candidate: str | None) -> str:
    """Return what a stage of a run is called: ``03_training[lstm]`` for a candidate."""
    return f"{stage}[{candidate}]" if candidate else stage


class StageRecord(Record):
    """One stage of a run; a candidate's training is a stage of its own, named ``03_training[lstm]``."""

    stage: str
    candidate: str | None = None
    key: str
    state: Literal["fresh", "done", "failed", "skipped"]
    seconds: float = 0.0
    parameters: tuple[ParameterRecord, ...] = ()
    metrics: dict[str, Scalar] = Field(default_factory=dict)
    measurements: dict[str, Scalar] = Field(default_factory=dict)
    notebook: str | None = Field(None, description="the executed notebook, relative to the data folder")
    artifacts: dict[str, str] = Field(default_factory=dict, description="by name, relative to the data folder")
    digests: dict[str, str] = Field(default_factory=dict, description="content digests of the artifacts")
    inputs: dict[str, str] = Field(default_factory=dict, description="content digests of what was read")
    error: ErrorRecord | None = None

    @property
    def name(self) -> str:
        return name_of(self.stage, self.candidate)

    def number(self, name: str) -> float | None:
        """Return a recorded metric or measurement as a number; None if there is none of this name."""
        value = self.metrics.get(name, self.measurements.get(name))
        return float(value) if isinstance(value, bool | int | float) else None


NO_FRESH_ROWS = "no fresh rows"
"""Why a criterion is not tested whose stage recorded ``fresh_rows`` as False."""
SMOKE = "smoke"
"""The profile that only shows that everything runs: it judges no criterion."""
NOT_IN_SMOKE = "not judged in smoke"
_SIGNS = {">=": "≥", "<=": "≤", "==": "="}


class CriterionRecord(Record):
    """An acceptance criterion with its evidence; `met` is None while it is not tested."""

    id: str
    story: str
    text: str
    stage: str
    metric: str
    comparison: str
    threshold: float
    value: float | None = None
    met: bool | None = None
    untested: str = Field("", description="why it is not tested: no fresh rows, not judged in smoke")

    @property
    def verdict(self) -> str:
        """The verdict in words, for people."""
        if self.met is not None:
            return "met" if self.met else "missed"
        if self.untested == NOT_IN_SMOKE:
            return NOT_IN_SMOKE
        return f"not tested: {self.untested}" if self.untested else "not yet tested"

    @property
    def wanted(self) -> str:
        """What was wanted: ``≥ 0.8``."""
        return f"{_SIGNS.get(self.comparison, self.comparison)} {self.threshold:g}"

    @property
    def measured(self) -> str:
        """What was wanted and what was measured: ``wanted ≥ 0.8, measured 0.71``; empty without a value."""
        return f"wanted {self.wanted}, measured {self.value:.3g}" if self.value is not None else ""


class Approval(Record):
    """A proposal that somebody approved before this round."""

    id: str
    kind: str
    title: str
    reason: str
    by: str
    why: str = Field("", description="what they said to it")


class Change(Record):
    """Something that differs from the run before.

    Attributes
    ----------
    about
        Its kind. ``followed``: not a change of its own, but what stages read was written otherwise.
    text
        What it is, without a full stop: a setting with both values, a place in the code, a library.
    stages
        The stages that had to be made anew because of it; none where it concerns the run as a whole.
    """

    about: Literal["approved", "champion", "stages", "data", "settings", "code", "libraries", "followed", "noted"]
    text: str
    stages: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _sentence(cls, value: Any) -> Any:
        """Read a record of before there were kinds: a sentence."""
        return {"about": "noted", "text": value.removesuffix(".")} if isinstance(value, str) else value

    @property
    def sentence(self) -> str:
        """The change in a sentence of its own."""
        concerned = f" ({', '.join(self.stages)})" if self.stages else ""
        return f"{self.text}{concerned}."


class Run(Record):
    """One run of one scenario."""

    scenario: str
    title: str
    description: str
    simulated: bool
    run: str = Field(description="the run's name: its starting time in UTC")
    profile: str
    round: int = 0
    approved: tuple[Approval, ...] = Field((), description="what was approved after the round before, and why")
    status: Literal["good", "missed", "failed"]
    started: str = Field(description="ISO 8601, UTC")
    seconds: float
    stages: dict[str, StageRecord]
    champion: str | None = None
    criteria: tuple[CriterionRecord, ...] = ()
    revision: str | None = None
    dirty: bool = False
    origin: Origin = Field(Origin(), description="code and machine; a stage that was fresh keeps its own")
    resolved: dict[str, Any] = Field(
        default_factory=dict, description="the whole scenario in force: profile and given values laid over it"
    )
    versions: dict[str, str] = Field(default_factory=dict)
    before: str | None = Field(None, description="the run that the changes are told against")
    changes: tuple[Change, ...] = ()

    @property
    def good(self) -> bool:
        """Whether every stage is there; a missed criterion is a finding, not a failure."""
        return self.status != "failed"

    @property
    def task(self) -> str:
        """Type of the scenario's task; one that says none is a yes-or-no decision."""
        return str(self.resolved.get("task", {}).get("type", "binary"))


def save(project: Project, run: Run) -> Path:
    """Write a run's record."""
    path = project.runs / run.scenario / f"{run.run}.json"
    write_text(path, sealed(run))
    return path


def sealed(record: Record) -> str:
    """Return a record as it is kept: with a digest of what it says."""
    said = json.loads(record.model_dump_json())
    return json.dumps({**said, SEAL: digest_json(said)}, indent=1, ensure_ascii=False)


def load(path: Path, kind: type[Kind]) -> Kind:
    """Read the record of a run or a sweep; one of before there were seals has none.

    Raises
    ------
    Damaged
        If it is not as it was written.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        seal = said.pop(SEAL, None)
        if seal not in (None, digest_json(said)):
            raise Damaged(f"{path} is not as it was written, and is not used.")
        return kind.model_validate(said)
    except (ValueError, AttributeError, TypeError) as error:  # no JSON, no record, no text
        raise Damaged(f"{path} cannot be read as a record ({type(error).__name__}).") from error


def runs(project: Project, scenario: str | None = None) -> list[Run]:
    """Return the records of all runs, or of one scenario's, oldest first."""
    return [run for path in by_age(project.runs, scenario) if (run := load_or_set_aside(path, Run)) is not None]


def latest(project: Project, scenario: str, profile: str | None = None, good: bool = True) -> Run | None:
    """Return the newest run of a scenario (and profile), by default the newest good one."""
    for path in reversed(by_age(project.runs, scenario)):
        run = load_or_set_aside(path, Run)
        if run is not None and (run.good or not good) and (profile is None or run.profile == profile):
            return run
    return None


def by_age(folder: Path, scenario: str | None) -> list[Path]:
    """Return the records' files, oldest first, without those that another process is writing at this moment."""
    found = folder.glob(f"{scenario or '*'}/[!.]*.json")
    return sorted(found, key=lambda path: (path.stem[:15], int(path.stem[16:] or 1), path.parent.name))


def load_or_set_aside(path: Path, kind: type[Kind]) -> Kind | None:
    """Read a record; None if another process has pruned it since it was listed. A damaged one is set aside."""
    try:
        return load(path, kind)
    except FileNotFoundError:
        return None
    except Damaged as error:
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        sys.stderr.write(f"{error} It is set aside as {aside.name}; the next make writes a new one.\n")
        return None
