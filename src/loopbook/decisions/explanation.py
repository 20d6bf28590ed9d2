"""Occlusion: which words or fields moved the probability of a row, for any model that gives probabilities.

Occlusion answers a plain question: what would the model have said without this word, or with a typical value in this
field? It looks at one part at a time, so parts that only count together can all seem small, and the effects need not
add up. It explains the model, not the world.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import features
from loopbook.decisions.building import Plan
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task
from loopbook.statistics import targets

COLUMNS = ["row_id", "field", "part", "effect", "of"]
_WORD = re.compile(r"\[[A-Za-z]+\]|[$#@]\w+|\w+(?:['’]\w+)*|[!?]+")
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
    parts: list[tuple[int, str, str]] = []
    changed: list[tuple[str, Any]] = []
    for field, kind in task.fields.items():
        column = features.column(frame, field)
        for row, value in enumerate(column.tolist()):
            if kind != "text":
                parts.append((row, field, "missing" if pd.isna(value) or value == "" else f"{_shown(value)}"))
                changed.append((str(column.name), (usual or {})[field]))
            elif isinstance(value, str):
                for word in list(dict.fromkeys(match.lower() for match in _WORD.findall(value)))[:most]:
                    parts.append((row, field, word))
                    changed.append((str(column.name), _without(value, word)))
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    rows = np.array([row for row, _, _ in parts])
    whole = targets.narrow(probabilities(frame))
    lead = np.argsort(-whole, axis=1, kind="stable")[:, :2] if whole.ndim == 2 else None
    if lead is None:
        of = ["the value" if task.type == "number" else "the probability"] * len(frame)
    else:
        of = [f"the lead of “{classes[one]}” over “{classes[other]}”" for one, other in lead.tolist()]
    without = np.concatenate(
        [
            _asked(frame, rows[start : start + batch], changed[start : start + batch], probabilities)
            for start in range(0, len(parts), batch)
        ]
    )
    effect = whole[rows] - without
    if lead is not None:
        effect = -np.diff(np.take_along_axis(effect, lead[rows], axis=1), axis=1)[:, 0]
    found = pd.DataFrame(parts, columns=["row", "field", "part"]).assign(effect=effect, size=np.abs(effect))
    found["of"] = np.array(of, dtype=object)[rows]
    found = found.sort_values(["row", "size"], ascending=[True, False], kind="stable")
    found["row_id"] = frame["row_id"].astype(str).to_numpy()[found["row"].to_numpy()]
    return found[COLUMNS].reset_index(drop=True)


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
        What `occlusion` returned of these rows, with all their words.
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
    nothing = frame.assign(
        **{
            str(column.name): column.map(lambda value: _WORD.sub("", value) if isinstance(value, str) else value)
            if task.fields[field] == "text"
            else (usual or {})[field]
            for field in task.fields
            for column in [features.column(frame, field)]
        }
    )
    whole, without = (targets.narrow(probabilities(rows)) for rows in (frame, nothing))
    apart = whole - without
    if whole.ndim == 2:
        lead = np.argsort(-whole, axis=1, kind="stable")[:, :2]
        apart = -np.diff(np.take_along_axis(apart, lead, axis=1), axis=1)[:, 0]
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


def _asked(
    frame: pd.DataFrame,
    rows: NDArray[np.intp],
    changed: Sequence[tuple[str, Any]],
    probabilities: Callable[[pd.DataFrame], NDArray[np.float64]],
) -> NDArray[np.float64]:
    variants = frame.iloc[rows].reset_index(drop=True)
    for column in {name for name, _ in changed}:
        values = variants[column].tolist()
        for at, (name, value) in enumerate(changed):
            if name == column:
                values[at] = value
        variants[column] = pd.Series(values, dtype=frame[column].dtype)
    return targets.narrow(probabilities(variants))


def _without(text: str, word: str) -> str:
    kept = _WORD.sub(lambda match: "" if match.group().lower() == word else match.group(), text)
    return " ".join(kept.split())


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def _name(field: str, part: str, task: Task) -> str:
    return f"“{part}”" if task.fields.get(field, "text") == "text" else f"{field} = {part}"
