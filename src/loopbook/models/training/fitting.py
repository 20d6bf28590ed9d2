"""Fitting one candidate: the one way from rows to a model, for notebook 03, the search in 04 and challengers alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.features import Features
from loopbook.models import seen_rows
from loopbook.models.architectures import registry
from loopbook.models.architectures.baselines import BASELINES
from loopbook.models.architectures.inputs import Inputs
from loopbook.models.arrays import Arrays, encode
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.models.training import gradient_descent
from loopbook.models.training.gradient_descent import COLUMNS, STATE, Rows
from loopbook.models.training.tensorboard import Events
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.task import Task
from loopbook.statistics import calibration, evaluation, scores
from loopbook.store import content

PLAIN = ("class_weights",)
NETWORK = ("class_weights", "seed", "epochs", "patience", "batch_size", "learning_rate")
"""The training settings that the fit of each family depends on."""

SUMMARY, MODEL, EVENTS, PREDICTIONS, HISTORY = "fit", "model", "events", "predictions", "history.csv"


def depends_on(candidate: Candidate, settings: Recipe) -> dict[str, Any]:
    """Return the training settings that the fit of a candidate depends on, as plain values."""
    family = registry.find(candidate.architecture).family
    return settings.model_dump(mode="json", include=set(PLAIN if family == "plain" else NETWORK))


def fit(
    name: str,
    candidate: Candidate,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    features: Features,
    task: Task,
    settings: Recipe,
    work: Path,
    progress: Callable[[str], object],
    cache: Path | None = None,
) -> None:
    """Fit a candidate and write all that is known of it into a folder.

    Parameters
    ----------
    name
        The candidate's name, for messages.
    candidate
        Architecture and settings.
    train, validation
        Splits in canonical form. Validation ends the training and sets the temperature.
    features
        Fitted on train.
    settings
        Seed, epochs, patience and the like. Equal arguments give equal weights, bit by bit.
    work
        Receives ``model/``, ``history.csv`` (an epoch a row), ``predictions.parquet`` (validation), ``events/``
        (TensorBoard) and, last, ``fit.json``. What an attempt that was killed left there is continued, and ends at
        the same weights.
    progress
        Told how far it is.
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
    registry.check(candidate, task)
    label, held_out = _labels(train, "train", task), _labels(validation, "validation", task)
    weight, judged = _weights(train, "train"), _weights(validation, "validation")
    if not 0 < weight @ label < weight.sum():
        raise DataError("All rows of one class have the weight 0 in the split 'train': there is nothing to tell apart.")
    if settings.class_weights:
        no, yes = _class_weights(label, weight)
        weight, judged = weight * np.where(label > 0.5, yes, no), judged * np.where(held_out > 0.5, yes, no)
    # Weights move the base rate that a model learns; probabilities are to mean the data as it is.
    offset = float(scores.logit_of(np.average(label, weights=weight)) - scores.logit_of(label.mean()))

    kind = registry.find(candidate.architecture)
    common: dict[str, Any] = {
        "settings": candidate.settings,
        "training": depends_on(candidate, settings),
        "offset": offset,
        "learned": seen_rows.learned(features, train, validation),
    }
    facts: dict[str, Any] = {}
    if kind.family == "plain":
        progress("fitting")
        plain = BASELINES[kind.name](features, train, label, weight, **candidate.settings)
        model = Model(kind.name, features, plain, **common)
        logits = model.logits(validation)
        history = _plain_history(model, train, label, weight, logits, held_out, judged)
        with Events(work / EVENTS) as events:
            events.scalars(1, dict(zip(COLUMNS[1:], history[0][1:], strict=True)))
            for what, values in plain.learnt.items():
                if len(values):
                    events.histogram(1, what, values)
            events.histogram(1, "validation/logit", logits)
        facts |= {"epochs": 0, "best_epoch": 0, "ended": "closed form"}
    else:
        network = _network(name, candidate, features, settings)
        cache = cache or work / "embeddings"
        rows = Rows(encode(features, train, network.inputs, cache, progress), _single(label), _single(weight))
        other = Rows(encode(features, validation, network.inputs, cache, progress), _single(held_out), _single(judged))
        _check_padding(candidate, network, other.arrays)
        state = gradient_descent.train(network, rows, other, settings, work, work / EVENTS, progress)
        history = state.history
        model = Model(candidate.architecture, features, network, **common)
        logits = network.logits(other.arrays) - offset
        facts |= {"epochs": len(history), "best_epoch": state.best_epoch, "ended": state.done(settings)}

    model = replace(model, temperature=calibration.temperature(held_out, logits))
    predictions = _predictions(validation, logits)
    measured = evaluation.metrics(held_out, predictions["probability"], resamples=0)["value"]
    with Events(work / EVENTS) as events:
        step = max(1, facts["best_epoch"])
        events.precision_recall(step, "validation/precision_recall", held_out, predictions["probability"])
        events.scalars(step, {f"validation/{metric}": float(value) for metric, value in measured.items()})
    pd.DataFrame(history, columns=list(COLUMNS)).astype({"epoch": int}).to_csv(work / HISTORY, index=False)
    content.save(predictions, work / PREDICTIONS)
    model.save(work / MODEL)
    content.remove(work / STATE)
    facts |= {
        "architecture": candidate.architecture,
        "family": kind.family,
        "parameters": model.parameters,
        "temperature": model.temperature,
        "offset": offset,
        "validation": {metric: None if np.isnan(value) else float(value) for metric, value in measured.items()},
    }
    content.save(facts, work / SUMMARY)


def _network(name: str, candidate: Candidate, features: Features, settings: Recipe) -> Network:
    inputs = Inputs.of(features)
    network = Network.build(candidate.architecture, candidate.settings, inputs, settings.seed)
    offered = {"tokens": inputs.vocabulary_size, "embedding": inputs.vocabulary_size, "table": inputs.width}
    for needed in network.inputs:
        if not offered[needed]:
            raise ScenarioError(
                f"Candidate {name!r}: its network uses the input {needed!r}, but the task has no field for it."
            )
    return network


def _check_padding(candidate: Candidate, network: Network, arrays: Arrays) -> None:
    """Refuse a network that takes rows of any length but answers otherwise when a row is padded further."""
    if not network.trims:
        return
    few = {given: arrays[given][:8] for given in network.inputs}
    width = max(1, int((few["tokens"] != 0).sum(axis=1).max()))
    longer = {**few, "tokens": np.pad(few["tokens"][:, :width], ((0, 0), (0, 7)))}
    # One row at a time is fed without padding, all together as long as the longest.
    alone = np.concatenate(
        [network.logits({k: v[at : at + 1] for k, v in few.items()}) for at in range(len(few["tokens"]))]
    )
    together = network.model(longer, training=False).numpy()[:, 0]
    if np.abs(alone - together).max() > 1e-3:
        raise ScenarioError(
            f"The architecture {candidate.architecture!r} answers differently when a text is padded further. Mask "
            'token 0, or take keras.Input((inputs.length,), dtype="int32", name="tokens") for a fixed length.'
        )


def _labels(frame: pd.DataFrame, split: str, task: Task) -> NDArray[np.float64]:
    label = frame["label"].to_numpy(np.float64)
    if not len(label):
        raise DataError(f"The split {split!r} has no rows.")
    if split == "train" and len(set(label.tolist())) < 2:
        raise DataError(
            f"All {len(label):,} rows of the split 'train' have the label {task.label.names[int(label[0])]!r}: there "
            "is nothing to tell apart. Check task.label in the scenario, or take more data."
        )
    return label


def _weights(frame: pd.DataFrame, split: str) -> NDArray[np.float64]:
    weight = frame["weight"].to_numpy(np.float64)
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.sum() > 0:
        raise DataError(f"The weights of the split {split!r} must be numbers from 0 up, and not all of them 0.")
    return weight


def _class_weights(label: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[float, float]:
    """Return the weights of no and yes with which both classes count alike and all rows count as much as before."""
    total, yes = float(weight.sum()), float(weight @ label)
    return total / (2 * (total - yes)), total / (2 * yes)


def _single(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return values.astype(np.float32)


def _plain_history(
    model: Model,
    train: pd.DataFrame,
    label: NDArray[np.float64],
    weight: NDArray[np.float64],
    logits: NDArray[np.float64],
    held_out: NDArray[np.float64],
    judged: NDArray[np.float64],
) -> list[tuple[float, ...]]:
    """Return one row as a network has one for each epoch, so that all candidates can be shown beside each other."""
    own = scores.cross_entropy(label, model.logits(train) + model.offset, weight)
    other = scores.cross_entropy(held_out, logits + model.offset, judged)
    return [(1, own, other, scores.auc(held_out, logits))]


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
