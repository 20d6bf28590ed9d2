"""Full ranking: every item is ranked for every user, and the first places are held against what was taken later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.models.ranking import interactions
from loopbook.models.ranking.ranker import Progress, Ranker
from loopbook.scenario.errors import DataError
from loopbook.statistics import ranking

if TYPE_CHECKING:
    from scipy.sparse import csr_array

RAW, DEBIASED = "as logged", "exposure taken out"
NEW_USERS, RARE_ITEMS, NEW_ITEMS = "new users", "rare items", "new items"
_HEAD = 0.2  # of the items that were taken, the most popular; all others are rare
_CLIPPED = 0.99  # quantile of the gains above which none counts more
_BLOCK = 4_000_000  # scores in memory at a time


@dataclass(frozen=True)
class Evaluation:
    """What a full ranking has shown.

    Attributes
    ----------
    table
        A row each: ``ranker, clicks`` (`RAW` or `DEBIASED`), ``metric, value, low, high, users``.
    segments
        Of the clicks as logged: ``segment, ranker, metric, value, low, high, users``.
    beyond
        Index ``ranker``: coverage, gini, novelty, popularity_lift, and diversity where vectors are given.
    lists
        Of each ranker, columns of `items` by user, int64 [q, k].
    by_user
        Of each kind of clicks and ranker, as `ranking.by_user` returns it.
    users, items
        Names, in the order of rows and columns.
    """

    table: pd.DataFrame
    segments: pd.DataFrame
    beyond: pd.DataFrame
    lists: Mapping[str, ranking.Lists]
    by_user: Mapping[tuple[str, str], pd.DataFrame]
    users: tuple[str, ...]
    items: tuple[str, ...]

    def paired(self, first: str, metric: str = "ndcg", clicks: str = RAW) -> pd.DataFrame:
        """Return by how much one ranker is better than each other, of the same users: ``ranker, value, low, high``."""
        own = self.by_user[clicks, first][metric]
        others = [name for kind, name in self.by_user if kind == clicks and name != first]
        gains = [ranking.paired(own, self.by_user[clicks, name][metric]) for name in others]
        return pd.DataFrame(gains, columns=["value", "low", "high"]).assign(ranker=others).set_index("ranker")


def full(
    rankers: Mapping[str, Ranker],
    known: pd.DataFrame,
    test: pd.DataFrame,
    items: pd.DataFrame,
    *,
    examination: NDArray[Any] | None = None,
    allowed: NDArray[np.bool_] | None = None,
    vectors: NDArray[Any] | None = None,
    at: int = ranking.AT,
    progress: Progress = None,
) -> Evaluation:
    r"""Rank all items for all users who took something later, and judge the lists.

    What a user had taken before is not ranked again. Clicks on lists that somebody chose favour what he chose; where
    the propensities are known, they are counted once more with their `gains`.

    Parameters
    ----------
    rankers
        By name; each knows all items (`Ranker.over`).
    known, test
        Rows in canonical form: what was known when the lists are made, and what came later.
    items
        A column ``item``: what may be shown.
    examination
        Probability that each place is looked at, [places]; None: as if all were.
    allowed
        Items that may stand in a list, bool [I]; None: all.
    vectors
        Of the items, for the diversity of lists, [I, d].

    Raises
    ------
    DataError
        If a ranker does not know all items, or nobody took anything in `test`.
    """
    names = tuple(items["item"].astype(str))
    position = {name: at for at, name in enumerate(names)}
    later = test[(test["label"] == 1) & test["item"].astype(str).isin(position)]
    users = tuple(sorted(set(later["query"].astype(str))))
    if not users:
        raise DataError("Nobody took an item of these in the rows to be judged by: there is nothing to rank for.")
    place = {user: row for row, user in enumerate(users)}
    before = known[(known["label"] == 1) & known["item"].astype(str).isin(position)]
    counts = before.drop_duplicates(["query", "item"])["item"].astype(str).map(position)
    popularity = np.bincount(counts, minlength=len(names))
    history = _matrix(before[before["query"].astype(str).isin(place)], place, position)
    taken = {RAW: _new(_matrix(later, place, position), history)}
    if "propensity" in later and later["propensity"].notna().all():
        taken[DEBIASED] = _new(_matrix(later, place, position, gains(later, examination)), history)
    lists = {name: top(ranker, history, names, at, allowed, progress) for name, ranker in rankers.items()}
    each = {
        (kind, name): ranking.by_user(shown, took, at) for kind, took in taken.items() for name, shown in lists.items()
    }
    rare = (popularity > 0) & (popularity < np.quantile(popularity[popularity > 0], 1 - _HEAD))
    novice = np.diff(history.indptr) == 0
    parts = {
        NEW_USERS: {name: found.where(pd.Series(novice)) for (kind, name), found in each.items() if kind == RAW},
        RARE_ITEMS: {name: ranking.by_user(shown, _only(taken[RAW], rare), at) for name, shown in lists.items()},
        NEW_ITEMS: {
            name: ranking.by_user(shown, _only(taken[RAW], popularity == 0), at) for name, shown in lists.items()
        },
    }
    beyond = {name: ranking.beyond_accuracy(shown, history, popularity, vectors) for name, shown in lists.items()}
    return Evaluation(
        pd.concat([_scores(found, ranker=name, clicks=kind) for (kind, name), found in each.items()]),
        pd.concat(
            [_scores(found, segment=part, ranker=name) for part, of in parts.items() for name, found in of.items()]
        ),
        pd.DataFrame(beyond).T.rename_axis("ranker"),
        lists,
        each,
        users,
        names,
    )


def gains(rows: pd.DataFrame, examination: ArrayLike | None) -> NDArray[np.float64]:
    r"""Return what each taken row counts, [n]: :math:`1 / (\text{examination} \cdot \text{propensity})`, clipped.

    Clicks on lists that somebody chose favour what he chose. Without propensities each counts 1 (Yang et al. 2018,
    Unbiased offline recommender evaluation for missing-not-at-random implicit feedback).

    Parameters
    ----------
    examination
        Probability that each place is looked at, [places]; None: as if all were.
    """
    if not len(rows) or "propensity" not in rows or not rows["propensity"].notna().all():
        return np.ones(len(rows))
    odds = rows["propensity"].to_numpy(np.float64)
    if examination is not None:
        looked = np.asarray(examination, dtype=np.float64)
        place = rows["place"].fillna(1).to_numpy(np.int64) - 1
        odds = odds * looked[np.clip(place, 0, len(looked) - 1)].clip(1e-3)
    gain = 1 / np.maximum(odds, 1e-9)
    return np.asarray(np.minimum(gain, np.quantile(gain, _CLIPPED)))


def top(
    ranker: Ranker,
    history: csr_array,
    items: tuple[str, ...],
    at: int = ranking.AT,
    allowed: NDArray[np.bool_] | None = None,
    progress: Progress = None,
) -> ranking.Lists:
    """Return the first places of the full ranking of items for histories [q, I], columns of items, int64 [q, at]."""
    missing = [name for name in items if name not in ranker.position]
    if missing:
        raise DataError(
            f"The ranker does not know {len(missing):,} items, such as {missing[0]!r}; ask ranker.over(items)."
        )
    columns = np.array([ranker.position[name] for name in items], dtype=np.int64)
    same = len(columns) == len(ranker.items) and bool((columns == np.arange(len(columns))).all())
    wide = history.copy()
    wide.indices = columns[history.indices].astype(history.indices.dtype)
    wide = interactions.of_items(_reshaped(wide, len(ranker.items)), len(ranker.items))
    found = np.empty((history.shape[0], min(at, len(items))), dtype=np.int64)
    block = max(1, _BLOCK // len(ranker.items))
    for start in range(0, history.shape[0], block):
        own = ranker.mixed(wide[start : start + block])
        scores = own if same else own[:, columns]
        part = history[start : start + block]
        scores[np.repeat(np.arange(part.shape[0]), np.diff(part.indptr)), part.indices] = -np.inf
        if allowed is not None:
            scores[:, ~allowed] = -np.inf
        best = np.argpartition(-scores, found.shape[1] - 1, axis=1)[:, : found.shape[1]]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, axis=1)
        shut = ~np.isfinite(np.take_along_axis(scores, best, axis=1))
        found[start : start + block] = np.where(shut, -1, best)
        if progress:
            progress(f"full ranking: {min(start + block, len(found)):,} of {len(found):,} users")
    return found


def _matrix(rows: pd.DataFrame, place: Mapping[str, int], position: Mapping[str, int], values: Any = None) -> csr_array:
    user, item = rows["query"].astype(str).map(place), rows["item"].astype(str).map(position)
    return interactions.matrix(user, item, (len(place), len(position)), rows["time"], values)


def _reshaped(matrix: csr_array, items: int) -> csr_array:
    from scipy.sparse import csr_array

    return csr_array((matrix.data, matrix.indices, matrix.indptr), shape=(matrix.shape[0], items))


def _new(taken: csr_array, history: csr_array) -> csr_array:
    """Return what was taken without what had been taken before."""
    again = taken.multiply(history > 0)
    left = (taken - again).tocsr()
    left.eliminate_zeros()
    return left


def _only(taken: csr_array, items: NDArray[np.bool_]) -> csr_array:
    left = taken.multiply(items[None].astype(np.float32)).tocsr()
    left.eliminate_zeros()
    return left


def _scores(each: pd.DataFrame, **names: str) -> pd.DataFrame:
    return pd.DataFrame(ranking.scores(each).reset_index().assign(**names))
