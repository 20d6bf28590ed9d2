"""What one round carries into the next: an immutable snapshot of all that was approved."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.source import Settings
from loopbook.store.content import digest_json
from loopbook.store.project import Project


class Snapshot(Settings):
    """Everything that a later round may know of earlier ones. Round 0 carries the empty snapshot.

    Only the content of what a stage carries enters its key; the round's number does not.
    """

    round: int = Field(0, ge=0)
    corrections: list[dict[str, Any]] = Field(default_factory=list, description="labels that people corrected")
    outcomes: list[dict[str, Any]] = Field(default_factory=list, description="what became of decisions")
    rules: dict[str, str] = Field(default_factory=dict, description="approved rules by name")
    threshold: float | None = Field(None, ge=0, le=1, description="approved threshold")
    requirement_changes: list[dict[str, Any]] = Field(default_factory=list)
    findings: list[dict[str, Any]] = Field(default_factory=list, description="findings of 02 in the round before")
    champion: str | None = Field(None, description="content digest of the champion of record")

    def part(self, name: str) -> Any:
        """Return what is carried under a name, as plain values."""
        carried = self.model_dump(exclude={"round"})
        if name not in carried:
            raise LoopbookError(f"A snapshot carries no {name!r}; it carries {', '.join(carried)}.")
        return carried[name]

    def digest(self, name: str) -> str:
        """Return the digest of one carried part."""
        return digest_json(self.part(name))


def current(project: Project, scenario: str) -> Snapshot:
    """Return the current snapshot of a scenario: the newest sealed one, or the empty one of round 0."""
    sealed = sorted((project.state / "snapshots" / scenario).glob("*.json"))
    if not sealed:
        return Snapshot()
    return Snapshot.model_validate_json(sealed[-1].read_text(encoding="utf-8"))
