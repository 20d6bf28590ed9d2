"""Changes between two runs' records: parameters that differ, and how criteria turned."""

from typing import Any

from loopbook.store.records import Run

ABSENT = "not there"
_TURNED: dict[tuple[bool | None, bool | None], str] = {(True, False): "worse", (False, True): "better"}


def parameters(a: Run, b: Run) -> list[tuple[str, Any, Any]]:
    """Return the parameters in force that differ: name, in A, in B."""
    old, new = (
        {f"{name} {given.name}": given.value for name, stage in run.stages.items() for given in stage.parameters}
        for run in (a, b)
    )
    both = [(name, old.get(name, ABSENT), new.get(name, ABSENT)) for name in dict.fromkeys((*old, *new))]
    return [row for row in both if row[1] != row[2]]


def criteria(a: Run, b: Run) -> list[dict[str, Any]]:
    """Return every criterion of the two runs: its text, its record in each, None where it is not there, how it turned.

    ``turned`` is *worse*, *better*, or empty if its verdict is the same or not known in both.
    """
    old, new = ({criterion.id: criterion for criterion in run.criteria} for run in (a, b))
    return [
        {
            "text": (new.get(name) or old[name]).text,
            "a": old.get(name),
            "b": new.get(name),
            "turned": _TURNED.get((getattr(old.get(name), "met", None), getattr(new.get(name), "met", None)), ""),
        }
        for name in dict.fromkeys((*old, *new))
    ]


def missed(a: Run, b: Run) -> list[str]:
    """Return the texts of criteria that A meets and B misses."""
    return [change["text"] for change in criteria(a, b) if change["turned"] == "worse"]
