"""Which variant of the champion is shipped: the smallest that loses no more than the scenario allows."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from loopbook.models.architectures import registry
from loopbook.models.choice import leaderboard
from loopbook.models.choice.model_selection import Shipped
from loopbook.models.model import Model
from loopbook.models.shipping import onnx_export, serving, variants
from loopbook.models.shipping.bundle import CONFIG
from loopbook.models.shipping.variants import FLOAT32, VARIANTS, Source, Variant
from loopbook.models.training import fit_store
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.small_models import SmallModelsSettings
from loopbook.scenario.task import Task
from loopbook.statistics import evaluation, metrics, targets
from loopbook.statistics.intervals import Interval
from loopbook.store import content
from loopbook.store.stage import Stage

_INSIDE = "variant"  # folder in what is kept, which the store marks as whole beside it


def made(
    stage: Stage, model: Model, bundle: Path, data: TrainingData, settings: SmallModelsSettings
) -> tuple[dict[str, Path], dict[str, str]]:
    """Return the folders of the variants that the scenario names, and why it has not got the others.

    Each is kept by itself, under a key of all that it depends on; `float32` is the export as it is, and comes first.

    Parameters
    ----------
    bundle
        Folder of the export of `model`.
    data
        What `model` was fitted on.
    """
    method = Method.of(model, stage.scenario.training)
    cache = stage.project.work / "embeddings"
    source = Source(model, bundle, method, data, settings, cache, stage.progress)
    folders, lacking = {FLOAT32: bundle}, dict[str, str]()
    for name in dict.fromkeys(settings.variants):
        variant = VARIANTS[name]
        if why := variant.suits(model):
            lacking[name] = why
            continue
        chosen = settings.model_dump(mode="json", include=set(variant.uses))
        parts, modules = {"variant": name, "of": content.digest(bundle), "settings": chosen}, [variants.__name__]
        if variant.trained:
            parts |= fit_store.parts(method, data)
            names = (*method.architectures, *filter(None, (settings.student,)))
            modules += [registry.module_of(architecture) for architecture in names]
        stage.progress(f"variant {name}")
        folders[name] = stage.cached("variants", parts, modules, partial(_make, variant, source)) / _INSIDE
    return folders, lacking


def exported(stage: Stage, champion: Path) -> tuple[Model, Path]:
    """Return a shipped model as it was trained, and its export as it was before a variant took its place."""
    parts = {"variant": FLOAT32, "of": content.digest(champion / "model")}
    model = Model.load(champion / "model")
    kept = stage.cached(
        "variants", parts, [onnx_export.__name__], lambda work: onnx_export.export(model, work / _INSIDE)
    )
    return model, kept / _INSIDE


def _make(variant: Variant, source: Source, work: Path) -> None:
    variant.make(source, work / _INSIDE)


def lost(folders: dict[str, Path], rows: pd.DataFrame, task: Task, resamples: int) -> pd.DataFrame:
    """Return a row for each variant: the primary metric, and what is lost against float32 on the same rows.

    Returns
    -------
    DataFrame
        Indexed by variant: the primary metric under its name, with ``_low`` and ``_high``; ``lost``, ``lost_low``,
        ``lost_high`` (paired; below 0 it is better); ``bytes``.
    """
    metric, told = metrics.primary(task.type), dict[str, Any]()
    classes = targets.classes(rows["label"], task)
    for name, folder in folders.items():
        told[name] = serving.variant(folder).answer(rows).aligned(classes).judged
    table = {}
    for name, said in told.items():
        of = evaluation.metrics(rows["label"], said, 0.5, rows["group"], resamples, 0, (metric.name,), task.type)
        less = evaluation.paired(rows["label"], told[FLOAT32], said, metric.name, rows["group"], resamples)
        reached = Interval(*of.loc[metric.name, ["value", "low", "high"]]).recorded(metric.name)
        table[name] = {**reached, **less.recorded("lost"), "bytes": content.size(folders[name])}
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("variant")


def chosen(table: pd.DataFrame, folders: dict[str, Path], may_lose: float) -> str:
    """Return the smallest variant that loses at most `may_lose`, even at the high end of the interval of what it loses.

    One that Keras answers is not shipped: it would bring TensorFlow along.
    """
    within = [
        name == FLOAT32 or (bool(high <= may_lose) and (folders[str(name)] / f"{CONFIG}.json").is_file())
        for name, high in table["lost_high"].items()
    ]
    return str(table["bytes"][within].idxmin())


def ship(stage: Stage, model: Model, shipped: Shipped, data: TrainingData) -> tuple[Shipped, dict[str, Any]]:
    """Put the chosen variant into the folder of a shipped model, and return what is recorded of it.

    Where the scenario does not name the study, or nothing was exported, all stays as it is, and nothing is recorded.
    """
    settings, bundle = stage.scenario.studies.small_models, shipped.folder / "onnx"
    if settings is None or not bundle.is_dir():
        return shipped, {}
    folders, _ = made(stage, model, bundle, data, settings)
    table = lost(folders, data.validation, data.task, stage.scenario.training.bootstrap)
    name = chosen(table, folders, settings.may_lose)
    if name != FLOAT32:
        content.save(folders[name], bundle)
    timed = leaderboard.latency(serving.variant(bundle), data.validation, stage.settings.latency_repeats)
    found = replace(shipped, size_bytes=content.size(bundle), latency_ms=timed["median_ms"])
    less = Interval(*table.loc[name, ["lost", "lost_low", "lost_high"]]).recorded("variant_lost")
    return found, {"variant": name, **less}
