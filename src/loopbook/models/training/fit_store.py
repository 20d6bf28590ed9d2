"""A fit is keyed by itself, by models' code, data and settings, so that a new colour in a notebook retrains nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from loopbook.data.features import Features
from loopbook.models.architectures import registry
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.task import Task
from loopbook.store import content
from loopbook.store.stage import Stage


@dataclass(frozen=True)
class Fit:
    """A finished fit.

    Attributes
    ----------
    model, events
        Folders: the model, and TensorBoard's event files.
    history
        A row an epoch: ``epoch, loss, val_loss, val_score``.
    predictions
        A row of validation each, as `predictions.table` returns them.
    facts
        ``epochs, best_epoch, ended, family, parameters, peak_memory_mb``, and of classes ``temperature``.
    rates
        The range test, as `learning_rate.range_test` returns it; no row without one.
    """

    model: Path
    events: Path
    history: pd.DataFrame
    predictions: pd.DataFrame
    facts: Mapping[str, Any]
    rates: pd.DataFrame


def data(train: pd.DataFrame, validation: pd.DataFrame, features: dict[str, Any], task: Task) -> TrainingData:
    """Return what fits learn from; `features` as the artifact of 02 holds them."""
    return TrainingData(train, validation, Features.model_validate(features), task)


def candidate(stage: Stage, learned: TrainingData) -> Fit:
    """Return the fit of the candidate that stage 03 is about."""
    return fit(stage, Method.to_try(stage.candidate, stage.settings), learned)


def fit(stage: Stage, method: Method, data: TrainingData) -> Fit:
    """Return the fit of a candidate, from the store if the same was fitted before, under whatever name.

    Parameters
    ----------
    stage
        Whose store and progress line are used.
    """
    named = (*method.architectures, *filter(None, [method.recipe.back_translation]))
    modules = ["loopbook.models.training.fitting", *map(registry.module_of, named)]
    cache = stage.project.work / "embeddings"
    return load(
        stage.cached(
            "fits", parts(method, data), modules, lambda work: fitting.fit(method, data, work, stage.progress, cache)
        )
    )


def parts(method: Method, data: TrainingData) -> dict[str, Any]:
    """Return plain values that all that a fit depends on is known by."""
    files = method.candidate.files
    return {
        "candidate": method.candidate.model_dump(mode="json"),
        "settings": method.depends_on,
        **({"files": [content.digest(Path(path)) for path in files]} if files else {}),
        "task": data.task.model_dump(mode="json", exclude={"unit", "actions"}),
        "train": content.digest_value(data.train),
        "validation": content.digest_value(data.validation),
        "features": content.digest_json(data.features.model_dump(mode="json")),
        **({"start": content.digest(data.start)} if data.start else {}),
    }


def load(folder: Path) -> Fit:
    """Return a finished fit from its folder."""
    return Fit(
        model=folder / fitting.MODEL,
        events=folder / fitting.EVENTS,
        history=pd.read_csv(folder / fitting.HISTORY),
        predictions=content.load(folder / f"{fitting.PREDICTIONS}.parquet"),
        rates=pd.read_csv(rates) if (rates := folder / fitting.RATES).is_file() else pd.DataFrame(),
        facts=json.loads((folder / f"{fitting.SUMMARY}.json").read_text(encoding="utf-8")),
    )
