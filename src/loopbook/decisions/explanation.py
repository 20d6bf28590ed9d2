"""Occlusion: which words or fields moved the probability of a row, for any model that gives probabilities.

Occlusion answers a plain question: what would the model have said without this word, or with a typical value in this
field? It looks at one part at a time, so parts that only count together can all seem small, and the effects need not
add up. It explains the model, not the world.
"""

import math
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import features
from loopbook.decisions.building import Plan
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task
from loopbook.statistics import targets

COLUMNS = ["row_id", "field", "part", "effect", "of"]
WORD = re.compile(r"\[[A-Za-z]+\]|[$#@]\w+|\w+(?:['’]\w+)*|[!?]+")
_LEAST = 0.01  # a smaller move of a probability is not worth a word; of a number, in standard deviations


def typical(frame: pd.DataFrame, task: Task) -> dict[str, Any]:
    """Return the typical value of each table field: the median of numbers, the most frequent category.

    Parameters
    ----------
    frame
        Rows that stand for the usual ones, such as train.
    """
    values: dict[str, Any] = {}
    for field in task.table_fields:
        column = features.column(frame, field)
        if task.fields[field] == "number":
            values[field] = float(column.median())
        else:
            counts = column.fillna("").astype(str).value_counts()
            values[field] = min(counts.index, key=lambda level, counts=counts: (-counts[level], level))  # type: ignore[misc]
    return values


def occlusion(
    frame: pd.DataFrame,
    probabilities: Callable[[pd.DataFrame], NDArray[np.float64]],
    task: Task,
    usual: Mapping[str, Any] | None = None,
    classes: Sequence[str] = (),
    *,
    most: int = 60,
    batch: int = 2_048,
    seconds: float = math.inf,
) -> pd.DataFrame:
    """Return how much each word and field moved what the model says of each row.

    That is the probability of yes; of several classes the lead of the most probable one over the next; of a number its
    value.

    Parameters
    ----------
    frame
        Rows to explain, with `row_id` and the task's fields.
    probabilities
        The model: probabilities, float [n, k], or values, float [n]. It is asked for each row and part, in batches.
    task
        Says which fields are texts, of which words are taken away, and which are not, which get a typical value.
    usual
        What `typical` returned; needed for tasks with table fields.
    classes
        Names of the columns of probabilities, to say which leads.
    most
        Different words of a text that are taken away, the first ones; all occurrences of a word go at once.
    batch
        Rows that the model is asked about at once.
    seconds
        After which no further batch is begun: parts that were not asked about have no effect (NaN), and stand last.

    Returns
    -------
    DataFrame
        `row_id`, `field`, `part` (the word in lower case, or the field's value), `effect`: what the model says
        minus what it would say without the part, so above 0 where the part speaks for it; `of`: what that is. Strongest
        first within each row.

    Raises
    ------
    DataError
        If a typical value is needed and not given.

    References
    ----------
    Zeiler & Fergus (2014), Visualizing and understanding convolutional networks, section 4.2; Li, Monroe & Jurafsky
    (2016), Understanding neural networks through representation erasure, for words.
    """
    missing = [field for field in task.table_fields if field not in (usual or {})]
    if missing:
        raise DataError(f"To explain the field {missing[0]!r} a typical value is needed; give what typical() returns.")
    frame = frame.reset_index(drop=True)
    every = parts(frame, task, usual, most)
    if not every:
        return pd.DataFrame(columns=COLUMNS)
    score = Score.of(targets.narrow(probabilities(frame)))
    rows = np.array([part.row for part in every])
    without = asked(frame, [[part] for part in every], probabilities, batch, seconds)
    return table(frame, every, score.whole[rows] - score.read(rows, without), score.names(task, classes))


class Part(NamedTuple):
    """A part of a row that can be taken away: `words` of a text, or the value of a field, which is `usual` then."""

    row: int
    field: str
    column: str
    shown: str
    words: frozenset[str] = frozenset()
    usual: Any = None


def parts(
    frame: pd.DataFrame, task: Task, usual: Mapping[str, Any] | None = None, most: int = 60, rest: bool = False
) -> list[Part]:
    """Return the parts of rows: the first `most` words of each text, and each field; with `rest`, all other words too.

    Raises
    ------
    DataError
        If a typical value is needed and not given.
    """
    missing = [field for field in task.table_fields if field not in (usual or {})]
    if missing:
        raise DataError(f"To explain the field {missing[0]!r} a typical value is needed; give what typical() returns.")
    found = []
    for field, kind in task.fields.items():
        column = features.column(frame, field)
        for row, value in enumerate(column.tolist()):
            if kind != "text":
                shown = "missing" if pd.isna(value) or value == "" else _shown(value)
                found.append(Part(row, field, str(column.name), shown, usual=(usual or {})[field]))
            elif isinstance(value, str):
                words = list(dict.fromkeys(match.lower() for match in WORD.findall(value)))
                own = [Part(row, field, str(column.name), word, frozenset({word})) for word in words[:most]]
                found += (
                    own
                    if not rest or not words[most:]
                    else [*own, Part(row, field, str(column.name), "…", frozenset(words[most:]))]
                )
    return found


def by_row(every: Iterable[Part]) -> dict[int, list[Part]]:
    """Return parts by the row that they are of."""
    found: dict[int, list[Part]] = {}
    for part in every:
        found.setdefault(part.row, []).append(part)
    return found


class Score(NamedTuple):
    """The one number of a row that is explained.

    That is the probability of yes; of several classes the lead of the most probable one over the next; of a number its
    value.

    Attributes
    ----------
    whole
        Of each row as it is, float64 [n].
    lead
        The two most probable of several classes, int64 [n, 2]; None where there are none.
    """

    whole: NDArray[np.float64]
    lead: NDArray[np.intp] | None

    @classmethod
    def of(cls, said: NDArray[np.float64]) -> Self:
        """Return what is explained of what a model says of rows, float [n] or [n, k]."""
        if said.ndim == 1:
            return cls(said, None)
        lead = np.argsort(-said, axis=1, kind="stable")[:, :2]
        return cls(-np.diff(np.take_along_axis(said, lead, axis=1), axis=1)[:, 0], lead)

    def read(self, rows: NDArray[np.intp], said: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the same number of what the model says of other rows, by the classes that lead in `rows`."""
        if self.lead is None:
            return said
        return -np.diff(np.take_along_axis(said, self.lead[rows], axis=1), axis=1)[:, 0]

    def names(self, task: Task, classes: Sequence[str]) -> list[str]:
        """Return what the number is, in words, for each row."""
        if self.lead is None:
            return ["the value" if task.type == "number" else "the probability"] * len(self.whole)
        return [f"the lead of “{classes[one]}” over “{classes[other]}”" for one, other in self.lead.tolist()]


def table(frame: pd.DataFrame, every: Sequence[Part], effect: NDArray[np.float64], of: Sequence[str]) -> pd.DataFrame:
    """Return the effects of parts, the strongest first within each row: `COLUMNS`."""
    found = pd.DataFrame(
        {
            "row": [part.row for part in every],
            "field": [part.field for part in every],
            "part": [part.shown for part in every],
            "effect": effect,
            "of": [of[part.row] for part in every],
        }
    )
    found = found.assign(size=np.abs(effect)).sort_values(["row", "size"], ascending=[True, False], kind="stable")
    found["row_id"] = frame["row_id"].astype(str).to_numpy()[found["row"].to_numpy()]
    return found[COLUMNS].reset_index(drop=True)


def asked(
    frame: pd.DataFrame,
    removed: Sequence[Sequence[Part]],
    probabilities: Callable[[pd.DataFrame], NDArray[np.float64]],
    batch: int,
    seconds: float = math.inf,
) -> NDArray[np.float64]:
    """Return what the model says of rows without some of their parts; an entry of `removed` holds parts of one row.

    After `seconds` no further batch is begun, and what was not asked is NaN.
    """
    said, late = list[NDArray[np.float64]](), time.monotonic() + seconds
    for start in range(0, len(removed), batch):
        if said and time.monotonic() > late:
            said.append(np.full((len(removed) - start, *said[0].shape[1:]), np.nan))
            break
        some = removed[start : start + batch]
        variants = frame.iloc[[own[0].row for own in some]].reset_index(drop=True)
        for column in dict.fromkeys(part.column for own in some for part in own):
            values = variants[column].tolist()
            for at, own in enumerate(some):
                here = [part for part in own if part.column == column]
                values[at] = _without(values[at], here) if here else values[at]
            variants[column] = pd.Series(values, dtype=frame[column].dtype)
        said.append(targets.narrow(probabilities(variants)))
    return np.concatenate(said)


def completeness(
    explained: pd.DataFrame,
    frame: pd.DataFrame,
    probabilities: Callable[[pd.DataFrame], NDArray[np.float64]],
    task: Task,
    usual: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return how far the effects of each row add up to what the model says of it, above what it says of nothing.

    Parameters
    ----------
    explained
        What `occlusion` or `shapley` returned of these rows, with all their words.
    frame, probabilities, task, usual
        As of `occlusion`. Nothing is a row without words, with typical values.

    Returns
    -------
    DataFrame
        By `row_id`: `effects`, their sum; `score`, what the model says of the row less what it says of nothing; and
        `error`, the one less the other, which is 0 of an explanation that is complete.

    References
    ----------
    Sundararajan, Taly & Yan (2017), Axiomatic attribution for deep networks, section 3: completeness.
    """
    frame = frame.reset_index(drop=True)
    score = Score.of(targets.narrow(probabilities(frame)))
    removed = list(by_row(parts(frame, task, usual, most=0, rest=True)).values())
    rows = np.array([own[0].row for own in removed], dtype=np.intp)
    apart = np.zeros(len(frame))
    if removed:
        apart[rows] = score.whole[rows] - score.read(rows, asked(frame, removed, probabilities, batch=2_048))
    names = frame["row_id"].astype(str)
    sums = explained.groupby("row_id")["effect"].sum().reindex(names, fill_value=0.0).to_numpy()
    return pd.DataFrame({"effects": sums, "score": apart, "error": sums - apart}, index=pd.Index(names, name="row_id"))


def to_explain(log: pd.DataFrame, plan: Plan, most: int) -> pd.Series:
    """Return which decisions of a log to explain: up to `most` to act or to ask, evenly over the stream."""
    wanted = np.flatnonzero(~log["decision"].isin(plan.actions[: plan.prices.idle]).to_numpy())
    chosen = wanted[np.linspace(0, len(wanted) - 1, min(most, len(wanted))).round().astype(int)]
    return pd.Series(np.isin(np.arange(len(log)), chosen), index=log.index)


def sentences(explained: pd.DataFrame, task: Task, top: int = 3) -> dict[str, str]:
    """Return the strongest effects of each row as a sentence, by `row_id`.

    Parameters
    ----------
    explained
        What `occlusion` returned.
    task
        Tells texts from other fields.
    top
        Parts to name on each side.
    """
    what = " or ".join(name for name, fields in (("word", task.text_fields), ("field", task.table_fields)) if fields)
    how = "Taken away one at a time" if not task.table_fields else "Replaced by a usual value, one at a time"
    if task.text_fields and task.table_fields:
        how = "Taken away, or replaced by a usual value, one at a time"
    result, least = {}, _LEAST * (explained["effect"].std() if task.type == "number" else 1.0)
    for row_id, parts in explained.groupby("row_id", sort=False):
        parts_named, of = [], parts["of"].iloc[0]
        for verb, side in (
            ("raised", parts[parts["effect"] >= least].nlargest(top, "effect")),
            ("lowered", parts[parts["effect"] <= -least].nsmallest(top, "effect")),
        ):
            names = [
                f"{_name(field, part, task)} ({effect:+.2f})"
                for field, part, effect in zip(side["field"], side["part"], side["effect"], strict=True)
            ]
            if names:
                parts_named.append(f"{', '.join(names)} {verb} {of} most")
        result[str(row_id)] = (
            f"{how}: {'; '.join(parts_named)}."
            if parts_named
            else f"No single {what} moves {of} by more than {least:.2g}: many agree."
        )
    return result


def _without(value: Any, taken: Sequence[Part]) -> Any:
    """Return a value of a column without parts of it: the text without the words, or the usual value."""
    if not taken[0].words:
        return taken[0].usual
    words = frozenset[str]().union(*(part.words for part in taken))
    return " ".join(WORD.sub(lambda match: "" if match.group().lower() in words else match.group(), value).split())


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def _name(field: str, part: str, task: Task) -> str:
    return f"“{part}”" if task.fields.get(field, "text") == "text" else f"{field} = {part}"
