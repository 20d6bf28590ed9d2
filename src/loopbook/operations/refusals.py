"""Refused proposals: who has said no to what, and why; a run that proposes the same again is told so.

A proposal's id is made of its content, so the same suggestion is known in every later run; one with more evidence, such
as more labels, is another and waits anew.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from loopbook.feedback.proposals import Proposal
from loopbook.scenario.errors import LoopbookError
from loopbook.store import appended
from loopbook.store.project import Project
from loopbook.store.records import Run

_REFUSED, _TAKEN_BACK = "refused", "taken-back"
_PARTS = ("id", "title", "by", "reason", "at", "run", "round")


@dataclass(frozen=True)
class Refusal:
    """A proposal that somebody has refused: by whom, why, when (ISO 8601, UTC), and of which run and round."""

    id: str
    title: str
    by: str
    reason: str
    at: str
    run: str
    round: str


def standing(project: Project, scenario: str, profile: str) -> dict[str, Refusal]:
    """Return the refusals that were not taken back, by the proposal's id, in their order."""
    found: dict[str, Refusal] = {}
    for _, event in appended.events(_file(project, scenario, profile)):
        if event is None or "id" not in event:
            continue
        found.pop(event["id"], None)
        if event.get("event") == _REFUSED:
            found[event["id"]] = Refusal(**{part: event.get(part, "") for part in _PARTS})
    return found


def refuse(project: Project, run: Run, proposal: Proposal, by: str, reason: str) -> None:
    """Refuse a proposal of a run.

    Raises
    ------
    LoopbookError
        If no reason is given.
    """
    if not reason.strip():
        raise LoopbookError(f"Say why {proposal.id} is refused: whoever meets it again wants to know.")
    said = {"event": _REFUSED, "id": proposal.id, "title": proposal.title, "by": by, "reason": reason.strip()}
    said |= {"at": datetime.now(UTC).isoformat(timespec="seconds"), "run": run.run, "round": str(run.round)}
    appended.append(_file(project, run.scenario, run.profile), said)


def take_back(project: Project, scenario: str, profile: str, id: str, by: str) -> None:
    """Take a refusal back, so that the proposal waits again.

    Raises
    ------
    LoopbookError
        If it is not refused.
    """
    if id not in standing(project, scenario, profile):
        raise LoopbookError(f"No refusal of {id[:80]!r} stands, so none can be taken back.")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    appended.append(_file(project, scenario, profile), {"event": _TAKEN_BACK, "id": id, "by": by, "at": at})


def _file(project: Project, scenario: str, profile: str) -> Path:
    return project.state / "refusals" / f"{scenario}-{profile}.jsonl"
