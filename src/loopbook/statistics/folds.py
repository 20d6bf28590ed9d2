"""Folds for cross-validation: groups stay together, and where a model is fitted classes keep their shares."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.scenario.errors import DataError
from loopbook.statistics.coin import coin


@dataclass(frozen=True)
class Fold:
    """One fold: which rows are judged, and on which of the others a model is fitted and its training is stopped."""

    repeat: int
    fold: int
    held: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def grouped(groups: ArrayLike, count: int, seed: int = 0, *, ordered: bool = False) -> NDArray[np.int64]:
    """Return the fold of each row, int64 [n] below `count`: groups are dealt at random, each whole.

    With fewer groups than folds, some folds are empty. Groups are numbered as they first occur and shuffled; where
    `ordered`, a coin of its name says a group's place, so that the order of the rows does not count.
    """
    members, names = pd.factorize(np.asarray(groups))
    if ordered:
        places = np.argsort(np.argsort([coin(f"{seed} {name}") for name in names]))
    else:
        places = np.random.default_rng(seed).permutation(len(names))
    return np.asarray(places[members] % count, dtype=np.int64)


def stratified(
    label: ArrayLike, groups: ArrayLike, count: int, repeats: int, share: float, seed: int
) -> Iterator[Fold]:
    """Give the folds: in each repeat every row is held out once; classes keep their shares and groups stay together.

    Classes of too few groups are dealt together as if they were one, or, if even so they are too few, as if they were
    the largest one: not every fold then has rows of each, neither to learn from nor to judge.

    Parameters
    ----------
    label
        Class of each row [n].
    groups
        Group of each row [n].
    count, repeats
        Folds in a repeat, and how often the rows are dealt anew.
    share
        Of the rows that are not held out, this share ends the training and sets the temperature.
    seed
        Of the dealing.

    Raises
    ------
    DataError
        If fewer than two classes have twice as many groups as there are folds.
    """
    names = pd.factorize(np.asarray(groups))[0]
    y = np.unique(np.asarray(label), return_inverse=True)[1]
    known = np.array([len(np.unique(names[y == one])) for one in range(y.max(initial=0) + 1)])
    if (known >= 2 * count).sum() < 2:
        second = int(np.sort(known)[-2]) if len(known) > 1 else 0
        raise DataError(
            f"{count} folds need at least {2 * count} groups of rows of each class; one class has {second}. "
            "Lower optimization.cv_folds, or set optimization.cv_repeats to 0."
        )
    rare = known[y] < 2 * count
    together = len(np.unique(names[rare])) >= 2 * count
    y = np.where(rare, -1 if together else known.argmax(), y)
    inner = max(2, round(1 / share))
    for repeat in range(repeats):
        for fold, (rest, held) in enumerate(_dealt(y, names, count, seed + 1_000 * repeat)):
            learnt, stopped = next(_dealt(y[rest], names[rest], inner, seed + 1_000 * repeat + fold + 1))
            yield Fold(repeat, fold, held, rest[learnt], rest[stopped])


def _dealt(
    y: NDArray[Any], names: NDArray[np.int64], count: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    whole = len(np.unique(names)) == len(names)  # every row is its own group, and dealing rows is much quicker
    dealer = (StratifiedKFold if whole else StratifiedGroupKFold)(count, shuffle=True, random_state=seed)
    return iter(dealer.split(y, y, None if whole else names))
