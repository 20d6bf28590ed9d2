"""A fit is keyed by itself, by models' code, data and settings, so that a new colour in a notebook retrains nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from loopbook.data.features import Features
from loopbook.models.model import Model
from loopbook.models.training import fitting
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.recipe import Recipe
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
        A row an epoch: ``epoch, loss, val_loss, val_auc``.
    predictions
        A row of validation each: ``row_id, group, label, weight, logit, raw, probability``.
    facts
        ``epochs, best_epoch, ended, family, parameters, temperature`` and more.
    """

    model: Path
    events: Path
    history: pd.DataFrame
    predictions: pd.DataFrame
    facts: Mapping[str, Any]


def fit(
    stage: Stage,
    name: str,
    candidate: Candidate,
    settings: Recipe,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    features: Features,
    task: Task,
) -> Fit:
    """Return the fit of a candidate, from the store if the same was fitted before.

    Parameters
    ----------
    stage
        Whose store and progress line are used.
    name
        The candidate's name, for messages; candidates that differ in nothing else share their fit.
    """
    parts = {
        "candidate": candidate.model_dump(mode="json"),
        "settings": fitting.depends_on(candidate, settings),
        "train": content.digest_value(train),
        "validation": content.digest_value(validation),
        "features": content.digest_json(features.to_dict()),
    }
    module, sign, _ = candidate.architecture.partition(":")
    modules = ["loopbook.models.training.fitting", *([module] if sign else [])]
    folder = stage.cached(
        "fits",
        parts,
        modules,
        lambda work: fitting.fit(
            name,
            candidate,
            train,
            validation,
            features,
            task,
            settings,
            work,
            stage.progress,
            stage.project.work / "embeddings",
        ),
    )
    return load(folder)


def again(
    stage: Stage,
    name: str,
    model: Model,
    settings: Recipe,
    train: pd.DataFrame,
    validation: pd.DataFrame,
    features: Features,
    task: Task,
) -> Fit:
    """Return the fit of a model's architecture on other rows, with the settings that it was fitted with.

    Parameters
    ----------
    model
        What is fitted again.
    settings
        The scenario's; those that the model was fitted with go before.
    """
    return fit(stage, name, *as_fitted(model, settings), train, validation, features, task)


def as_fitted(model: Model, settings: Recipe) -> tuple[Candidate, Recipe]:
    """Return architecture and training settings that a model was fitted with, as it says itself.

    One that was tuned, or approved in an earlier round, need not have been trained as the scenario says now.

    Parameters
    ----------
    settings
        The scenario's; those that the model was fitted with go before.
    """
    candidate = Candidate(architecture=model.architecture, settings=dict(model.settings))
    return candidate, settings.model_copy(update=dict(model.training))


def load(folder: Path) -> Fit:
    """Return a finished fit from its folder."""
    return Fit(
        model=folder / fitting.MODEL,
        events=folder / fitting.EVENTS,
        history=pd.read_csv(folder / fitting.HISTORY),
        predictions=content.load(folder / f"{fitting.PREDICTIONS}.parquet"),
        facts=json.loads((folder / f"{fitting.SUMMARY}.json").read_text(encoding="utf-8")),
    )
