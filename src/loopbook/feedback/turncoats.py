"""Reliability by slice: who is right on the whole and wrong of late, in one segment, or where nobody else looks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_float_dtype

from loopbook.feedback import rater_bias
from loopbook.feedback.dawid_skene import MALICIOUS, OUTCOME, PRIOR
from loopbook.monitoring.segment_values import memberships

LEAST = 5
"""Checked answers that a slice needs."""

COLUMNS = ("user", "where", "checked", "reliability", "high", "elsewhere", "turned")

Floats = NDArray[np.float64]


def checks(answers: pd.DataFrame, users: pd.DataFrame, outcomes: Mapping[str, Any]) -> pd.DataFrame:
    """Return the answers that can be checked, each held against all other witnesses of its row, itself left out.

    Parameters
    ----------
    answers
        With a label each.
    users
        As `trust.Trust` has them: how reliable each is. Malicious users check nobody.
    outcomes
        What has become known, by `row_id`.

    Returns
    -------
    DataFrame
        `row_id`, `user`, `time`, `right` (the probability, of a number 0 or 1, that the answer is right), `known`
        (there is an outcome), `of` (class of the row by these witnesses), `first` (nobody has answered before), `lone`
        (nobody else has answered).
    """
    told = answers[["row_id", "user", "time", "label"]].astype({"row_id": "str", "user": "str"}).reset_index(drop=True)
    known = told["row_id"].isin(set(outcomes))
    order = told["time"].rank(method="first").groupby(told["row_id"]).rank(method="first")
    believed = ~told["user"].isin(users.loc[users["verdict"] == MALICIOUS, "user"])
    votes = believed.groupby(told["row_id"]).transform("sum")
    if is_float_dtype(told["label"].dtype):
        right, of = rater_bias.near(told, outcomes), np.full(len(told), "", dtype=object)
    else:
        right, of = _right(told, users.set_index("user")["reliability"], outcomes, believed.to_numpy())
    first = ((order == 1) | told["time"].isna()).to_numpy(dtype=bool)
    found = told.assign(right=right, of=of, known=known, first=first, lone=votes - believed == 0)
    return found[known | ~found["lone"]].drop(columns="label").reset_index(drop=True)


def _right(
    told: pd.DataFrame, reliability: "pd.Series[float]", outcomes: Mapping[str, Any], believed: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.object_]]:
    """Return how probable each answer is by the other believed users and the outcome of its row; and the row's class.

    Only of two classes: of more, `dawid_skene` judges a user by class, and allows for classes that are hard for all.
    """
    label = told["label"]
    named = isinstance(label.dtype, pd.CategoricalDtype)
    names = label.cat.categories.tolist() if named else [0, 1]
    code = label.cat.codes.to_numpy(np.int64) if named else label.to_numpy(np.int64)
    row, ids = pd.factorize(told["row_id"])
    k, at = len(names), np.arange(len(told))
    p = told["user"].map(reliability).to_numpy(np.float64).clip(0.01, 0.99)
    weight = np.where(believed, np.log(p) - np.log((1 - p) / (k - 1)), 0.0)
    logits = np.zeros((len(ids), k))
    np.add.at(logits, (row, code), weight)
    place = {name: number for number, name in enumerate(names)}
    known = np.array([place.get(outcomes.get(name), -1) for name in ids], dtype=np.int64)
    has = np.flatnonzero(known >= 0)
    logits[has, known[has]] += np.log(OUTCOME) - np.log((1 - OUTCOME) / (k - 1))
    without = logits[row]
    without[at, code] -= weight
    without -= without.max(axis=1, keepdims=True)
    odds = np.exp(without)
    of = np.array([f"rows of class {name}" for name in names] if k == 2 else [""] * k, dtype=object)
    return odds[at, code] / odds.sum(axis=1), of[odds.argmax(axis=1)]


def slices(checked: pd.DataFrame, stream: pd.DataFrame | None, segments: Sequence[str]) -> pd.DataFrame:
    """Return how reliable each user is of late, in each segment, and alone; the worst slice of each comes first.

    A user has turned in a slice who is certainly more often wrong than right there, and certainly more often right than
    wrong elsewhere: the upper end of one interval and the lower end of the other (a newcomer's Beta prior, 2.5%, shared
    by all the user's slices). Who is wrong everywhere is left to the model of all answers, which knows hard classes.

    Parameters
    ----------
    checked
        What `checks` returned.
    stream
        The rows, with the columns of `segments`.
    segments
        Columns whose values are segments; one that the stream does not have is left out.

    Returns
    -------
    DataFrame
        A row for each user with a slice of `LEAST` checked answers, the most suspicious first: `user`, `where`,
        `checked`, `reliability`, `high`, `elsewhere` (lower end of the interval on all other answers), `turned`.
    """
    from scipy.stats import beta

    of_row = _segments(stream, segments)
    rows: list[tuple[Any, ...]] = []
    for user, mine in checked.sort_values("time", kind="stable").groupby("user", sort=True):
        right = mine["right"].to_numpy(np.float64)
        found = {f"the last {n}": right[-n:] for n in _lengths(len(right))}
        lone = (mine["lone"] & mine["known"]).to_numpy(dtype=bool)
        found |= {"where nobody else answered": right[lone]} if (~lone).any() else {}
        of = zip(mine["row_id"], mine["of"], strict=True)
        each = pd.Series([[*of_row.get(row, []), *([name] if name else [])] for row, name in of], mine.index).explode()
        found |= {str(name): right[mine.index.isin(at)] for name, at in each.groupby(each).groups.items()}
        found = {where: part for where, part in found.items() if len(part) >= LEAST}
        for where, part in found.items():
            a, b = PRIOR[0] + part.sum(), PRIOR[1] + len(part) - part.sum()
            rest, of_rest = right.sum() - part.sum(), len(right) - len(part)
            high = beta.ppf(1 - 0.025 / len(found), a, b)
            elsewhere = beta.ppf(0.025, PRIOR[0] + rest, PRIOR[1] + of_rest - rest)
            rows.append((user, where, len(part), a / (a + b), high, elsewhere, high < 0.5 < elsewhere))
    table = pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(["high", "user", "where"], kind="stable")
    return table.drop_duplicates("user").reset_index(drop=True)


def _lengths(count: int) -> list[int]:
    """Return lengths of the ends of a history that are looked at: each twice as long as the one before."""
    doubled = [LEAST * 2**power for power in range(1, 12)]
    return [n for n in doubled if n < count]


def _segments(stream: pd.DataFrame | None, segments: Sequence[str]) -> dict[str, list[str]]:
    """Return the segments of each row, by `row_id`."""
    present = tuple(name for name in segments if stream is not None and name in stream)
    found: dict[str, list[str]] = {}
    if stream is not None:
        ids = stream["row_id"].astype(str).tolist()
        for row, segment in memberships(stream, present):
            found.setdefault(ids[row], []).append(segment)
    return found
