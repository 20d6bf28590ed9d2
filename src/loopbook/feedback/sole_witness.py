"""Influence of single raters: labels that rest on one user's word alone, and how many a user has earned by checks.

A user who lies only where nobody can see it is not found by any test. What such a user can gain is bounded instead.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype

from loopbook.statistics.coin import coin


def alone(labels: pd.DataFrame, answers: pd.DataFrame, outcomes: Mapping[str, Any]) -> "pd.Series[Any]":
    """Return on whose word alone accepted labels rest, user by `row_id`; an outcome that agrees is a witness, too.

    Parameters
    ----------
    labels
        As `trust.Trust` has them.
    answers
        Of believed users.
    outcomes
        What has become known, by `row_id`.
    """
    taken = labels[labels["accepted"] & (labels["votes"] - labels["against"] == 1)]
    same = taken["row_id"].map(dict(outcomes)).astype(object) == taken["label"].astype(object)
    taken = taken[~same.to_numpy(dtype=bool)][["row_id", "label"]]
    said = answers[["row_id", "user", "label"]].astype({"row_id": "str", "user": "str"})
    found = said.merge(taken, on="row_id", suffixes=("", "_taken"))
    if is_float_dtype(found["label"].dtype):
        found = found.assign(off=(found["label"] - found["label_taken"]).abs()).sort_values("off", kind="stable")
    else:
        found = found[found["label"].astype(object) == found["label_taken"].astype(object)]
    return found.drop_duplicates("row_id").set_index("row_id")["user"]


def earned(checked: pd.DataFrame, most: float) -> "pd.Series[float]":
    """Return how many labels each user may give alone, by `user`.

    `most` for each answer that an outcome has shown right, which a honeypot has as well; one for each that somebody has
    confirmed who answered later: peers may have arranged it, and who answers after others may have copied them.
    """
    worth = np.where(checked["known"], most, np.where(checked["first"], min(most, 1.0), 0.0))
    return (checked["right"] * worth).groupby(checked["user"]).sum()


def beyond(whose: "pd.Series[Any]", credit: "pd.Series[float]") -> set[str]:
    """Return the rows that are not taken over, because their user has not earned so many.

    Which ones a hash decides, so that nobody can choose them.
    """
    allowed = np.floor(credit.reindex(whose, fill_value=0.0).to_numpy())
    order = pd.Series([coin(f"alone {row}") for row in whose.index], index=whose.index, dtype="float64")
    place = order.groupby(whose).rank(method="first")
    return set(whose.index[(place > allowed).to_numpy(dtype=bool)])
