"""Self-training: a model labels the rows that nobody has, and learns again from those of which it is sure."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from loopbook.data import labels
from loopbook.models.model import Model
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.errors import DataError
from loopbook.statistics import targets


def fit(
    method: Method,
    data: TrainingData,
    unlabelled: pd.DataFrame,
    work: Path,
    progress: fitting.Progress,
    cache: Path | None = None,
    *,
    threshold: float = 0.9,
    rounds: int = 3,
) -> tuple[Path, pd.DataFrame]:
    """Fit a candidate as `fitting.fit` does, and again with the rows of whose class the model is sure.

    Parameters
    ----------
    method, data, progress, cache
        As of `fitting.fit`; the temperature, and with it what is sure, is set on validation.
    unlabelled
        Further rows in canonical form; what stands in their column `label` is not looked at.
    work
        Receives a folder for each fit.
    threshold
        From this probability on, the most probable class is taken for a row's label, for good.
    rounds
        Most further fits; they end before when no row joins.

    Returns
    -------
    folder
        What `fitting.fit` wrote of the last fit.
    joined
        A row for each row that joined: its position in `unlabelled`, `round`, `label` and `probability`.

    Raises
    ------
    DataError
        If the task is a number, which has no class to be sure of.

    References
    ----------
    Yarowsky (1995), Unsupervised word sense disambiguation rivaling supervised methods, in the form of scikit-learn's
    SelfTrainingClassifier.
    """
    if data.task.type == "number":
        raise DataError("Self-training takes sure answers for labels; the task is a number, which has no classes.")
    names, like = targets.classes(data.train["label"], data.task), data.train["label"]
    joined = pd.DataFrame({"at": np.zeros(0, np.int64), "round": 0, "label": "", "probability": 0.0})
    for number in range(rounds + 1):
        own = unlabelled.iloc[joined["at"]].reset_index(drop=True)
        said = labels.approved(joined["label"].tolist(), like.reindex(own.index)).astype(like.dtype)
        rows = own.assign(label=said, weight=np.float32(1))[data.train.columns]
        train = pd.concat([data.train, rows], ignore_index=True) if len(rows) else data.train
        folder = work / f"fit-{number}"
        fitting.fit(method, replace(data, train=train), folder, progress, cache)
        left = np.setdiff1d(np.arange(len(unlabelled)), joined["at"])
        answer = Model.load(folder / fitting.MODEL).answer(unlabelled.iloc[left], cache)
        sure = answer.probability.max(axis=1) >= threshold
        if number == rounds or not sure.any():
            break
        code, shown = answer.likeliest[sure], answer.probability[sure].max(axis=1)
        label = [names[at] for at in code] if len(names) > 2 else code
        more = pd.DataFrame({"at": left[sure], "round": number + 1, "label": label, "probability": shown})
        joined = pd.concat([joined.astype(more.dtypes), more], ignore_index=True)
    return folder, joined
