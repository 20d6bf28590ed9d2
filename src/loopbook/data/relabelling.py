"""Relabelling: rows of the agent's past whose label people have approved join the rows to learn from."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import labels
from loopbook.data.features import column
from loopbook.data.splitting import LATER, PAST, SPLITS
from loopbook.scenario.task import Task
from loopbook.statistics.coin import coin

HELD_BACK = 0.3
"""Share of the groups of a window that no challenger learns from, so that it can be judged on the newest rows too. Once
the window is past, they join validation and the others join train: no model is ever judged by what it learned."""

ADDED = TO_TRAIN, TO_VALIDATION = "to train", "to validation"
WAITING, KEPT_OUT, NOT_FOUND, UNKNOWN_CLASS = "waiting", "kept out", "not found", "unknown class"
"""What becomes of an approved label."""

_FATE = {"stream": WAITING, LATER: WAITING}
_USERS, _OUTCOMES = "corrections", "outcomes"
_DIGITS = 16


@dataclass(frozen=True, eq=False)
class Relabelled:
    """The splits of a round.

    Attributes
    ----------
    splits
        The five; train and validation with what was approved of the past.
    added
        How many approved labels there are, by where they come from and what became of them: columns `from`,
        `rows`, `to train`, `to validation`, `waiting` (the row's window is not past), `kept out` (a row of test, gate
        or another split that feedback never touches), `unknown class` (the label names none of the task's classes),
        `not found` (no row has this id and content), `labels` (the most frequent among those added).
    """

    splits: dict[str, pd.DataFrame]
    added: pd.DataFrame


def fingerprints(rows: pd.DataFrame, task: Task) -> dict[str, str]:
    """Return a hash of what the model sees of each row, by `row_id`.

    It goes with an approved label, so that a label never lands on another row that happens to have the same id: in
    another world, or in a file that was written anew.
    """
    fields = [["" if pd.isna(value) else str(value) for value in column(rows, name)] for name in task.fields]
    seen = zip(*fields, strict=True)
    return {
        str(row): hashlib.sha256(repr(values).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
        for row, values in zip(rows["row_id"], seen, strict=True)
    }


def held_back(rows: pd.DataFrame, share: float = HELD_BACK, seed: int = 1) -> NDArray[np.bool_]:
    """Return which rows belong to groups that are held back: a stable hash of the group decides, bool [n]."""
    groups = rows["group"].astype(str)
    return groups.map(lambda group: coin(f"held back {seed} {group}") < share).to_numpy(dtype=bool)


def apply(
    splits: Mapping[str, pd.DataFrame],
    corrections: Sequence[Mapping[str, Any]],
    outcomes: Sequence[Mapping[str, Any]],
    task: Task,
) -> Relabelled:
    """Add the rows of past windows whose label was approved to train and validation.

    The source's own label of such a row is not looked at: the agent knows what people approved and nothing else. A
    correction goes before an outcome of the same row, and counts as much as it is certain.

    Parameters
    ----------
    splits
        As `splitting.split` returns them.
    corrections, outcomes
        From the snapshot: `row_id`, `label` (0 or 1, the name of a class, or a number, by the type of the task),
        `content` (see `fingerprints`), corrections also `weight`.
    task
        Its fields are what `content` is about.
    """
    approved = {str(one["row_id"]): (_OUTCOMES, one) for one in outcomes}
    approved |= {str(one["row_id"]): (_USERS, one) for one in corrections}
    found = {name: frame[frame["row_id"].astype(str).isin(approved)] for name, frame in splits.items()}
    place = {
        row: name
        for name, frame in found.items()
        for row, content in fingerprints(frame, task).items()
        if content == approved[row][1]["content"]
    }
    past = found.get(PAST, next(iter(found.values())).head(0))
    past = past[past["row_id"].astype(str).map(place).eq(PAST)]
    said = [approved[row][1] for row in past["row_id"].astype(str)]
    sure = pd.Series([one.get("weight") for one in said], index=past.index, dtype="float64")
    rows = past.assign(
        label=labels.approved([one["label"] for one in said], past["label"]),
        weight=sure.fillna(past["weight"]).astype("float32"),
    )
    unknown = set(rows["row_id"][rows["label"].isna()].astype(str))
    rows = rows.dropna(subset="label").astype({"label": past["label"].dtype})
    back = held_back(rows)
    joined = {name: splits[name] for name in SPLITS}
    joined["train"] = pd.concat([joined["train"], rows[~back]], ignore_index=True)
    joined["validation"] = pd.concat([joined["validation"], rows[back]], ignore_index=True)
    to = dict(zip(rows["row_id"].astype(str), np.where(back, TO_VALIDATION, TO_TRAIN), strict=True))
    to |= dict.fromkeys(unknown, UNKNOWN_CLASS)
    fate = {
        row: to.get(row) or _FATE.get(place.get(row, ""), KEPT_OUT if row in place else NOT_FOUND) for row in approved
    }
    return Relabelled(joined, _table(approved, fate, rows.set_index("row_id")["label"], task))


def _table(
    approved: Mapping[str, tuple[str, Mapping[str, Any]]], fate: Mapping[str, str], label: "pd.Series[Any]", task: Task
) -> pd.DataFrame:
    rows = []
    for source in (_USERS, _OUTCOMES):
        mine = [row for row, (kind, _) in approved.items() if kind == source]
        fates = (*ADDED, WAITING, KEPT_OUT, UNKNOWN_CLASS, NOT_FOUND)
        counts = {name: sum(fate[row] == name for row in mine) for name in fates}
        added = label[label.index.astype(str).isin([row for row in mine if fate[row] in ADDED])]
        rows.append({"from": source, "rows": len(mine), **counts, "labels": labels.in_words(added, task)})
    return pd.DataFrame(rows)
