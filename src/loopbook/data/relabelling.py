"""Relabelling: rows of the agent's past whose label people have approved join the rows to learn from."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
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

_WAIT = ("stream", LATER, PAST)
_FATES = (*ADDED, WAITING, KEPT_OUT, UNKNOWN_CLASS, NOT_FOUND)
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
        `rows`, `to train`, `to validation`, `waiting` (the row's window is not past, or nobody knows its label),
        `kept out` (a row of test, gate or another split that feedback never touches), `unknown class` (the label names
        none of the output's classes), `not found` (no row has this id and content), `labels` (the most frequent among
        those added). Corrections of further outputs have lines of their own.
    """

    splits: dict[str, pd.DataFrame]
    added: pd.DataFrame

    @property
    def rows(self) -> int:
        """How many rows joined, each once, whatever is known of its further outputs."""
        by_source = self.added.set_index("from").loc[[_USERS, _OUTCOMES], list(ADDED)]
        return int(by_source.to_numpy().sum())


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


def arrived(rows: pd.DataFrame, column: str, outcomes: Collection[str]) -> dict[str, Any]:
    """Return a further output of rows by `row_id`, where it is known: it arrives with the row's outcome."""
    known = rows[rows[column].notna() & rows["row_id"].astype(str).isin(list(outcomes))]
    return dict(zip(known["row_id"].astype(str), known[column].tolist(), strict=True))


def further(
    rows: pd.DataFrame, said: Mapping[str, Mapping[str, Any]], outcomes: Collection[str], task: Task
) -> pd.DataFrame:
    """Return rows with their further outputs as far as the agent knows them.

    Parameters
    ----------
    rows
        In canonical form; what the source says of further outputs counts where the row's outcome has arrived alone.
    said
        What people approved, by output and `row_id`; it goes before what arrived.
    outcomes
        `row_id` of the rows whose outcome has arrived.
    """
    ids = rows["row_id"].astype(str)
    known = {}
    for name in task.also:
        taken = arrived(rows, f"label_{name}", outcomes) | dict(said.get(name, {}))
        known[f"label_{name}"] = labels.approved([taken.get(row) for row in ids], rows[f"label_{name}"])
    return rows.assign(**known)


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
        `content` (see `fingerprints`), corrections also `weight`; those of a further output its name as `output`.
    task
        Its fields are what `content` is about.
    """
    approved = {str(one["row_id"]): (_OUTCOMES, one) for one in outcomes}
    approved |= {str(one["row_id"]): (_USERS, one) for one in corrections if not one.get("output")}
    also: dict[str, dict[str, Mapping[str, Any]]] = {name: {} for name in task.also}
    for one in corrections:
        if one.get("output"):
            also.setdefault(str(one["output"]), {})[str(one["row_id"])] = one
    wanted = set(approved).union(*also.values())
    found = {name: frame[frame["row_id"].astype(str).isin(wanted)] for name, frame in splits.items()}
    seen = {row: (name, content) for name, frame in found.items() for row, content in fingerprints(frame, task).items()}

    def there(by_row: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """Return in which split each row lies that still says what it said."""
        return {row: seen[row][0] for row, one in by_row.items() if row in seen and seen[row][1] == one["content"]}

    place = there({row: one for row, (_, one) in approved.items()})
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
    places = {name: there(by_row) for name, by_row in also.items()}
    said_also = {name: {row: also[name][row]["label"] for row in found} for name, found in places.items()}
    rows = further(rows, said_also, {str(one["row_id"]) for one in outcomes}, task)
    back = held_back(rows)
    joined = {name: splits[name] for name in SPLITS}
    joined["train"] = pd.concat([joined["train"], rows[~back]], ignore_index=True)
    joined["validation"] = pd.concat([joined["validation"], rows[back]], ignore_index=True)
    to = dict(zip(rows["row_id"].astype(str), np.where(back, TO_VALIDATION, TO_TRAIN), strict=True))
    to |= dict.fromkeys(unknown, UNKNOWN_CLASS)
    learned = rows.set_index(rows["row_id"].astype(str))

    def counted(source: str, mine: Collection[str], lie: Mapping[str, str], to: Mapping[str, str], output: str) -> None:
        """Note what became of the approved labels of some rows."""
        fate = {row: (row in lie and to.get(row)) or _fate(lie.get(row)) for row in mine}
        counts = {name: list(fate.values()).count(name) for name in _FATES}
        added = learned.get(output, learned["label"])[learned.index.isin([row for row in mine if fate[row] in ADDED])]
        table.append({"from": source, "rows": len(mine), **counts, "labels": labels.in_words(added, task)})

    table: list[dict[str, Any]] = []
    for source in (_USERS, _OUTCOMES):
        counted(source, [row for row, (kind, _) in approved.items() if kind == source], place, to, "label")
    for name, by_row in also.items():
        known = set(past[f"label_{name}"].cat.categories) if name in task.also else set()
        none = [row for row, one in by_row.items() if str(one["label"]) not in known]
        counted(f"{_USERS} of {name}", by_row, places[name], to | dict.fromkeys(none, UNKNOWN_CLASS), f"label_{name}")
    return Relabelled(joined, pd.DataFrame(table))


def _fate(split: str | None) -> str:
    """Return what becomes of a label that joins nothing: its row lies in a split, or is not found."""
    if split is None:
        return NOT_FOUND
    return WAITING if split in _WAIT else KEPT_OUT
