"""Challengers on trial: models that meet live traffic, kept by content for good, and which one an agent tries now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from loopbook.scenario.errors import MissingInput
from loopbook.store import champions, content
from loopbook.store.project import Project

ONNX, POLICY, ABOUT = "onnx", "policy.json", "about.json"
"""What a kept challenger is: the exported model, its policy, and of which run; `seen_rows` says what it has seen."""


class Trial(BaseModel):
    """A challenger's trial on live traffic.

    Attributes
    ----------
    challenger
        Under which digest it is kept.
    model
        Content digest of the model, by which it would be promoted.
    run
        The run that made it, as scenario/run.
    mode
        ``shadow``: it decides beside the champion, and nobody is told; ``share``: it decides a share of the rows.
    share
        Of the rows, where it decides some.
    error
        Chance of ever finding it better if it is not.
    by, began
        Who began the trial, and when: a time in UTC.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    challenger: str
    model: str
    run: str
    mode: Literal["shadow", "share"]
    share: float
    error: float
    by: str
    began: str


def keep(project: Project, folder: Path, about: Mapping[str, Any]) -> str:
    """Keep a challenger, whose folder holds the exported model and the policy; return its digest."""
    content.write_json(folder / ABOUT, dict(about))
    return champions.keep_by_content(folder, _root(project))


def find(project: Project, digest: str) -> Path:
    """Return the folder of a kept challenger.

    Raises
    ------
    MissingInput
        If it is not there, or not what was kept.
    """
    folder = _root(project) / digest
    if not folder.is_dir() or not champions.is_kept(folder):
        raise MissingInput(f"The challenger {digest[:12]} is missing from {folder}, or was changed. Restore it.")
    return folder


def pointer(project: Project, scenario: str, profile: str) -> Path:
    """Return the file that names an agent's trial."""
    return _root(project) / f"{scenario}-{profile}.json"


def trial(project: Project, scenario: str, profile: str) -> Trial | None:
    """Return the trial that an agent is in; None: it is in none."""
    file = pointer(project, scenario, profile)
    return Trial.model_validate(content.read_json(file)) if file.is_file() else None


def begin(project: Project, scenario: str, profile: str, trial: Trial) -> None:
    """Put a challenger on trial, in place of another one."""
    content.write_json(pointer(project, scenario, profile), trial.model_dump())


def end(project: Project, scenario: str, profile: str) -> None:
    """End the trial; what it decided stays in the log, and the challenger is kept for its replay."""
    pointer(project, scenario, profile).unlink(missing_ok=True)


def _root(project: Project) -> Path:
    return project.state / "challengers"
