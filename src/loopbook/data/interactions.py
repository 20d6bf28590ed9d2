"""Interactions of a ranking: whose list a row was in, which item it was, and what had been taken before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from loopbook.data import identity, labels, parsing
from loopbook.scenario.source import Source
from loopbook.scenario.task import HISTORY, TAKEN, Ranking

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from loopbook.data.sources import Collected

RECENT = 28
"""Days that count as recent."""
_DAY = 24 * 3600 * 1_000_000  # microseconds
_ATTEMPTS = 16  # draws for one place, until a user who has taken nearly everything gets nothing there
_NEVER = np.iinfo(np.int64).min  # a moment that cannot be read

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


def drawn(collected: Collected, task: Ranking, source: Source, known: Collection[str] | None) -> Collected:
    """Return the rows with items drawn beside each, where the source holds only what was taken (`task.negatives`).

    Each is drawn evenly from the items that somebody had taken by then, less those that this user had taken by then, by
    a hash of user, item and moment: a row that is added later moves none of them.

    Parameters
    ----------
    known
        The items that have a row in their table; None: there is no table.
    """
    import pandas as pd

    if not task.negatives:
        return collected
    frame = collected.frame
    beside = _beside(frame, task, source, known)
    at = beside["row"].to_numpy()
    kept = [name for name in (task.query, source.time, source.group, *source.protected) if name in frame]
    others = frame[list(dict.fromkeys(kept))].iloc[at].copy()
    others[task.item], others[TAKEN] = beside["item"].to_numpy(), "no"
    if source.id:
        ids = np.array(parsing.strings(frame[source.id]), dtype=object)[at]
        others[source.id] = [f"{own}/{place}" for own, place in zip(ids, beside["place"], strict=True)]
    told = (
        f"{len(at):,} of {len(frame) + len(at):,} rows are drawn, up to {task.negatives} items beside each one taken: "
        "what is said of rows, such as a share of yes or a probability, is said of such a draw."
    )
    caution = " ".join(text for text in (collected.origin.get("caution", ""), told) if text)
    order = np.argsort(np.concatenate([np.arange(len(frame)), at]), kind="stable")  # each draw beside its row
    return replace(
        collected,
        frame=pd.concat([frame.assign(**{TAKEN: "yes"}), others]).iloc[order].reset_index(drop=True),
        lines=np.concatenate([collected.lines, collected.lines[at]])[order],
        origin=collected.origin | {"drawn": len(at), "caution": caution, "rows": collected.origin["rows"] + len(at)},
    )


def _beside(frame: pd.DataFrame, task: Ranking, source: Source, known: Collection[str] | None) -> pd.DataFrame:
    """Return the items drawn beside rows: ``row`` (position), ``place`` (1 to `task.negatives`), ``item``."""
    import pandas as pd

    users, items = (np.array(parsing.strings(frame[name]), dtype=object) for name in (task.query, task.item))
    moment, user = _moments(frame, source), pd.factorize(users)[0]
    first = pd.Series(moment).where(moment > _NEVER).groupby(items).min().dropna()
    first = first[[bool(name) and (known is None or name in known) for name in first.index]]
    first = first.sort_values(kind="stable")  # of one moment by name, as groupby has sorted them
    item = pd.Index(first.index).get_indexer(pd.Index(items))
    taken = _Before((user * len(first) + item)[item >= 0], moment[item >= 0])
    pool = np.searchsorted(first.to_numpy(np.int64), moment, side="right")
    pool[(item < 0) | parsing.is_missing(users.tolist(), source.missing.get(task.query))] = (
        0  # not beside what does not fit
    )
    seed = _mixed(_hashes(users) + _mixed(_hashes(items) + moment.view(np.uint64)))
    chosen = np.full((task.negatives, len(frame)), -1)
    for place in range(task.negatives):
        left = np.flatnonzero(pool > 0)
        for attempt in range(_ATTEMPTS):
            number = np.uint64(place * _ATTEMPTS + attempt)
            draw = (_mixed(seed[left] + number) % pool[left].astype(np.uint64)).astype(np.int64)
            free = taken.count(user[left] * len(first) + draw, moment[left], upto=True) == 0
            free &= (chosen[:place, left] != draw).all(axis=0)
            chosen[place, left[free]] = draw[free]
            left = left[~free]
    places, rows = np.nonzero(chosen >= 0)
    return pd.DataFrame({"row": rows, "place": places + 1, "item": first.index.to_numpy()[chosen[places, rows]]})


def remembered(collected: Collected, task: Ranking, source: Source) -> Collected:
    """Return the rows with those columns of `scenario.task.HISTORY` that are fields of the task."""
    wanted = [name for name in HISTORY if name in task.fields and name not in collected.frame]
    if not wanted:
        return collected
    import pandas as pd

    frame = collected.frame
    label, _ = labels.read(frame, task, source, lambda *_: None)
    named = {"query": parsing.strings(frame[task.query]), "item": parsing.strings(frame[task.item])}
    rows = pd.DataFrame(named | {"time": pd.to_datetime(_moments(frame, source), unit="us", utc=True)})
    before = history(rows, rows[np.asarray(label) == 1])
    return replace(collected, frame=frame.assign(**{name: before[name].to_numpy() for name in wanted}))


def history(rows: pd.DataFrame, taken: pd.DataFrame) -> pd.DataFrame:
    """Return for each row what had been taken strictly before its moment, in the columns `scenario.task.HISTORY`.

    Parameters
    ----------
    rows
        ``query, item, time``: whose list, which item, when it is asked.
    taken
        The same of what was taken, whenever.

    Returns
    -------
    DataFrame
        ``query_taken``: items that the user had taken; ``item_taken``: how often anybody had taken the item, and
        ``item_recent`` in the `RECENT` days before; ``pair_taken``: how often this user had taken this item;
        ``days_since`` the user last took anything, NaN if never. Index as that of `rows`.
    """
    import pandas as pd

    both = pd.concat([rows, taken], ignore_index=True)
    user, item = (pd.factorize(both[name])[0].astype(np.int64) for name in ("query", "item"))
    moment = pd.to_datetime(both["time"], utc=True).astype("datetime64[us, UTC]").astype("int64").to_numpy()
    asked, known = slice(0, len(rows)), slice(len(rows), None)
    pair = user * (item.max(initial=0) + 1) + item
    users, items, pairs = (_Before(codes[known], moment[known]) for codes in (user, item, pair))
    recent = moment[asked] - RECENT * _DAY
    last = users.last(user[asked], moment[asked])
    return pd.DataFrame(
        {
            "query_taken": users.count(user[asked], moment[asked]),
            "item_taken": items.count(item[asked], moment[asked]),
            "item_recent": items.count(item[asked], moment[asked]) - items.count(item[asked], recent),
            "pair_taken": pairs.count(pair[asked], moment[asked]),
            "days_since": (moment[asked] - last) / _DAY,
        },
        index=rows.index,
        dtype="float64",
    )


def _moments(frame: pd.DataFrame, source: Source) -> NDArray[np.int64]:
    """Return the moments of rows in microseconds since 1970; the least number where there is none, 0 without a time."""
    if not source.time:
        return np.zeros(len(frame), dtype=np.int64)
    read, _ = parsing.times(frame[source.time], source.time_formats, source.missing.get(source.time))
    return np.array(read.astype("int64"))


def _hashes(values: Iterable[str]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each text, the same on every machine."""
    known: dict[str, int] = {}
    return np.array(
        [known[value] if value in known else known.setdefault(value, identity.hash_of(value)) for value in values],
        dtype=np.uint64,
    )


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return numbers that look drawn from numbers that do not (the finaliser of SplitMix64, Steele et al. 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


class _Before:
    """Moments by code, sorted, to be counted up to a moment."""

    def __init__(self, codes: NDArray[Any], moments: NDArray[Any]) -> None:
        order = np.lexsort((moments, codes))
        self.moments = moments[order]
        self.ticks = np.unique(moments)
        self.key = codes[order] * (len(self.ticks) + 1) + np.searchsorted(self.ticks, self.moments)

    def _end(self, codes: NDArray[Any], moments: NDArray[Any], side: Any) -> NDArray[Any]:
        tick = np.searchsorted(self.ticks, moments, side=side)
        return np.searchsorted(self.key, codes * (len(self.ticks) + 1) + tick)

    def count(self, codes: NDArray[Any], moments: NDArray[Any], upto: bool = False) -> NDArray[Any]:
        """Return how many there are of each code before each moment, [n]; `upto`: at it too."""
        begin = np.searchsorted(self.key, codes * (len(self.ticks) + 1))
        return self._end(codes, moments, "right" if upto else "left") - begin

    def last(self, codes: NDArray[Any], moments: NDArray[Any]) -> NDArray[np.float64]:
        """Return the last moment of each code before each moment, NaN where there is none, [n]."""
        end = self._end(codes, moments, "left")
        some = self.count(codes, moments) > 0
        return np.where(some, self.moments[np.maximum(end - 1, 0)] if len(self.moments) else np.nan, np.nan)
