"""The contest of candidates: tune the best network, choose by validation, ship the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from loopbook.data.features import Features
from loopbook.models import compression, evaluation, kept, leaderboard, tuning
from loopbook.models.bundle import OnnxModel
from loopbook.models.kept import Fit
from loopbook.models.leaderboard import Entry
from loopbook.models.model import Model
from loopbook.scenario.contract import TrainingSettings
from loopbook.scenario.errors import DataError
from loopbook.store import content
from loopbook.store.stage import Stage


@dataclass(frozen=True)
class Tuned:
    """What the search around a candidate found: a row a trial, and the fit of the best."""

    trials: pd.DataFrame
    fit: Fit | None


@dataclass(frozen=True)
class Shipped:
    """A model as it goes out: its folder, how far its export is off, its size, and how long one decision takes."""

    folder: Path
    difference: float | None
    size_bytes: int
    latency_ms: float


def best(board: pd.DataFrame, family: str | None = None) -> str | None:
    """Return the first candidate of a leaderboard, or the first of a family; None if there is none."""
    some = board if family is None else board[board["family"] == family]
    return None if some.empty else str(some["candidate"].iloc[0])


def enter(models: Mapping[str, Model], answers: Mapping[str, Any]) -> dict[str, Entry]:
    """Return an entry for each model, with its probabilities from `answers`, by name."""
    return {name: Entry(model.family, model.parameters, answers[name]) for name, model in models.items()}


def intervals(board: pd.DataFrame, metric: str = "roc_auc") -> pd.DataFrame:
    """Return a leaderboard's metric as ``value``, ``low``, ``high`` by candidate, as figures take it."""
    columns = [metric, f"{metric}_low", f"{metric}_high"]
    return board.set_index("candidate")[columns].set_axis(["value", "low", "high"], axis=1)


def tune(stage: Stage, name: str, train: pd.DataFrame, validation: pd.DataFrame, features: Features) -> Tuned:
    """Search for better settings around a candidate; every trial is a fit like any other, kept by itself.

    Parameters
    ----------
    stage
        Stage 04: its settings say what may be tried and how often.
    name
        The candidate to vary.
    """
    settings, training = stage.settings, stage.scenario.training
    candidate = training.candidates[name]
    if not settings.trials or not settings.search:
        return Tuned(pd.DataFrame(), None)
    short: TrainingSettings = training.model_copy(update={"epochs": min(training.epochs, settings.search_epochs)})
    fits: dict[str, Fit] = {}

    def fit_once(tried: Mapping[str, Any]) -> float:
        chosen, changed = tuning.applied(candidate, short, tried)
        fit = kept.fit(stage, name, chosen, changed, train, validation, features, stage.scenario.task)
        fits[str(sorted(tried.items()))] = fit
        held = fit.predictions
        found = evaluation.metrics(held["label"], held["probability"], resamples=0, only=["log_loss"])
        return float(found["value"].iloc[0])

    found = tuning.search(candidate, settings.search, settings.trials, settings.search_seed, fit_once, stage.progress)
    return Tuned(found.trials, fits[str(sorted(found.best.items()))])


def ship(model: Model, folder: Path, frame: pd.DataFrame, *, export: bool, repeats: int, cache: Path) -> Shipped:
    """Write a model and, if asked, its ONNX bundle; check that both say the same, and time single decisions.

    Parameters
    ----------
    folder
        Receives ``model/`` and, with `export`, ``onnx/``, which serves without TensorFlow.
    frame
        Rows to check and to time on.
    repeats
        Single decisions that are timed.
    cache
        Folder of sentence embeddings that are known already.
    """
    content.remove(folder)
    model.save(folder / "model")
    difference, served = None, folder / "model"
    if export:
        served = folder / "onnx"
        compression.export(model, served)
        difference = compression.check(model, served, frame, cache)
    timed = leaderboard.latency(OnnxModel.load(served) if export else model, frame, repeats)
    return Shipped(folder, difference, content.size(served), timed["median_ms"])


def ship_all(
    models: Mapping[str, Model],
    champion: str,
    work: Path,
    frame: pd.DataFrame,
    *,
    export: bool,
    repeats: int,
    cache: Path,
) -> dict[str, Shipped]:
    """Ship every model, so that sizes and times can be compared; the champion's folder is ``champion`` in `work`.

    One that needs the large sentence encoder is exported only if it is the champion, because that takes a minute.
    """
    shipped = {}
    for name, model in models.items():
        folder = work / "champion" if name == champion else work / "others" / name
        wanted = export and (name == champion or model.architecture != "minilm")
        shipped[name] = ship(model, folder, frame, export=wanted, repeats=repeats, cache=cache)
    content.remove(work / "others")
    return shipped


def timed(entries: Mapping[str, Entry], shipped: Mapping[str, Shipped]) -> dict[str, Entry]:
    """Return the entries with size and time of what was shipped."""
    return {
        name: replace(entry, size_bytes=shipped[name].size_bytes, latency_ms=shipped[name].latency_ms)
        for name, entry in entries.items()
    }


def figures(board: pd.DataFrame, name: str, prefix: str) -> dict[str, float]:
    """Return a candidate's accuracy and ROC AUC with their intervals as flat numbers, named with a prefix."""
    row = board.set_index("candidate").loc[name].to_dict()
    return {f"{prefix}{column}": row[column] for column in row if str(column).startswith(("accuracy", "roc_auc"))}


def against(
    label: pd.Series[Any],
    entries: Mapping[str, Entry],
    reference: str,
    groups: pd.Series[Any],
    resamples: int,
    metric: str = "roc_auc",
) -> pd.DataFrame:
    """Return by how much each candidate is better in a metric than `reference`: ``value``, ``low``, ``high``, paired.

    Raises
    ------
    DataError
        If the reference is no candidate.
    """
    if reference not in entries:
        raise DataError(f"{reference!r} is no candidate, so nothing can be compared with it.")
    other = entries[reference].probability
    rows = {
        name: evaluation.paired(label, entry.probability, other, metric, groups, resamples)
        for name, entry in entries.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"]).sort_values("value")


def mistakes(frame: pd.DataFrame, probability: Any, names: tuple[str, str], count: int = 5) -> pd.DataFrame:
    """Return the rows on which a model was surest and wrong."""
    shown = frame.assign(probability=probability, error=(frame["label"] - probability).abs())
    worst = shown.sort_values("error", ascending=False).head(count)
    return worst.assign(label=worst["label"].map(dict(enumerate(names)))).drop(columns="error")
