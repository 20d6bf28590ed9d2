"""Changes between two runs' records: parameters that differ, and how criteria turned."""

from dataclasses import dataclass
from typing import Any, Literal

from loopbook.store.records import CriterionRecord, Run

ABSENT = "not there"


@dataclass(frozen=True)
class CriterionChange:
    """A criterion in both runs, None where it is not there; `turned` says how its verdict changed."""

    text: str
    a: CriterionRecord | None
    b: CriterionRecord | None

    @property
    def turned(self) -> Literal["worse", "better", ""]:
        if self.a is None or self.b is None or None in (self.a.met, self.b.met) or self.a.met == self.b.met:
            return ""
        return "better" if self.b.met else "worse"


def parameters(a: Run, b: Run) -> list[tuple[str, Any, Any]]:
    """Return the parameters in force that differ: name, in A, in B."""
    old, new = (
        {f"{name} {given.name}": given.value for name, stage in run.stages.items() for given in stage.parameters}
        for run in (a, b)
    )
    both = [(name, old.get(name, ABSENT), new.get(name, ABSENT)) for name in dict.fromkeys((*old, *new))]
    return [row for row in both if row[1] != row[2]]


def criteria(a: Run, b: Run) -> list[CriterionChange]:
    """Return every criterion of the two runs."""
    old, new = ({criterion.id: criterion for criterion in run.criteria} for run in (a, b))
    return [
        CriterionChange((new.get(name) or old[name]).text, old.get(name), new.get(name))
        for name in dict.fromkeys((*old, *new))
    ]


def missed(a: Run, b: Run) -> list[str]:
    """Return the texts of criteria that A meets and B misses."""
    return [change.text for change in criteria(a, b) if change.turned == "worse"]
