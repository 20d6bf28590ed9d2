"""List records: lists that were shown, and clicks on them, as entries of the one log, and the rows that they make."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from loopbook.decisions.audit.entry import Entry, Stored, new_id

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.decisions.lists import ListDecision

KIND = "list"
LINE = (
    *("row_id", "shown", "written", "query", "known", "item", "place", "relevance", "propensity", "explored", "label"),
    *("rules", "reason", "model", "policy", "rules_version", "run", "caller"),
)
"""Columns of the sealed log's lists: a row for each place, `label` whether it was clicked, missing if nobody said."""


def listed(made: "ListDecision", user: str, known: bool, caller: str, versions: Mapping[str, str]) -> Entry:
    """Return the entry of a list: what stands where is a fact, for whom and because of what may be forgotten.

    Parameters
    ----------
    user
        As the run's rows name them: a pseudonym where the scenario says that the column is personal.
    known
        Whether anything was known of the user.
    """
    places = [
        {
            "item": place.item,
            "relevance": place.relevance,
            "propensity": place.propensity,
            "explored": place.explored,
            "rules": list(place.rules),
        }
        for place in made.places
    ]
    facts = {"places": places, "known": known, "caller": caller, "versions": dict(versions)}
    return Entry(KIND, new_id(), facts, {"user": user, "reasons": [place.reason for place in made.places]})


def clicked(shown: Stored, items: Sequence[str], caller: str, key: str | None, digest: str) -> Entry:
    """Return the entry of clicks on a list, a feedback on it."""
    user = (shown.payload or {}).get("user")
    facts = {"decision_id": shown.id, "clicked": list(items), "caller": caller}
    return Entry("feedback", new_id(), facts, {"user": user, "request": digest}, key)


def clicks(stored: Stored) -> Sequence[str] | None:
    """Return the items that an entry says were clicked; None if it is about something else."""
    found: Sequence[str] | None = stored.facts.get("clicked")
    return found


def table(shown: Iterable[Stored], said: Iterable[Stored]) -> "pd.DataFrame":
    """Return a row of `LINE` for each place of lists, with the clicks that were reported of them."""
    import pandas as pd

    taken: dict[str, set[str]] = {}
    for stored in said:
        taken.setdefault(stored.facts["decision_id"], set()).update(clicks(stored) or ())
    lines = [line for stored in shown for line in _places(stored, taken.get(stored.id))]
    return pd.DataFrame(lines, columns=list(LINE)).astype({"label": "Int8"})


def _places(stored: Stored, taken: set[str] | None) -> Iterator[tuple[Any, ...]]:
    facts, told = stored.facts, stored.payload or {}
    versions, places = facts["versions"], facts["places"]
    for number, (place, reason) in enumerate(zip(places, told.get("reasons") or [""] * len(places), strict=True), 1):
        yield (
            *(f"{stored.id}-{number}", stored.id, stored.written, told.get("user"), facts["known"]),
            *(place["item"], number, place["relevance"], place["propensity"], place["explored"]),
            *(None if taken is None else int(place["item"] in taken), ", ".join(place["rules"]), reason),
            *(versions.get(name, "") for name in ("model", "policy", "rules", "run")),
            facts["caller"],
        )
