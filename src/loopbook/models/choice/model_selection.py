"""The contest of candidates: tune the best network, choose by validation, ship the champion."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.models import predictions, seen_rows
from loopbook.models.answers import Answers
from loopbook.models.architectures import registry
from loopbook.models.choice import leaderboard, search, search_page, tuning
from loopbook.models.choice.leaderboard import Entry
from loopbook.models.choice.search import Search
from loopbook.models.model import Model
from loopbook.models.shipping import onnx_export
from loopbook.models.shipping.bundle import OnnxModel
from loopbook.models.training import fit_store
from loopbook.models.training.fit_store import Fit
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task
from loopbook.statistics import evaluation, metrics, targets
from loopbook.statistics.intervals import between
from loopbook.store import champions, content
from loopbook.store.project import Project
from loopbook.store.stage import Stage

Floats = NDArray[np.float64]

RECORD = ", as approved"
"""Ending of the name under which the champion of record stands among the candidates."""


@dataclass(frozen=True)
class Tuned:
    """What the searches around candidates found.

    Attributes
    ----------
    trials
        A row a trial: ``candidate``, and the columns of `search.run`.
    fits
        The best fit of each search, by a name for it.
    events
        The folder with the trials for TensorBoard's HParams.
    """

    trials: pd.DataFrame
    fits: Mapping[str, Fit]
    events: Path


@dataclass(frozen=True)
class Shipped:
    """A model as it goes out: its folder, how far its export is off, its size, and how long one decision takes."""

    folder: Path
    difference: float | None
    size_bytes: int
    latency_ms: float


def candidates(fitted: Mapping[str, Path], approved: str | None, project: Project) -> dict[str, Model]:
    """Return the fitted candidates by name, and the champion of record, if an earlier round approved one.

    The champion of record stands again under its architecture's name with `RECORD` behind it.
    """
    models = {name: Model.load(folder) for name, folder in fitted.items()}
    if approved:
        record = Model.load(champions.find(project, approved))
        models[f"{record.architecture}{RECORD}"] = record
    return models


def electable(board: pd.DataFrame, elects_record: bool) -> pd.DataFrame:
    """Return the candidates of a leaderboard that may be chosen: in a sweep, all but the champion of record."""
    return board if elects_record else board[~board["candidate"].str.endswith(RECORD)]


def elect(board: pd.DataFrame, elects_record: bool) -> tuple[str, str]:
    """Return the champion and the plain baseline that others are measured by: the first of those that may be chosen."""
    elected = electable(board, elects_record)
    champion = str(elected["candidate"].iloc[0])
    return champion, best(elected, "plain") or champion


def of_record(board: pd.DataFrame, task: str) -> dict[str, float]:
    """Return the figures of the champion of record on test, ``record_test_…``; none where there is no such champion."""
    names = [name for name in board["candidate"] if name.endswith(RECORD)]
    return figures(board, names[0], "record_test_", task) if names else {}


def chosen_by(board: pd.DataFrame, champion: str, task: str) -> dict[str, float]:
    """Return what validation, on which all is chosen, says of the champion: a sweep orders its settings by it.

    The champion of record has its own beside it, ``record_validation_…``.
    """
    record = [name for name in board["candidate"] if name.endswith(RECORD)]
    only = (metrics.primary(task).name,)
    found = figures(board, champion, "validation_", task, only)
    return found | (figures(board, record[0], "record_validation_", task, only) if record else {})


def on_validation(
    models: Mapping[str, Model], fits: Mapping[str, pd.DataFrame], validation: pd.DataFrame, task: Task
) -> dict[str, Floats]:
    """Return what each model says of validation, as metrics judge it: of a candidate as its notebook wrote it."""
    classes = targets.classes(validation["label"], task)
    return {
        name: written(fits[name]) if name in fits else model.answer(validation).aligned(classes).judged
        for name, model in models.items()
    }


def written(table: pd.DataFrame) -> Floats:
    """Return what a fit says of validation, as metrics judge it, from its predictions."""
    return predictions.array(table)


def on_test(
    models: Mapping[str, Model], test: pd.DataFrame, cache: Path, progress: Callable[[str], object]
) -> dict[str, Answers]:
    """Return what each model says of test.

    Parameters
    ----------
    cache, progress
        As of `Model.raw`.

    Raises
    ------
    DataError
        If one has learned from a row of test, as the champion of record may have.
    """
    return {
        name: seen_rows.answer(model, test, cache, progress, who=f"the candidate {name!r}")
        for name, model in models.items()
    }


def best(board: pd.DataFrame, family: str | None = None) -> str | None:
    """Return the first candidate of a leaderboard, or the first of a family; None if there is none."""
    some = board if family is None else board[board["family"] == family]
    return None if some.empty else str(some["candidate"].iloc[0])


def enter(models: Mapping[str, Model], answers: Mapping[str, ArrayLike], task: Task) -> dict[str, Entry]:
    """Return an entry for each model, with what metrics judge of its answers, by name."""
    return {
        name: Entry(
            model.family,
            model.parameters,
            answers[name],
            monotone=registry.described(model.architecture).monotone if task.monotone else None,
        )
        for name, model in models.items()
    }


def intervals(board: pd.DataFrame, task: str) -> pd.DataFrame:
    """Return a leaderboard's primary metric as ``value``, ``low``, ``high`` by candidate, as figures take it."""
    primary = metrics.primary(task).name
    columns = [primary, f"{primary}_low", f"{primary}_high"]
    return board.set_index("candidate")[columns].set_axis(["value", "low", "high"], axis=1)


def tune(stage: Stage, board: pd.DataFrame, data: TrainingData) -> Tuned:
    """Search for better settings around the best network and, with as many trials, the best plain baseline.

    A search is kept by itself, like a fit.

    Parameters
    ----------
    stage
        Stage 04: its settings say what may be tried and how often.
    board
        The candidates that may be chosen, the best first; the champion of record is taken as it is.
    """
    settings, training = stage.settings, stage.scenario.training
    tables, fits = [pd.DataFrame()], dict[str, Fit]()
    for family in ("network", "plain"):
        name = best(board, family) or ""
        candidate = training.candidates.get(name)
        ranges = tuning.suited(candidate, settings.search) if candidate else {}
        if candidate is None or not ranges or not settings.trials:
            continue
        whole = Method.to_try(candidate, training)
        most = min(whole.recipe.epochs, settings.search_epochs)
        method = whole._replace(recipe=whole.recipe.model_copy(update={"epochs": most, "workers": 1}))
        asked = Search(method, ranges, settings.trials, settings.search_seed)
        folder = _searched(stage, asked, data)
        tables.append(content.load(folder / f"{search.TRIALS}.parquet").assign(candidate=name))
        fits[f"{name}, tuned"] = fit_store.load(folder / search.BEST)
    trials = pd.concat(tables, ignore_index=True)
    return Tuned(trials, fits, search_page.write_events(stage.work / search.TRIALS, trials))


def _searched(stage: Stage, asked: Search, data: TrainingData) -> Path:
    parts = {
        **fit_store.parts(asked.method, data),
        "ranges": {name: span.model_dump(mode="json") for name, span in asked.ranges.items()},
        "trials": asked.trials,
        "seed": asked.seed,
    }
    modules = ["loopbook.models.choice.search", registry.module_of(asked.method.candidate.architecture)]
    cache, processes = stage.project.work / "embeddings", stage.settings.search_processes
    return stage.cached(
        "searches", parts, modules, lambda work: search.run(asked, data, work, stage.progress, cache, processes)
    )


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
        onnx_export.export(model, served)
        difference = onnx_export.check(model, served, frame, cache)
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

    One whose export is costly is exported only if it is the champion.
    """
    shipped = {}
    for name, model in models.items():
        folder = work / "champion" if name == champion else work / "others" / name
        wanted = export and (name == champion or not registry.find(model.architecture).costly_export)
        shipped[name] = ship(model, folder, frame, export=wanted, repeats=repeats, cache=cache)
    content.remove(work / "others")
    return shipped


def timed(entries: Mapping[str, Entry], shipped: Mapping[str, Shipped]) -> dict[str, Entry]:
    """Return the entries with size and time of what was shipped."""
    return {
        name: replace(entry, size_bytes=shipped[name].size_bytes, latency_ms=shipped[name].latency_ms)
        for name, entry in entries.items()
    }


def figures(board: pd.DataFrame, name: str, prefix: str, task: str, only: Sequence[str] = ()) -> dict[str, float]:
    """Return a candidate's metrics, the reported ones or these, with their intervals as flat numbers with a prefix."""
    row: dict[Any, float] = board.set_index("candidate").loc[name].to_dict()
    names = (f"{metric}{end}" for metric in only or metrics.reported(task) for end in ("", "_low", "_high"))
    return {f"{prefix}{column}": row[column] for column in names}


def against(
    label: "pd.Series[Any]",
    entries: Mapping[str, Entry],
    reference: str,
    groups: "pd.Series[Any]",
    resamples: int,
    metric: str,
) -> pd.DataFrame:
    """Return by how much each candidate is better in a metric than `reference`: ``value``, ``low``, ``high``, paired.

    Raises
    ------
    DataError
        If the reference is no candidate.
    """
    if reference not in entries:
        raise DataError(f"{reference!r} is no candidate, so nothing can be compared with it.")
    other = entries[reference].answer
    rows = {
        name: evaluation.paired(label, entry.answer, other, metric, groups, resamples)
        for name, entry in entries.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "low", "high"]).sort_values("value")


def sentence(
    board: pd.DataFrame, champion: str, baseline: str, gain: "pd.Series[Any]", ceiling: float | None, task: str
) -> str:
    """Return in words what the champion is worth beside the plain baseline; `board` is the leaderboard on test."""
    primary = metrics.primary(task)
    reached = board.set_index("candidate")[primary.name]
    if champion == baseline:
        plain = (board.set_index("candidate")["family"] == "plain")[champion]
        against = "It is the plain baseline itself" if plain else "There is no plain baseline beside it"
        text = f"The champion is {champion}: {primary.title} {reached[champion]:.3f}. {against}."
        return text + (f" The ceiling is {ceiling:.3f}." if ceiling else "")
    text = (
        f"The champion is {champion}: {primary.title} {reached[champion]:.3f}, against {reached[baseline]:.3f} for "
        f"{baseline}; the difference is {gain['value']:.3f} ({between(gain['low'], gain['high'])})."
    )
    return text + (f" The ceiling is {ceiling:.3f}." if ceiling else "")
