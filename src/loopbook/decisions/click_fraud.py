"""Click fraud: which places of served lists say what a user likes, and whose clicks no reader can have made."""

import numpy as np
import pandas as pd

from loopbook.statistics import examination
from loopbook.statistics.significance import holm

AGAIN, HASTY, FRAUD = (
    "places shown again on a day",
    "places of lists beyond what a user can read in an hour",
    "places of users who click more than they can have looked at",
)
"""Why a place teaches nothing."""

LEVEL = 0.01
"""Probability that any honest user is left out, over all users."""


def why(shown: pd.DataFrame, looked: pd.DataFrame | None, most_an_hour: int) -> "pd.Series[str]":
    """Return why each place of served lists is left out; empty for what counts.

    A user has one list all day, so an item counts once a user and day: where it was clicked, else where it first stood.
    Of an hour's lists the first `most_an_hour` count. A user is left out whose clicks are beyond chance even for one
    who likes everything (`examination.beyond`, Holm over users): a keen reader stays, who clicks at random does not.

    Parameters
    ----------
    shown
        Sealed lists, `list_log.LINE`.
    looked
        Examination by place, from rows that no caller has reported; None: nobody is left out for clicking much.
    most_an_hour
        Lists of one user.
    """
    found = pd.Series("", shown.index, dtype="str")
    shown = shown.assign(query=shown["query"].fillna(shown["shown"]))  # who was forgotten is nobody else
    ordered = shown.sort_values(["written", "shown", "place"], kind="stable")
    lists = ordered.drop_duplicates("shown")
    number = lists.groupby(["query", lists["written"].dt.floor("h")]).cumcount()
    found[shown["shown"].isin(lists.loc[number >= most_an_hour, "shown"])] = HASTY
    kept = ordered[found[ordered.index] == ""].assign(day=ordered["written"].dt.floor("D"))
    kept = kept.sort_values("label", ascending=False, kind="stable", na_position="last")  # a click goes before
    found[kept.index[kept.duplicated(["query", "item", "day"])]] = AGAIN
    said = shown[(found == "") & shown["label"].notna()]
    if looked is not None and len(said):
        found[(found == "") & shown["query"].isin(_fraudulent(said, looked))] = FRAUD
    return found


def _fraudulent(said: pd.DataFrame, looked: pd.DataFrame) -> list[str]:
    """Return users who click beyond the upper ends of the examination of places."""
    theta = looked["high"].fillna(1).clip(0, 1).to_numpy()
    user, users = pd.factorize(said["query"])
    place = np.minimum(said["place"].to_numpy(np.int64), len(theta)) - 1
    views, clicks = np.zeros((2, len(users), len(theta)))
    np.add.at(views, (user, place), 1)
    np.add.at(clicks, (user, place), said["label"].to_numpy(np.float64))
    p = [examination.beyond(own, taken, theta) for own, taken in zip(views, clicks, strict=True)]
    return [str(name) for name in users[holm(p) < LEVEL]]
