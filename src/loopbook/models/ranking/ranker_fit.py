"""Fitting of rankers: scorers on train, the mix and the logit on its last part, then the scorers on all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from loopbook.models.ranking import interactions, mix, scorers, tower_training
from loopbook.models.ranking.mix import Mix
from loopbook.models.ranking.ranker import Progress, Ranker, content_of, hashes
from loopbook.models.ranking.scorers import EASE_LIMIT, Scorer, Scores
from loopbook.models.ranking.tower_training import Examples, Training
from loopbook.models.ranking.towers import Towers
from loopbook.scenario.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from scipy.sparse import csr_array

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal

LENGTH = 20
"""Items of a history that towers read."""
_LATE = 0.2  # of what was taken in train, by time, the part by which the mix and the logit are learned
_LEAST = 20  # taken items that they need
_USERS = 2_000  # of that part from whose lists the mix is learned
_HARD, _RANDOM = 30, 70  # candidates of a list: the best of each part, and any
_ROWS = 50_000  # by which the logit is learned


@dataclass(frozen=True)
class Log:
    """Rows of a ranking as numbers: users and items by position, days, and what became of the item.

    Attributes
    ----------
    user, item
        int [n].
    time
        Days, float [n].
    label, weight
        float [n].
    place
        From 1; 0: not known, int [n].
    shape
        Users and items there are.
    """

    user: NDArray[np.int64]
    item: NDArray[np.int64]
    time: NDArray[np.float64]
    label: NDArray[np.float64]
    weight: NDArray[np.float64]
    place: NDArray[np.int64]
    shape: tuple[int, int]

    def among(self, rows: NDArray[np.bool_]) -> Log:
        """Return some of the rows."""
        user, item, time, label = self.user[rows], self.item[rows], self.time[rows], self.label[rows]
        return Log(user, item, time, label, self.weight[rows], self.place[rows], self.shape)

    @property
    def shown(self) -> bool:
        """Whether it holds lists that were shown: places, and items that were passed over."""
        return bool((self.place > 0).any() and (self.label[self.place > 0] == 0).any())

    @property
    def taken(self) -> Log:
        """The rows whose item was taken."""
        return self.among((self.label > 0) & (self.weight > 0))

    def matrix(self) -> csr_array:
        """Return who took what, [U, I]."""
        took = self.taken
        return interactions.matrix(took.user, took.item, self.shape, took.time)

    def ages(self) -> NDArray[np.float64]:
        """Return the days since each interaction, in the order of ``matrix().data``."""
        took = self.taken
        when = interactions.matrix(took.user, took.item, self.shape, took.time, self.time.max() - took.time)
        return np.asarray(when.data, dtype=np.float64)

    def examples(self) -> Examples:
        """Return what towers learn from: each row with what its user had taken before."""
        took = self.taken
        past = interactions.before((took.user, took.item, took.time), self.user, self.time, LENGTH)
        return Examples(past, self.item, self.label, self.weight, self.place)


Fit = Callable[..., Scorer]


def _towers(goal: Any) -> Fit:
    def fit(log: Log, content: Scores, progress: Progress, **settings: Any) -> Scorer:
        if not content.shape[1]:
            content = np.zeros((log.shape[1], 1), dtype=np.float32)
        return tower_training.fit(content, log.examples(), goal, Training(**settings), progress)

    return fit


PARTS: Mapping[str, Fit] = {
    "popularity": lambda log, *_, **own: scorers.popularity(log.matrix(), **own),
    "recent": lambda log, *_, halflife=14.0: scorers.popularity(log.matrix(), log.ages(), halflife),
    "rate": lambda log, *_, halflife=30.0, **own: scorers.rate(
        log.item, log.label, log.shape[1], 0.5 ** ((log.time.max() - log.time) / halflife), **own
    ),
    "item_knn": lambda log, *_, **own: scorers.item_knn(log.matrix(), **own),
    "ease": lambda log, *_, **own: scorers.ease(log.matrix(), **own),
    "als": lambda log, _, progress, **own: scorers.als(log.matrix(), **own, progress=progress),
    "content": lambda log, content, *_: Towers.content(content, LENGTH),
    "two_tower": _towers("softmax"),
    "click": _towers("click"),
}
"""The scorers by name: each takes a log, the content of the items [I, c], progress, and its settings."""


def log_of(train: pd.DataFrame, target: Any, weight: Any) -> tuple[Log, NDArray[np.str_], NDArray[np.str_]]:
    """Return rows in canonical form as a log, with the names of its users and items."""
    import pandas as pd

    user, users = pd.factorize(train["query"].astype(str), sort=True)
    item, items = pd.factorize(train["item"].astype(str), sort=True)
    time = pd.to_datetime(train["time"], utc=True) if "time" in train else pd.Series(pd.NaT, index=train.index)
    days = (time - time.min()) / pd.Timedelta(days=1)
    known_time = np.asarray(days.fillna(0), dtype=np.float64)
    when = np.arange(len(train), dtype=np.float64) if days.isna().all() else known_time
    place = train["place"].fillna(0).to_numpy(np.int64) if "place" in train else np.zeros(len(train), dtype=np.int64)
    known = np.asarray(np.nan_to_num(np.asarray(target, dtype=np.float64)), dtype=np.float64)
    log = Log(user, item, when, known, np.asarray(weight, dtype=np.float64), place, (len(users), len(items)))
    return log, np.asarray(users), np.asarray(items)


def made(
    features: Features,
    train: pd.DataFrame,
    goals: Sequence[Goal],
    cache: Path | None = None,
    progress: Progress = None,
    *,
    settings: Mapping[str, Mapping[str, Any]],
) -> Ranker:
    """Return what `fit` does, of what an architecture is given."""
    return fit(features, train, goals[0].target, goals[0].weight, settings, cache, progress)


def fit(
    features: Features,
    train: pd.DataFrame,
    target: Any,
    weight: Any,
    settings: Mapping[str, Mapping[str, Any]],
    cache: Path | None = None,
    progress: Progress = None,
) -> Ranker:
    """Fit one scorer, or several and their mix, to rows of train.

    Parameters
    ----------
    target, weight
        Whether each row's item was taken, and how much the row counts, [n].
    settings
        Those of each part, by its name in `PARTS`.

    Raises
    ------
    DataError
        If hardly anything was taken in the last part of train.
    """
    log, users, items = log_of(train, target, weight)
    first = train.drop_duplicates("item").sort_values("item", key=lambda name: name.astype(str))
    beside = _of_items(features, train, log)
    reads = any(name in ("content", "two_tower", "click") for name in settings)
    content = content_of(features, first, beside, cache, progress) if reads else np.zeros((len(items), 0), np.float32)
    return fit_log(log, users, items, content, settings, beside, progress)


def fit_log(
    log: Log,
    users: Iterable[Any],
    items: Iterable[Any],
    content: Scores,
    settings: Mapping[str, Mapping[str, Any]],
    beside: NDArray[np.bool_] | None = None,
    progress: Progress = None,
) -> Ranker:
    """Fit a ranker to a log, as `fit` does; `content` is that of its items, float32 [I, c]."""
    settings = _possible(settings, log, progress)
    took = log.taken
    cut = float(np.quantile(took.time, 1 - _LATE))
    early, late = log.among(log.time <= cut), log.among(log.time > cut)
    if len(late.taken.user) < _LEAST or len(early.taken.user) < _LEAST:
        raise DataError(
            f"A ranker learns how its scores are mixed, and what they are worth, from the last {_LATE:.0%} of what was "
            f"taken in train: {len(late.taken.user)} items, {_LEAST} at least. Take more days, or more users."
        )
    known = hashes(users)
    order = np.argsort(known)
    trial = _assembled(early, known, order, items, content, settings, beside, progress)
    chosen = (_by_lists if late.shown else _by_candidates)(trial, early, late) if len(settings) > 1 else trial.mix
    slope, intercept = _platt(Ranker(**{**vars(trial), "mix": chosen}), early, late)
    found = _assembled(log, known, order, items, content, settings, beside, progress)
    return Ranker(**{**vars(found), "mix": chosen, "slope": slope, "intercept": intercept})


def _possible(
    settings: Mapping[str, Mapping[str, Any]], log: Log, progress: Progress
) -> Mapping[str, Mapping[str, Any]]:
    """Return the settings of the parts that can be fitted: a mix does without EASE where there are too many items."""
    if len(settings) < 2 or log.shape[1] <= EASE_LIMIT or "ease" not in settings:
        return settings
    if progress:
        progress(f"mix: EASE is left out, {log.shape[1]:,} items are more than {EASE_LIMIT:,}")
    return {name: own for name, own in settings.items() if name != "ease"}


def _assembled(
    log: Log,
    users: NDArray[np.uint64],
    order: NDArray[np.int64],
    items: Any,
    content: Scores,
    settings: Mapping[str, Mapping[str, Any]],
    beside: NDArray[np.bool_] | None,
    progress: Progress,
) -> Ranker:
    from scipy.sparse import csr_array, vstack

    parts = {name: PARTS[name](log, content, progress, **own) for name, own in settings.items()}
    history = log.matrix()
    past = csr_array(vstack([history[order], csr_array((1, log.shape[1]), dtype=np.float32)], format="csr"))
    counts = np.bincount(history.indices, minlength=log.shape[1])
    own = np.zeros(0, dtype=np.bool_) if beside is None else beside
    return Ranker(tuple(map(str, items)), counts, users[order], past, parts, mix.equal(list(parts)), 1.0, 0.0, own)


def _by_lists(trial: Ranker, early: Log, late: Log) -> Mix:
    """Learn what each part counts from lists that were shown: what was taken of a list, its places allowed for.

    What was never shown was not passed over, so that the favour of being shown often is not learned.
    """
    past, some = early.matrix(), late.among((late.place > 0) & (late.weight > 0))
    some = some.among(np.isin(some.user, np.random.default_rng(0).permutation(np.unique(some.user))[:_USERS]))
    order = np.lexsort((some.place, some.time, some.user))
    user, item, taken, place = (getattr(some, name)[order] for name in ("user", "item", "label", "place"))
    fresh = np.append(True, (np.diff(user) != 0) | (np.diff(some.time[order]) != 0))
    users, row = np.unique(user, return_inverse=True)
    each = np.empty((len(user), len(trial.parts)))
    block = max(1, 2_000_000 // len(trial.items))
    for start in range(0, len(users), block):
        own = (row >= start) & (row < start + block)
        found = trial.each(past[users[start : start + block]])
        each[own] = np.stack([score[row[own] - start, item[own]] for score in found.values()], axis=1)
    length, cold = np.diff(past.indptr)[user], trial.counts[item] == 0
    return mix.fit(trial.mix.parts, each, np.cumsum(fresh), taken > 0, length, cold, np.log(place))


def _by_candidates(trial: Ranker, early: Log, late: Log) -> Mix:
    """Learn what each part counts from the users of the late part: what they took among candidates."""
    random, past, new = np.random.default_rng(0), early.matrix(), late.matrix()
    asked = np.flatnonzero(np.diff(new.indptr))
    asked = np.sort(random.permutation(asked)[:_USERS])
    rows: list[tuple[Any, ...]] = []
    cold = trial.counts == 0
    block = max(1, 2_000_000 // len(cold))
    for start in range(0, len(asked), block):
        users = asked[start : start + block]
        each = trial.each(past[users])
        together = np.stack(list(each.values()))
        for at, user in enumerate(users):
            took = new.indices[new.indptr[user] : new.indptr[user + 1]]
            seen = past.indices[past.indptr[user] : past.indptr[user + 1]]
            best = np.argpartition(-together[:, at], min(_HARD, len(cold) - 1), axis=1)[:, :_HARD].ravel()
            others = np.concatenate([best, random.integers(len(cold), size=_RANDOM)])
            fresh = np.setdiff1d(took, seen)
            chosen = np.union1d(np.setdiff1d(others, seen), fresh)
            if len(fresh):
                rows.append((together[:, at, chosen].T, user, np.isin(chosen, fresh), len(seen), cold[chosen]))
    sizes = [len(row[0]) for row in rows]
    group, length = (np.repeat([row[at] for row in rows], sizes) for at in (1, 3))
    scores, taken, unknown = (np.concatenate([row[at] for row in rows]) for at in (0, 2, 4))
    return mix.fit(trial.mix.parts, scores.astype(np.float64), group, taken, length, unknown)


def _platt(ranker: Ranker, early: Log, late: Log) -> tuple[float, float]:
    """Return slope and intercept of the logit in the mixed score, by the late rows."""
    from sklearn.linear_model import LogisticRegression

    some = np.sort(np.random.default_rng(1).permutation(len(late.user))[:_ROWS])
    users, row = np.unique(late.user[some], return_inverse=True)
    past, score = early.matrix(), np.zeros(len(some))
    block = max(1, 4_000_000 // len(ranker.items))
    for start in range(0, len(users), block):
        own = (row >= start) & (row < start + block)
        score[own] = ranker.mixed(past[users[start : start + block]])[row[own] - start, late.item[some][own]]
    label = late.label[some] > 0
    if label.all():
        raise DataError("A ranker needs rows whose item was not taken beside those whose was: set task.negatives.")
    found = LogisticRegression(C=1e4).fit(score[:, None], label, late.weight[some])
    return max(float(found.coef_[0, 0]), 1e-3), float(found.intercept_[0])


def _of_items(features: Features, train: pd.DataFrame, log: Log) -> NDArray[np.bool_]:
    """Return which columns of the table are the items' own: they differ within an item by little."""
    if not features.width:
        return np.zeros(0, dtype=np.bool_)
    table = features.table(train).astype(np.float64)
    count = np.bincount(log.item)[:, None]
    mean = np.stack([np.bincount(log.item, column) for column in table.T], axis=1) / count
    within = ((table - mean[log.item]) ** 2).mean(axis=0)
    return np.asarray(within <= 0.1 * table.var(axis=0) + 1e-12)
