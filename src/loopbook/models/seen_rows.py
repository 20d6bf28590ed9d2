"""Unseen rows: a model is measured on no row that it has learned from, and it knows itself which these are.

Within a round, the splits see to it. A model of an earlier round may meet such a row all the same, because data that
came later deals known rows anew: where a hash deals them, a row that resembles rows of two groups makes them one, which
lies in one split; by time, a late row with an early date takes the place of its later repetition.
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import identity
from loopbook.data.features import Features
from loopbook.models.answers import Answers
from loopbook.scenario.errors import DataError, LoopbookError
from loopbook.store import content

NAME = "learned"
_SHOWN = 3


class Learner(Protocol):
    """What knows which rows it has learned from: `Model`, and `OnnxModel` as `serving.load` returns it."""

    @property
    def features(self) -> Features:
        """What train taught about encoding; it names the input fields."""

    @property
    def learned(self) -> NDArray[np.uint64] | None:
        """What `learned` returned; None: nobody knows."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the columns of probabilities."""

    def answer(self, frame: pd.DataFrame, *more: Any) -> Answers:
        """Return all that it says of rows."""


def learned(features: Features, *parts: pd.DataFrame) -> NDArray[np.uint64]:
    """Return the hashes of the rows that a fit has seen, sorted and each once, uint64 [rows].

    Parameters
    ----------
    features
        The model's.
    parts
        The rows that it was fitted on, and those that ended its training and set its temperature.
    """
    return np.unique(np.concatenate([hashes(features, part) for part in parts]))


def known(features: Features, rows: pd.DataFrame, learned: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return which rows are among those of which `learned` are the hashes, bool [n]."""
    return np.isin(hashes(features, rows), learned)


def save(known: NDArray[np.uint64], folder: Path) -> None:
    """Write ``learned.npz``; at most 8 bytes a row."""
    content.save({"rows": known}, folder / NAME)


def load(folder: Path) -> NDArray[np.uint64]:
    """Return what `save` wrote.

    Raises
    ------
    LoopbookError
        If it is not there: an earlier version of Loopbook wrote the model.
    """
    file = folder / f"{NAME}.npz"
    if not file.is_file():
        raise LoopbookError(
            f"{folder} does not say which rows its model has learned from: {file.name} is missing. Train it again; "
            "if an earlier round has approved it, go back a round: python -m loopbook approve --undo."
        )
    return np.asarray(content.load(file)["rows"], dtype=np.uint64)


def answer(model: Learner, rows: pd.DataFrame, *more: Any, who: str = "the model", fresh: bool = True) -> Answers:
    """Return all that a model says of rows that it is to be measured on.

    Parameters
    ----------
    rows
        Of a split that is no training: test, gate or stream.
    more
        Handed on to the model: cache and progress.
    who
        What messages call the model.
    fresh
        False where a round has no fresh rows: then a model may have learned from the stream, which the report says,
        and nothing is refused.

    Raises
    ------
    DataError
        If the model has learned from one of the rows.
    """
    if fresh:
        _refuse_learned(model, rows, who)
    return model.answer(rows, *more)


def _refuse_learned(model: Learner, rows: pd.DataFrame, who: str) -> None:
    if model.learned is None:
        raise LoopbookError(f"Nobody knows which rows {who} has learned from; load it by serving.load.")
    met = rows.loc[known(model.features, rows, model.learned), "row_id"].astype(str)
    if not len(met):
        return
    first = ", ".join(map(repr, met.iloc[:_SHOWN]))
    raise DataError(
        f"{len(met):,} of {len(rows):,} rows to measure {who} on are rows that it has learned from: {first}"
        f"{', …' if len(met) > _SHOWN else ''}. Its figures would flatter, so nothing is measured. It learned from "
        "them in an earlier round, and the data has changed since: a new row that resembles rows of two groups makes "
        "them one, which lies in one split, and a new row with an early date takes the place of a later one that says "
        "the same. Take the rows that were added since out of the source again; or let the models of earlier rounds "
        "go, once for each round: python -m loopbook approve --undo, with the same --scenario and --profile."
    )


def hashes(features: Features, rows: pd.DataFrame) -> NDArray[np.uint64]:
    """Return a hash of what a model is told of each row, uint64 [n]; see `identity.hashes`."""
    others = [*(number.field for number in features.numbers), *(category.field for category in features.categories)]
    return identity.hashes(rows, features.texts, others)
