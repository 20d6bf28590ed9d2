"""Interactions of a ranking: whose list a row was in, which item it was, and what had been taken before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from loopbook.data import labels, parsing
from loopbook.scenario.source import Source
from loopbook.scenario.task import Ranking

if TYPE_CHECKING:
    import pandas as pd

Note = Callable[[Any, str, str | Callable[[int], str]], None]
Hide = Callable[[str | None, list[str]], list[str]]


def columns(
    frame: pd.DataFrame, task: Ranking, source: Source, times: Iterable[Any], hidden: Hide, note: Note
) -> dict[str, Any]:
    """Return the canonical columns of a ranking, `scenario.task.RANKED`.

    Parameters
    ----------
    frame
        The rows as collected.
    times
        Their moments: rows of one user and moment are a list where the source names none.
    hidden
        Puts a pseudonym for each value of a column that names a person.
    note
        Hears what is wrong with a row: no user, no item, a place or propensity that cannot be.
    """
    query, item = (hidden(name, parsing.strings(frame[name])) for name in (task.query, task.item))
    for kind, name, values in (("query", task.query, query), ("item", task.item, item)):
        missing = parsing.is_missing(values, source.missing.get(name))
        note(missing, f"missing-{kind}", f"no {name}")
    if task.shown:
        shown = hidden(task.shown, parsing.strings(frame[task.shown]))
    else:
        shown = [f"{user} {moment}" for user, moment in zip(query, times, strict=True)]
    place = _number(frame, task.place, source, note)
    note(place < 1, "bad-place", f"{task.place} is below 1, the first place of a list")
    propensity = _number(frame, task.propensity, source, note)
    note((propensity <= 0) | (propensity > 1), "bad-propensity", f"{task.propensity} is no probability above 0")
    return {"query": query, "item": item, "shown": shown, "place": place, "propensity": propensity}


def _number(frame: pd.DataFrame, name: str | None, source: Source, note: Note) -> np.ndarray:
    """Return a column of numbers, NaN where it is missing, or named by nobody."""
    if name is None:
        return np.full(len(frame), np.nan)
    written_as = labels.notation(source, name)
    numbers, bad = parsing.numbers(frame[name], written_as)
    note(bad, "bad-number", labels.no_number(frame[name], written_as.decimal))
    return numbers
