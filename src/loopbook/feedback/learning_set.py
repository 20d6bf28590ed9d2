"""What a challenger learns from, and what it is judged on: two sides that never share a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import labels as words
from loopbook.data import relabelling
from loopbook.data.relabelling import HELD_BACK
from loopbook.feedback.trust import Trust
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Ranking, Task


@dataclass(frozen=True, eq=False)
class LearningSet:
    """Rows to learn from and rows to judge by.

    Attributes
    ----------
    train
        The champion's training rows, and behind them the rows of the stream whose label is known by now.
    recent
        Rows of the stream with a known outcome that nobody learns from; what users say of them does not count either,
        so that flipped labels cannot judge themselves.
    added
        How many rows came to train, by where their label is from: `from`, `rows`, `labels` (the most frequent),
        `weight` (sum).
    groups
        Groups of these rows; the champion knows none of what became of them later.
    """

    train: pd.DataFrame
    recent: pd.DataFrame
    added: pd.DataFrame
    groups: frozenset[str]

    def untaught(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of groups that were not added to train.

        A split by time parts groups: an author, a customer has rows in the gate and in the stream. Who learned what
        became of one later would know the answer at the gate, and be no better for it on anybody else.
        """
        return rows[~rows["group"].astype(str).isin(self.groups)].reset_index(drop=True)


def build(
    train: pd.DataFrame,
    stream: pd.DataFrame,
    judged: Trust,
    outcomes: Mapping[str, Any],
    task: Task,
    *,
    held_back: float = HELD_BACK,
    seed: int = 1,
) -> LearningSet:
    """Add to the training rows what has been learned of the stream.

    Whole groups are held back, by a stable hash, so that rows of one article or author are on one side.

    Parameters
    ----------
    train, stream
        Splits in canonical form. The stream's own labels are not looked at.
    judged
        What users say, as `trust.judge` returns it; of these the accepted ones count, each as much as it is certain.
        Further outputs of a row count as users say, or as they are where its outcome has arrived.
    outcomes
        What has become known, by `row_id`: 0 or 1, the name of a class, or a number. A user's accepted label goes
        before, because it was found by weighing the outcome against all witnesses.
    task
        Its type says what a label is.
    held_back
        Share of the groups to judge by.
    seed
        Of the hash.

    Raises
    ------
    DataError
        If a row is in train and in stream.
    """
    twice = set(train["row_id"].astype(str)) & set(stream["row_id"].astype(str))
    if twice:
        raise DataError(f"{len(twice)} rows are in train and in stream, {min(twice)!r} for one; split them anew.")
    ids = stream["row_id"].astype(str)
    kept_back = relabelling.held_back(stream, held_back, seed)
    outcome = ids.map(dict(outcomes)).astype(object)
    accepted = judged.labels[judged.labels["accepted"].astype(bool)].set_index("row_id")
    said = ids.map(accepted["label"].astype(object)).astype(object)
    certain = ids.map(2 * accepted["confidence"] - 1)

    taught = ~kept_back & (outcome.notna() | said.notna()).to_numpy(dtype=bool)
    by_user = taught & said.notna().to_numpy(dtype=bool)
    label = said.where(said.notna(), outcome)
    weight = certain.where(pd.Series(by_user, index=stream.index), stream["weight"].astype("float64"))
    known = train["label"].dtype  # of rows that a service decided, the stream's has room for what nobody knows
    learned = _as_in(stream, label, taught).astype(known)
    rows = stream[taught].assign(label=learned, weight=weight[taught].astype("float32"))
    also = {name: said.accepted for name, said in judged.also.items()}
    rows = relabelling.further(rows, also, outcomes, task)
    judges = kept_back & outcome.notna().to_numpy(dtype=bool)
    recent = stream[judges].assign(label=_as_in(stream, outcome, judges).astype(known)).reset_index(drop=True)
    known_by = "clicks" if isinstance(task, Ranking) else "outcomes"
    added = pd.DataFrame(
        [
            {
                "from": source,
                "rows": int(mask.sum()),
                "labels": words.in_words(_as_in(stream, label, mask), task),
                "weight": float(weight[mask].sum()),
            }
            for source, mask in (("users", by_user), (known_by, taught & ~by_user))
        ]
        + [_added(rows[rows["row_id"].astype(str).isin(list(by_row))], name, task) for name, by_row in also.items()]
    )
    taught_groups = frozenset(rows["group"].astype(str))
    return LearningSet(pd.concat([train, rows], ignore_index=True), recent, added, taught_groups)


def _added(rows: pd.DataFrame, name: str, task: Task) -> dict[str, Any]:
    """Return what was added of a further output that users named."""
    told = words.in_words(rows[f"label_{name}"], task)
    return {"from": f"users on {name}", "rows": len(rows), "labels": told, "weight": float(rows["weight"].sum())}


def _as_in(stream: pd.DataFrame, label: "pd.Series[Any]", rows: NDArray[np.bool_]) -> "pd.Series[Any]":
    """Return labels of some rows of the stream in the type that its own label has."""
    like = stream["label"][rows]
    return words.approved(label[rows].tolist(), like).astype(like.dtype)
