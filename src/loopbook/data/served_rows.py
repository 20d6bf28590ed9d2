"""Served rows: what an agent was asked about as a service, laid out as a split, with what is known of each row."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from loopbook.data import labels, parsing, relabelling
from loopbook.scenario.contract import Scenario
from loopbook.scenario.task import RANKED, Ranking, Task

_LABEL = "label"


def laid_out(decided: pd.DataFrame, stream: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """Return what was decided on in the columns of a split, in the order in which it was decided.

    A row that the stream holds too, with the same inputs, is the stream's, with its label and whatever else the source
    says; of any other row is known what came with the request, and its label is missing.

    Parameters
    ----------
    decided
        Decisions of the sealed log: `row_id`, each once, `time`, and as JSON `fields` and `attributes`.
    stream
        A split of 02, for the columns and their types.
    scenario
        Its task names the inputs, its source the group.
    """
    came = zip(decided["attributes"], decided["fields"], strict=True)
    told: list[dict[str, Any]] = [json.loads(beside) | json.loads(inputs) for beside, inputs in came]
    ids = decided["row_id"].astype("str")
    of = str(scenario.source.group or getattr(scenario.task, "query", ""))
    group = pd.Series([_plain(row.get(of)) for row in told], index=ids.index, dtype="str")
    rows = pd.DataFrame({"row_id": ids, "time": decided["time"], "group": group.where(group != "", ids)})
    rows["weight"] = np.ones(len(rows), dtype=np.float32)
    task = scenario.task
    own = {name: str(getattr(task, name)) for name in RANKED} if isinstance(task, Ranking) else {}
    for name in stream.columns.drop(list(rows)):
        # What is called like a canonical column has a suffix in splits alone; of a ranking the task names the columns.
        plain = own.get(name, name.removesuffix("_source"))
        learned = name.startswith(_LABEL) and name not in scenario.task.fields
        values = [None if learned else row.get(name, row.get(plain)) for row in told]
        rows[name] = _typed(values, stream[name], rows.index)
    rows = rows[list(stream.columns)]
    known = stream[_same(rows, stream, scenario.task)]
    places = pd.Series(rows.index, index=ids).loc[known["row_id"].astype("str")].to_numpy()
    known = known.set_axis(places).assign(time=rows.loc[places, "time"])
    others = rows.drop(places)  # where there are none, all types are the stream's own
    return pd.concat([part for part in (known, others) if len(part)]).sort_index() if len(rows) else rows


def approved(rows: pd.DataFrame, labels_of: Sequence[Mapping[str, Any]], task: Task) -> pd.DataFrame:
    """Return rows with the labels that people have approved, where nothing else is known.

    Parameters
    ----------
    rows
        Laid out as a split.
    labels_of
        Outcomes, then corrections, of the snapshot, as `relabelling.apply` takes them; the last of a row counts.
    task
        Its fields say whether a row is still what the label was approved for.
    """
    said = {str(one["row_id"]): one for one in labels_of if not one.get("output")}
    asked = rows[rows[_LABEL].isna() & rows["row_id"].isin(list(said))]
    if not len(asked):
        return rows
    same, mine = relabelling.fingerprints(asked, task), [said[row] for row in asked["row_id"]]
    taken = [one["label"] if one["content"] == same[str(one["row_id"])] else None for one in mine]
    label = rows[_LABEL].copy()
    label[asked.index] = labels.approved(taken, asked[_LABEL]).astype(label.dtype)
    return rows.assign(label=label)


def _same(rows: pd.DataFrame, stream: pd.DataFrame, task: Task) -> "pd.Series[bool]":
    """Return which rows of the stream were decided on, as they are there."""
    ids = stream["row_id"].astype("str")
    asked, known = (relabelling.fingerprints(part, task) for part in (rows, stream[ids.isin(rows["row_id"])]))
    return ids.isin([row for row, content in known.items() if asked[row] == content])


def _typed(values: Sequence[Any], like: "pd.Series[Any]", index: pd.Index) -> "pd.Series[Any]":
    """Return values in the type of a column, or in that one which has room for what is missing."""
    if isinstance(like.dtype, pd.StringDtype) or like.dtype == object:
        return pd.Series([_plain(value) for value in values], index=index, dtype="str")
    if isinstance(like.dtype, pd.CategoricalDtype):
        named = [None if value is None else _plain(value) for value in values]
        return pd.Series(pd.Categorical(named, dtype=like.dtype), index=index)
    given = pd.Series(values, index=index, dtype="object")
    if pd.api.types.is_datetime64_any_dtype(like.dtype):
        return pd.to_datetime(given, errors="coerce", utc=True).astype(like.dtype)
    numbers, kind = pd.to_numeric(given, errors="coerce").astype("float64"), like.to_numpy().dtype.kind
    if like.name == _LABEL:
        return numbers.astype("Int8") if kind == "i" else numbers
    if kind not in "bi" or not (numbers.dropna() % 1 == 0).all():
        return numbers
    if kind == "b" and numbers.dropna().isin([0, 1]).all():
        return numbers.astype("boolean")
    return numbers.astype("Int64")


def _plain(value: Any) -> str:
    return "" if value is None else parsing.plain(value)
