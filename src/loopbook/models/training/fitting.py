"""Fitting one candidate: the one way from rows to a model, for notebook 03, the search in 04 and challengers alike."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.models import seen_rows
from loopbook.models.architecture import Architecture, Inputs, Predictor
from loopbook.models.architectures import registry
from loopbook.models.arrays import Arrays, encode
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.models.training import gradient_descent
from loopbook.models.training.gradient_descent import COLUMNS, STATE, Rows
from loopbook.models.training.method import Method, TrainingData
from loopbook.models.training.tensorboard import Events
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.task import Task
from loopbook.statistics import calibration, evaluation, scores
from loopbook.store import content

SUMMARY, MODEL, EVENTS, PREDICTIONS, HISTORY = "fit", "model", "events", "predictions", "history.csv"

Floats = NDArray[np.float64]
Progress = Callable[[str], object]


@dataclass(frozen=True)
class Targets:
    """Label (0 or 1) and weight of each row of train, float64 [n]; `held_`: of validation; and the logit's offset.

    Weights move the base rate that a model learns. The offset takes that back, because probabilities are to mean the
    data as it is.
    """

    label: Floats
    weight: Floats
    held_label: Floats
    held_weight: Floats
    offset: float


class Fitted(NamedTuple):
    """What fitting gave: `logits` are those of validation, without the offset; `history` has a row an epoch."""

    predictor: Predictor
    logits: Floats
    history: list[tuple[float, ...]]
    best_epoch: int
    facts: dict[str, Any]


def fit(method: Method, data: TrainingData, work: Path, progress: Progress, cache: Path | None = None) -> None:
    """Fit a candidate and write all that is known of it into a folder.

    Parameters
    ----------
    method, data
        Equal arguments give equal weights, bit by bit.
    work
        Receives ``model/``, ``history.csv`` (an epoch a row), ``predictions.parquet`` (validation), ``events/``
        (TensorBoard) and, last, ``fit.json``. What an attempt that was killed left there is continued, and ends at
        the same weights.
    progress
        Is called with a text that says how far it is.
    cache
        Folder where sentence embeddings are kept over many fits; None: in `work`.

    Raises
    ------
    ScenarioError
        If the candidate does not suit the task.
    DataError
        If train or validation cannot teach anything.
    LoopbookError
        If the loss is no longer a number.
    """
    if (work / f"{SUMMARY}.json").is_file():
        return
    registry.check(method.candidate, data.task)
    kind = registry.find(method.candidate.architecture)
    targets = _targets(data, method.recipe)
    if kind.family == "network":
        fitted = _network(kind, method, data, targets, work, progress, cache or work / "embeddings")
    else:
        progress("fitting")
        fitted = _plain(kind, method, data, targets, work)
    _finish(method, data, targets, fitted, work)


def _targets(data: TrainingData, recipe: Recipe) -> Targets:
    """Return labels and weights, checked, with the weights of classes in them."""
    label, held_label = _labels(data.train, "train", data.task), _labels(data.validation, "validation", data.task)
    weight, held_weight = _weights(data.train, "train"), _weights(data.validation, "validation")
    if not 0 < weight @ label < weight.sum():
        raise DataError("All rows of one class have the weight 0 in the split 'train': there is nothing to tell apart.")
    if recipe.class_weights:
        # Both classes count alike, and all rows count as much as before.
        total, yes = float(weight.sum()), float(weight @ label)
        for_yes, for_no = total / (2 * yes), total / (2 * (total - yes))
        weight = weight * np.where(label > 0.5, for_yes, for_no)
        held_weight = held_weight * np.where(held_label > 0.5, for_yes, for_no)
    offset = float(scores.logit(np.average(label, weights=weight)) - scores.logit(label.mean()))
    return Targets(label, weight, held_label, held_weight, offset)


def _plain(kind: Architecture, method: Method, data: TrainingData, targets: Targets, work: Path) -> Fitted:
    """Fit a plain baseline in one go; its history has one row, as if it were one epoch."""
    plain = kind.make(data.features, data.train, targets.label, targets.weight, **method.candidate.settings)
    own, logits = (plain.logits(data.features, frame) for frame in (data.train, data.validation))
    measured = {
        "loss": scores.cross_entropy(targets.label, own, targets.weight),
        "val_loss": scores.cross_entropy(targets.held_label, logits, targets.held_weight),
        "val_auc": scores.auc(targets.held_label, logits),
    }
    with Events(work / EVENTS) as events:
        events.scalars(1, measured)
        for what, values in plain.learnt.items():
            if len(values):
                events.histogram(1, what, values)
        events.histogram(1, "validation/logit", logits - targets.offset)
    return Fitted(plain, logits, [(1, *measured.values())], 1, {"epochs": 0, "best_epoch": 0, "ended": "closed form"})


def _network(
    kind: Architecture,
    method: Method,
    data: TrainingData,
    targets: Targets,
    work: Path,
    progress: Progress,
    cache: Path,
) -> Fitted:
    """Build a network and train it by gradient descent."""
    inputs = Inputs.of(data.features)
    network = Network.build(kind, method.candidate.settings, inputs, method.recipe.seed)
    _check_inputs(kind, network, inputs)
    own, held = (
        encode(data.features, frame, network.inputs, cache, progress) for frame in (data.train, data.validation)
    )
    _check_padding(kind, network, held)
    rows = Rows(own, targets.label.astype(np.float32), targets.weight.astype(np.float32))
    validation = Rows(held, targets.held_label.astype(np.float32), targets.held_weight.astype(np.float32))
    state = gradient_descent.train(network, rows, validation, method.recipe, work, work / EVENTS, progress)
    facts = {"epochs": len(state.history), "best_epoch": state.best_epoch, "ended": state.done(method.recipe)}
    return Fitted(network, network.forward(held), state.history, state.best_epoch, facts)


def _finish(method: Method, data: TrainingData, targets: Targets, fitted: Fitted, work: Path) -> None:
    """Calibrate the model, measure it on validation, and write all that is known; what says so comes last."""
    logits = fitted.logits - targets.offset
    model = Model(
        method.candidate.architecture,
        data.features,
        fitted.predictor,
        settings=method.candidate.settings,
        training=method.depends_on,
        temperature=calibration.temperature(targets.held_label, logits),
        offset=targets.offset,
        learned=seen_rows.learned(data.features, data.train, data.validation),
    )
    predictions = _predictions(data.validation, logits)
    measured = evaluation.metrics(targets.held_label, predictions["probability"], resamples=0)["value"]
    with Events(work / EVENTS) as events:
        events.precision_recall(
            fitted.best_epoch, "validation/precision_recall", targets.held_label, predictions["probability"]
        )
        events.scalars(fitted.best_epoch, {f"validation/{metric}": float(value) for metric, value in measured.items()})
    pd.DataFrame(fitted.history, columns=list(COLUMNS)).astype({"epoch": int}).to_csv(work / HISTORY, index=False)
    content.save(predictions, work / PREDICTIONS)
    model.save(work / MODEL)
    content.remove(work / STATE)
    facts = {
        **fitted.facts,
        "family": model.family,
        "parameters": model.parameters,
        "temperature": model.temperature,
    }
    content.save(facts, work / SUMMARY)


def _check_inputs(kind: Architecture, network: Network, inputs: Inputs) -> None:
    """Refuse a network that uses an input for which the task has no field."""
    offered = {"tokens": inputs.vocabulary_size, "embedding": inputs.vocabulary_size, "table": inputs.width}
    for needed in network.inputs:
        if not offered[needed]:
            raise ScenarioError(
                f"The architecture {kind.name!r} uses the input {needed!r}, but the task has no field for it."
            )


def _check_padding(kind: Architecture, network: Network, arrays: Arrays) -> None:
    """Refuse a network that takes rows of any length but answers otherwise when a row is padded further."""
    if not network.trims:
        return
    few = {given: arrays[given][:8] for given in network.inputs}
    width = max(1, int((few["tokens"] != 0).sum(axis=1).max()))
    longer = {**few, "tokens": np.pad(few["tokens"][:, :width], ((0, 0), (0, 7)))}
    # One row at a time is fed without padding, all together as long as the longest.
    alone = np.concatenate(
        [
            network.forward({name: values[row : row + 1] for name, values in few.items()})
            for row in range(len(few["tokens"]))
        ]
    )
    together = network.model(longer, training=False).numpy()[:, 0]
    if np.abs(alone - together).max() > 1e-3:
        raise ScenarioError(
            f"The architecture {kind.name!r} answers differently when a text is padded further. Mask "
            'token 0, or take keras.Input((inputs.length,), dtype="int32", name="tokens") for a fixed length.'
        )


def _labels(frame: pd.DataFrame, split: str, task: Task) -> NDArray[np.float64]:
    label = frame["label"].to_numpy(np.float64)
    if not len(label):
        raise DataError(f"The split {split!r} has no rows.")
    if split == "train" and len(set(label.tolist())) < 2:
        raise DataError(
            f"All {len(label):,} rows of the split 'train' have the label {task.label.classes[int(label[0])]!r}: there "
            "is nothing to tell apart. Check task.label in the scenario, or take more data."
        )
    return label


def _weights(frame: pd.DataFrame, split: str) -> NDArray[np.float64]:
    weight = frame["weight"].to_numpy(np.float64)
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.sum() > 0:
        raise DataError(f"The weights of the split {split!r} must be numbers from 0 up, and not all of them 0.")
    return weight


def _predictions(frame: pd.DataFrame, logits: NDArray[np.float64]) -> pd.DataFrame:
    """Return the validation predictions: ``raw``, and ``probability``, calibrated without the row's own group."""
    label, groups = frame["label"].to_numpy(), frame["group"].to_numpy()
    return pd.DataFrame(
        {
            "row_id": frame["row_id"].to_numpy(),
            "group": groups,
            "label": label.astype(np.int8),
            "weight": frame["weight"].to_numpy(np.float32),
            "logit": logits,
            "raw": scores.sigmoid(logits),
            "probability": calibration.cross_fitted(label, logits, groups),
        }
    )
