"""Retention of raw files: copies of sources leave ``data/raw`` when the time that their scenarios give them is over."""

from dataclasses import dataclass
from datetime import UTC, datetime

from loopbook.data import raw_copies
from loopbook.data.raw_copies import Expired
from loopbook.runner.ongoing import ongoing
from loopbook.scenario import loading, reading
from loopbook.scenario.errors import LoopbookError
from loopbook.store.project import Project


@dataclass(frozen=True)
class Retired:
    """Copies that left, or would, and why none may at this time."""

    copies: tuple[Expired, ...] = ()
    why_none: str = ""

    def told(self, dry: bool = False) -> list[str]:
        """Return a line for each copy, and one that says why none left."""
        verb = "would remove" if dry else "removed"
        lines = [
            f"{verb} {copy.path.name} (came {copy.since:%Y-%m-%d}, kept {copy.days:g} days)" for copy in self.copies
        ]
        return [*lines, *([self.why_none] if self.why_none else [])]


def retire(project: Project, *, dry: bool = False) -> Retired:
    """Take away the copies whose time is over for all scenarios that read them.

    None leaves while a run is in progress, or while a scenario cannot be read: nobody knows what it needs.
    """
    if running := ongoing(project):
        return Retired(why_none=f"Raw files stay while runs are in progress ({len(running)}).")
    read = []
    for name in reading.names(project.scenarios):
        try:
            read.append(loading.load(name, project.scenarios).source)
        except LoopbookError as error:
            return Retired(why_none=f"Raw files stay, because {name} cannot be read: {str(error).splitlines()[0]}")
    now = datetime.now(UTC)
    found = raw_copies.expired(read, project.root, project.raw, now)
    for copy in () if dry else found:
        raw_copies.remove(copy, now)
    return Retired(tuple(found))
