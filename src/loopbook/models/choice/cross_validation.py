"""Repeated cross-validation: where rows are few, one split says more about the split than about the model.

Every fold is fitted by the same fit as any other and kept by itself, so that what was interrupted goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.data.features import Features
from loopbook.models import seen_rows
from loopbook.models.model import Model
from loopbook.models.training import fit_store
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.errors import DataError
from loopbook.statistics import metrics
from loopbook.statistics.corrected import interval

if TYPE_CHECKING:
    from loopbook.store.stage import Stage

COLUMNS = ["repeat", "fold", "row_id", "label", "probability", "baseline"]
"""What `run` returns: `probability` is the champion's, `baseline` that of the plain baseline."""


@dataclass(frozen=True)
class Fold:
    """One fold: which rows are judged, and on which of the others a model is fitted and its training is stopped."""

    repeat: int
    fold: int
    held: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]


def folds(label: ArrayLike, groups: ArrayLike, count: int, repeats: int, share: float, seed: int) -> Iterator[Fold]:
    """Give the folds: in each repeat every row is held out once; classes keep their shares and groups stay together.

    Parameters
    ----------
    label
        0 or 1 [n].
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
        If a class has fewer groups than there are folds.
    """
    y, names = np.asarray(label), pd.factorize(np.asarray(groups))[0]
    for value in (0, 1):
        known = len(np.unique(names[y == value]))
        if known < 2 * count:
            raise DataError(
                f"{count} folds need at least {2 * count} groups of rows of each class; one class has {known}. "
                "Lower optimization.cv_folds, or set optimization.cv_repeats to 0."
            )
    inner = max(2, round(1 / share))
    for repeat in range(repeats):
        for fold, (rest, held) in enumerate(_dealt(y, names, count, seed + 1_000 * repeat)):
            learnt, stopped = next(_dealt(y[rest], names[rest], inner, seed + 1_000 * repeat + fold + 1))
            yield Fold(repeat, fold, held, rest[learnt], rest[stopped])


def run(stage: Stage, rows: pd.DataFrame, champion: Method, baseline: Method, share: float) -> pd.DataFrame:
    """Fit champion and baseline on every fold, and return what they say of the rows that they have not seen.

    Parameters
    ----------
    stage
        Stage 04: its settings say how many folds and repeats; its store keeps every fit.
    rows
        Rows to deal, in canonical form, neither of the gate nor of the stream. Features are fitted inside each fold.
    champion, baseline
        Chosen before; a champion that is the baseline is fitted once.
    share
        As in `folds`.

    Returns
    -------
    DataFrame
        `COLUMNS`, a row for each row and repeat; empty if ``cv_repeats`` is 0.
    """
    settings, scenario = stage.settings, stage.scenario
    parts: list[pd.DataFrame] = []
    dealt = folds(rows["label"], rows["group"], settings.cv_folds, settings.cv_repeats, share, settings.search_seed)
    for each in dealt if settings.cv_repeats else ():
        stage.progress(f"repeat {each.repeat + 1} of {settings.cv_repeats}, fold {each.fold + 1}")
        train, validation, held = (
            rows.iloc[at].reset_index(drop=True) for at in (each.train, each.validation, each.held)
        )
        data = TrainingData(train, validation, Features.fit(train, scenario), scenario.task)
        found: dict[str, Any] = {}
        for name, method in (("probability", champion), ("baseline", baseline)):
            if name == "baseline" and method == champion:
                found[name] = found["probability"]
                continue
            fit = fit_store.fit(stage, method, data)
            found[name] = seen_rows.probabilities(Model.load(fit.model), held, stage.project.work / "embeddings")
        parts.append(
            pd.DataFrame(
                {"repeat": each.repeat, "fold": each.fold, **held[["row_id", "label"]].to_dict("list")} | found
            )
        )
    found_nothing = pd.DataFrame(columns=COLUMNS).astype({"repeat": "int64", "fold": "int64", "row_id": "str"})
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else found_nothing


def areas(resampled: pd.DataFrame) -> pd.DataFrame:
    """Return the primary metric of each fold: `repeat`, `fold`, `champion`, `baseline`, `difference`."""
    score = partial(metrics.score, metrics.primary().name)
    rows = [
        (repeat, fold, score(part["label"], part["probability"]), score(part["label"], part["baseline"]))
        for (repeat, fold), part in resampled.groupby(["repeat", "fold"])
    ]
    table = pd.DataFrame(rows, columns=["repeat", "fold", "champion", "baseline"])
    return table.assign(difference=table["champion"] - table["baseline"])


def summary(resampled: pd.DataFrame) -> pd.DataFrame:
    """Return mean and interval over the folds, indexed `champion`, `baseline`, `difference`: value, low, high.

    An area cannot be outside [0, 1], so the ends of its interval are not. An empty table gives an empty one.
    """
    each = areas(resampled)
    rows = {}
    for name, least in (("champion", 0.0), ("baseline", 0.0), ("difference", -1.0)):
        if len(each):
            value, low, high = interval(each[name].to_numpy(), int(each["fold"].max()) + 1)
            rows[name] = (value, max(low, least), min(high, 1.0))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"])


def figures(summarised: pd.DataFrame) -> Mapping[str, float]:
    """Return what `summary` returned as flat numbers to record; none if nothing was resampled."""
    primary = metrics.primary().name
    names = {"champion": f"cv_{primary}", "baseline": f"cv_baseline_{primary}", "difference": "cv_difference"}
    return {
        f"{name}{end}": float(summarised[column][row])
        for row, name in names.items()
        if row in summarised.index
        for end, column in (("", "value"), ("_low", "low"), ("_high", "high"))
    }


def _dealt(
    y: NDArray[Any], names: NDArray[np.int64], count: int, seed: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    whole = len(np.unique(names)) == len(names)  # every row is its own group, and dealing rows is much quicker
    dealer = (StratifiedKFold if whole else StratifiedGroupKFold)(count, shuffle=True, random_state=seed)
    return iter(dealer.split(y, y, None if whole else names))
