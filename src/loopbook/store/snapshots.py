"""What one round carries into the next: an immutable snapshot of all that was approved."""

import json
import re
from pathlib import Path
from typing import Any, Self

from filelock import FileLock
from pydantic import Field, ValidationError

from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.settings import Settings
from loopbook.store.content import digest_json, write_atomically
from loopbook.store.project import Project

_NAME = re.compile(r"(\d{4,})-([0-9a-f]{16})\.json")
_OWN = {"round", "approved", "layout"}  # what is about the snapshot itself, and carried into no stage
_FOLLOWS = {"findings", "window", "fresh", "first", "boundaries"}  # comes with a round, and is no reason for one


class Snapshot(Settings):
    """Everything that a later round may know of earlier ones. Round 0 carries the empty snapshot.

    Only the content of what a stage carries enters its key; the round's number and who approved what do not.
    """

    round: int = Field(0, ge=0)
    corrections: list[dict[str, Any]] = Field(
        default_factory=list,
        description="labels that people corrected: 0 or 1, the name of a class, or a number; with `output`, of which",
    )
    outcomes: list[dict[str, Any]] = Field(
        default_factory=list, description="what became of decisions, by the same labels"
    )
    rules: dict[str, str] = Field(default_factory=dict, description="approved rules by name")
    threshold: float | None = Field(None, ge=0, le=1, description="approved threshold")
    threshold_model: str | None = Field(
        None, description="content digest of the champion that the threshold was approved for; of another, it is void"
    )
    requirement_changes: list[dict[str, Any]] = Field(default_factory=list)
    findings: list[dict[str, Any]] = Field(default_factory=list, description="findings of 02 in the round before")
    champion: str | None = Field(None, description="content digest of the champion of record")
    elects_record: bool = Field(
        True, description="whether the champion of record stands for election; in a sweep it is only the line to beat"
    )
    window: int = Field(1, ge=1, description="window of the agent's life that is the stream")
    fresh: bool = Field(True, description="whether nobody has lived through that window before this round")
    first: str | None = Field(None, description="content digest of the first round's champion, to compare with")
    layout: str | None = Field(None, description="digest of what decides in which split a row lies; see `layout`")
    boundaries: list[str] = Field(
        default_factory=list, description="dates that divide splits and windows by time, as at the first approval"
    )
    approved: list[dict[str, Any]] = Field(
        default_factory=list, description="every approval so far: round, id, kind, title, reason, evidence, by, why"
    )

    def part(self, name: str) -> Any:
        """Return what is carried under a name, as plain values."""
        carried = self.model_dump(exclude=_OWN)
        if name not in carried:
            raise LoopbookError(f"A snapshot carries no {name!r}; it carries {', '.join(carried)}.")
        return carried[name]

    def digest(self, name: str) -> str:
        """Return the digest of one carried part."""
        return digest_json(self.part(name))

    def says_more_than(self, before: Self) -> bool:
        """Say whether something was approved since an earlier snapshot: whether any stage would carry something else.

        The data's findings and the next window follow; by themselves they are no reason for another round.
        """
        return self.model_dump(exclude=_OWN | _FOLLOWS) != before.model_dump(exclude=_OWN | _FOLLOWS)


def layout(scenario: Scenario) -> str:
    """Return the digest of the settings that decide in which split a row lies.

    More windows cut the held-back share or the later days anew, so that a window that nobody has lived through would
    hold rows of one that was learned from; other shares or another seed would move such rows into the test.
    """
    data, later = scenario.data, getattr(scenario.source, "later_days", 0)
    settings = data.model_dump(mode="json", include={"splits", "split_seed", "rows", "start", "end"})
    return digest_json({**settings, "later_days": later})


def refuse_other_layout(snapshot: Snapshot, scenario: Scenario) -> None:
    """Refuse to go on with a snapshot after the rows have been dealt anew.

    Raises
    ------
    LoopbookError
        If the scenario deals rows into splits otherwise than when the first of the rounds' proposals was approved.
    """
    if snapshot.layout not in (None, layout(scenario)):
        raise LoopbookError(
            f"{scenario.name} is in round {snapshot.round}, but data.splits, split_seed, rows, start, end or "
            "source.later_days was changed since its first approval: rows that it has learned from could stand in the "
            "test, the gate or a new window. Set them back, or take the rounds back: python -m loopbook approve --undo."
        )
    window = scenario.data.window
    if window is not None and window < snapshot.window:
        raise LoopbookError(
            f"data.window is {window}, but {scenario.name} has lived through it and may have learned from it: the "
            f"current round's window is {snapshot.window}."
        )


def current(project: Project, scenario: str, profile: str) -> Snapshot:
    """Return the current snapshot of a scenario in a profile: the newest sealed one, or the empty one of round 0.

    Raises
    ------
    LoopbookError
        If the file was changed after it was sealed.
    """
    sealed = _sealed(project, scenario, profile)
    return _read(sealed[-1]) if sealed else Snapshot()


def history(project: Project, scenario: str, profile: str) -> list[Snapshot]:
    """Return all sealed snapshots of a scenario in a profile, from round 1 on; for a timeline of the rounds."""
    return [_read(path) for path in _sealed(project, scenario, profile)]


def seal(project: Project, scenario: str, profile: str, snapshot: Snapshot) -> Path | None:
    """Make a snapshot the current one, for good.

    The file is written in one step, named by its round and its content, readable by its owner only, and never written
    again. Of two programs that seal at once one is refused.

    Parameters
    ----------
    project, scenario, profile
        Where it belongs.
    snapshot
        The round after the current one.

    Returns
    -------
    Path or None
        The file, or None if nothing was newly approved: then the rounds have converged, and nothing is written.

    Raises
    ------
    LoopbookError
        If another snapshot was sealed since `snapshot` was made from the current one.
    """
    place = folder(project, scenario, profile)
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / ".lock"):
        before = current(project, scenario, profile)
        if not snapshot.says_more_than(before):
            return None
        if snapshot.round != before.round + 1:
            raise LoopbookError(
                f"{scenario} is in round {before.round}, so the next snapshot is that of round {before.round + 1}, not "
                f"{snapshot.round}: something was approved in between. Look at the latest run and approve again."
            )
        text = snapshot.model_dump_json(indent=1) + "\n"
        path = place / _name(snapshot, text)
        write_atomically(path, lambda file: _write_private(file, text))
        return path


def withdraw(project: Project, scenario: str, profile: str) -> Snapshot | None:
    """Go back a round: the newest snapshot is laid aside, unchanged, in the folder ``withdrawn``.

    Returns
    -------
    Snapshot or None
        What was laid aside; None in round 0.
    """
    place = folder(project, scenario, profile)
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / ".lock"):
        sealed = _sealed(project, scenario, profile)
        if not sealed:
            return None
        snapshot = _read(sealed[-1])
        (place / "withdrawn").mkdir(exist_ok=True)
        sealed[-1].replace(place / "withdrawn" / sealed[-1].name)
        return snapshot


def _write_private(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)


def folder(project: Project, scenario: str, profile: str) -> Path:
    """Return where an agent's snapshots lie."""
    return project.state / "snapshots" / scenario / profile


def _sealed(project: Project, scenario: str, profile: str) -> list[Path]:
    place = folder(project, scenario, profile)
    found = [path for path in place.iterdir() if _NAME.fullmatch(path.name)] if place.is_dir() else []
    return sorted(found, key=lambda path: int(path.name.split("-")[0]))


def _read(path: Path) -> Snapshot:
    try:
        text = path.read_text(encoding="utf-8")
        snapshot = Snapshot.model_validate_json(text)
    except (ValidationError, UnicodeDecodeError) as error:
        raise LoopbookError(f"{path} is no snapshot: {error}. Restore it, or remove it to go back a round.") from error
    if path.name != _name(snapshot, text):
        raise LoopbookError(
            f"{path.name} was changed after it was sealed, so nobody approved what it says now. Restore it, or remove "
            f"it to go back to the round before: {path}"
        )
    return snapshot


def _name(snapshot: Snapshot, text: str) -> str:
    """Return a file's name, with a digest of what it says: fields that a later version adds do not break a seal."""
    return f"{snapshot.round:04d}-{digest_json(json.loads(text))[:16]}.json"
