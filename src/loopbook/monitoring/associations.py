"""Associations: what an incident goes with, by the contribution of each segment to the excess, its words and its rows.

In the incident's days and places a segment v has N(v) rows of the kind that is watched (bad news; without sentiment
all rows), and h(v) of all H rows before are such rows. If n₀ rows were to be expected, v contributes

    c(v) = N(v) - n₀ h(v) / H

to the excess; over the values of a column these add up to the whole excess. n₀ are the rows outside the incident's
segment, divided by their share before: so a surge does not raise what is expected. It is an association: nothing here
says what came first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopbook.data.features import tokenize
from loopbook.models.unsupervised import topics
from loopbook.monitoring import sentiment
from loopbook.monitoring.alerts import IN_SEGMENTS, Incident
from loopbook.monitoring.segment_values import memberships
from loopbook.monitoring.sentiment import NEGATIVE, POSITIVE, Sentiment
from loopbook.monitoring.surges import GOOD_NEWS
from loopbook.monitoring.timeline import Floats, Log, Mask, texts
from loopbook.statistics.intervals import Z

WORDS, POSTS = 8, 3
"""Words and rows that are shown as typical."""
_OTHERS = 4_000  # rows before whose words are compared with
COLUMNS = ("column", "segment", "seen", "expected", "excess", "share", "corrected", "low", "high")


@dataclass(frozen=True, eq=False)
class Scope:
    """Where an incident is: which rows of the stream it concerns, and what it is compared with.

    Attributes
    ----------
    inside
        Rows of its days and places, bool [n] of the stream.
    before
        Rows before it, outside all surges, bool [n] of the stream and of the reference.
    places
        The same rows as its places whatever the day, bool [n] of the stream and of the reference.
    expected
        How many rows were to be expected on its days, in all places.
    kind
        `NEGATIVE` or `POSITIVE`; None: all rows count.
    named
        The places' names, whose own words say nothing new.
    """

    inside: Mask
    before: tuple[Mask, Mask]
    places: tuple[Mask, Mask]
    expected: float
    kind: int | None
    named: tuple[str, ...] = ()

    @property
    def usual(self) -> float:
        """How many rows were to be expected in its places."""
        rows = sum(int(part.sum()) for part in self.before)
        own = sum(int((part & place).sum()) for part, place in zip(self.before, self.places, strict=True))
        return self.expected * own / max(1, rows)


def scope(log: Log, incident: Incident, surge_rows: tuple[Mask, Mask]) -> Scope:
    """Return where an incident is; `surge_rows` of stream and reference are left out of what it is compared with."""
    named = incident.places[:1] if incident.cause in IN_SEGMENTS else ()
    places = members(log, named)
    if not named:
        places = np.ones(len(log.stream), bool), np.ones(len(log.reference), bool)
    window = (log.stream.day >= incident.first) & (log.stream.day <= incident.last)
    before = ((log.stream.day < incident.first) & ~surge_rows[0], ~surge_rows[1])
    expected = float(window.sum())
    if named:
        rows = sum(int(part.sum()) for part in before)
        others = sum(int((part & ~place).sum()) for part, place in zip(before, places, strict=True))
        rest = float((window & ~places[0] & ~surge_rows[0]).sum())
        expected = rest * rows / others if others else expected
    kind = None if log.scenario.monitoring.sentiment is None else NEGATIVE
    kind = POSITIVE if incident.cause == GOOD_NEWS else kind
    return Scope(window & places[0], before, places, expected, kind, incident.places)


def contributions(log: Log, where: Scope) -> pd.DataFrame:
    """Return what each segment contributes to an incident's excess, the largest first.

    Returns
    -------
    DataFrame
        `COLUMNS`: the segment's `column` and name; rows `seen` and `expected`, their difference (`excess`) and its
        `share` of the whole; and the excess `corrected` for the classifier's errors with its 95% interval (`low`,
        `high`), NaN where there is no correction.
    """
    read = sentiment.read(log)
    raw, corrected = (_counted(log, where, read, correct=correct) for correct in (False, True))
    whole = max(float(raw[0][where.inside].sum()) - _mean(raw, where) * where.expected, 1e-9)
    rows: list[tuple[object, ...]] = []
    for column in log.segments:
        pairs = [memberships(side.frame, (column,)) for side in (log.stream, log.reference)]
        numbers: dict[str, tuple[list[int], list[int]]] = {}
        for at, found in enumerate(pairs):
            for row, name in found:
                numbers.setdefault(name, ([], []))[at].append(row)
        for name, own in numbers.items():
            seen, expected, _ = _excess(raw, where, own)
            if seen <= expected:
                continue
            now, usual, variance = _excess(corrected, where, own)
            half = Z * float(np.sqrt(variance))
            level = now - usual if read is None or read.corrects else np.nan
            figures = (seen, expected, seen - expected, (seen - expected) / whole)
            rows.append((column, name, *figures, level, level - half, level + half))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values("excess", ascending=False, kind="stable").reset_index(drop=True)


def words(log: Log, where: Scope) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return an incident's typical words, and the rows that hold most of them; hostile text, to be escaped.

    Words whose odds are most surely higher than in rows before (Monroe, Colaresi & Quinn 2008: `topics.typical`).
    """
    from sklearn.feature_extraction.text import CountVectorizer

    counted = _counted(log, where, sentiment.read(log), correct=False)[0] > 0
    if not log.scenario.task.text_fields or not (where.inside & counted).any():
        return (), ()
    said, earlier = (
        texts(side.keep(rows), log.scenario)
        for side, rows in ((log.stream, where.inside & counted), (log.reference, where.before[1]))
    )
    every = said + earlier[:: -(-len(earlier) // _OTHERS) or 1]
    called = {token for place in where.named for token in _spoken(place)}
    vectorizer = CountVectorizer(analyzer=lambda text: [token for token in _spoken(text) if token not in called])
    counts = vectorizer.fit_transform(every)
    of = (np.arange(len(every)) >= len(said)).astype("int64")
    names = vectorizer.get_feature_names_out().tolist()
    found = topics.typical(counts, of, names, WORDS)[0] if len(said) < len(every) else ()
    held = [len({*_spoken(text)} & {*found}) for text in said]
    order = sorted(
        (at for at, number in enumerate(held) if 2 * number >= max(held)), key=lambda at: (-held[at], len(said[at]))
    )
    return tuple(found), tuple(dict.fromkeys(said[at] for at in order))[:POSTS]


def described(table: pd.DataFrame, most: int = 3) -> str:
    """Return the largest contributions by column in words."""
    parts = []
    for _, rows in table.groupby("column", sort=False):
        first = rows.head(most)
        parts.append(", ".join(f"{row.segment} {row.excess:+.0f} ({row.share:.0%})" for row in first.itertuples()))
    return "; ".join(parts)


def _spoken(text: str) -> list[str]:
    return [token for token in tokenize(text) if len(token) > 1 and any(letter.isalpha() for letter in token)]


def members(log: Log, places: Sequence[str]) -> tuple[Mask, Mask]:
    """Return which rows of stream and reference are in one of some segments."""
    found = []
    for side in (log.stream, log.reference):
        rows = np.zeros(len(side), bool)
        rows[[row for row, name in memberships(side.frame, log.segments) if name in places]] = True
        found.append(rows)
    return found[0], found[1]


def _counted(log: Log, where: Scope, read: Sentiment | None, *, correct: bool) -> tuple[Floats, Floats]:
    """Return for how many rows of the kind each row of stream and reference counts."""
    codes = (None, None) if read is None else (read.stream, read.reference)
    found = []
    for side, said in zip((log.stream, log.reference), codes, strict=True):
        if read is None or said is None or where.kind is None:
            found.append(np.ones(len(side)))
        else:
            found.append(read.corrected(said, where.kind) if correct else (said == where.kind).astype("float64"))
    return found[0], found[1]


def _mean(values: tuple[Floats, Floats], where: Scope) -> float:
    """Return how many rows before an incident are of its places and kind, as a share of all rows before it."""
    every = zip(values, where.before, where.places, strict=True)
    return sum(float(value[part & place].sum()) for value, part, place in every) / max(
        1, sum(int(part.sum()) for part in where.before)
    )


def _excess(
    values: tuple[Floats, Floats], where: Scope, rows: tuple[Sequence[int], Sequence[int]]
) -> tuple[float, float, float]:
    """Return what is seen of a segment's rows, what was expected, and the variance of the difference (Poisson)."""
    own = [np.asarray(part, dtype="int64") for part in rows]
    inside = values[0][own[0][where.inside[own[0]]]]
    old = [
        value[numbers[part[numbers] & place[numbers]]]
        for value, numbers, part, place in zip(values, own, where.before, where.places, strict=True)
    ]
    ratio = where.expected / max(1, sum(int(part.sum()) for part in where.before))
    before, square = (sum(float((part**power).sum()) for part in old) for power in (1, 2))
    return float(inside.sum()), ratio * before, float((inside**2).sum()) + ratio**2 * square
