"""Traceability over rounds: from the evidence to what was approved, by whom and why, to what came of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loopbook.store import records, snapshots
from loopbook.store.content import digest_json
from loopbook.store.project import Project
from loopbook.store.records import CriterionRecord, Run


@dataclass(frozen=True)
class Changed:
    """An approved change.

    Attributes
    ----------
    round
        The first that carries it.
    kind, title
        Of the proposal.
    requirement
        The text of a requirement that it adds; empty if it adds none.
    evidence, reason
        What spoke for it: figures, and a sentence.
    by, why
        Who approved it, and what they said.
    before, after
        The last run without it and the latest with it; None: there is none yet.
    criterion
        The criterion that it added, as the latest run with it has judged it; None: it adds none, or was not judged.
    """

    round: int
    kind: str
    title: str
    requirement: str
    evidence: Mapping[str, Any]
    reason: str
    by: str
    why: str
    before: Run | None
    after: Run | None
    criterion: CriterionRecord | None

    @staticmethod
    def met(run: Run | None) -> str:
        """Return how many criteria a run met, of how many that were judged; empty if none was."""
        judged = [criterion.met for criterion in run.criteria if criterion.met is not None] if run else []
        return f"{sum(judged)}/{len(judged)}" if judged else ""


def history(project: Project, scenario: str, profile: str) -> list[Changed]:
    """Return all approved changes of an agent that hold, the latest first."""
    current = snapshots.current(project, scenario, profile)
    runs = [run for run in records.runs(project, scenario) if run.good and run.profile == profile]
    return list(_changes(current, runs))[::-1]


def _changes(current: snapshots.Snapshot, runs: Sequence[Run]) -> Iterator[Changed]:
    asked = {f"requirement-{digest_json({'requirement': one})[:8]}": one for one in current.requirement_changes}
    for entry in current.approved:
        requirement = asked.get(str(entry["id"]), {})
        before = next((run for run in reversed(runs) if run.round < entry["round"]), None)
        after = next((run for run in reversed(runs) if run.round >= entry["round"]), None)
        judged = after.criteria if after else ()
        yield Changed(
            entry["round"],
            entry["kind"],
            entry["title"],
            str(requirement.get("text", "")),
            entry.get("evidence", {}),
            entry["reason"],
            entry["by"],
            entry.get("why", ""),
            before,
            after,
            next((one for one in judged if one.id == requirement.get("id")), None),
        )
