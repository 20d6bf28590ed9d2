"""Cost of masking: the champion's method fitted on texts as they came beside the same fitted on masked ones.

Texts as they came are read from the source again, held in memory, and learnt from in a folder that only its owner can
read and that goes with the measurement. Nothing of them is written, recorded or shown but counts and scores.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from loopbook.data import cleaning, sources, validation
from loopbook.data.features import Features, column
from loopbook.figures import sentence
from loopbook.figures.sentence import Sentence
from loopbook.models import seen_rows
from loopbook.models.model import Model
from loopbook.models.training import fit_store, fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.task import Task
from loopbook.statistics import evaluation, metrics, targets
from loopbook.statistics.intervals import Interval
from loopbook.store.stage import Stage

ALL, CHANGED = "all", "changed by masking"


@dataclass(frozen=True)
class MaskingCost:
    """What masking costs.

    Attributes
    ----------
    why
        In words: what was measured, or why there is nothing to measure.
    changed
        By split: how many of its rows masking changed.
    table
        By model and rows of test (`ALL`, `CHANGED`): ``rows``, the primary metric ``masked`` and ``unmasked``, and
        ``cost``, what masking loses, with ``low`` and ``high``; empty where nothing was fitted.
    """

    why: str
    changed: Mapping[str, int] = field(default_factory=dict)
    table: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def shown(self) -> pd.DataFrame | Sentence:
        """The table, or where there is none, why."""
        return sentence.table(self.table.round(4), self.why)

    @property
    def figures(self) -> dict[str, Any]:
        """Flat numbers to record: the champion's cost, and that of a second model."""
        rows = {f"masking_changed_{split}": count for split, count in self.changed.items()}
        if self.changed and not len(self.table):  # both are one model
            return rows | Interval(0.0, 0.0, 0.0).recorded("masking_cost")
        names = dict(zip(self.table.index.unique(0) if len(self.table) else (), ("", "baseline_"), strict=False))
        found = {
            f"{of}masking_cost": self.table.loc[(name, ALL), ["cost", "low", "high"]] for name, of in names.items()
        }
        return rows | {
            name: value for what, row in found.items() for name, value in Interval(*row).recorded(what).items()
        }


def measure(stage: Stage, models: Mapping[str, Model], data: TrainingData, test: pd.DataFrame) -> MaskingCost:
    """Return what masking costs the methods of models in their primary metric on test, paired row by row.

    Parameters
    ----------
    stage
        Stage 04: its scenario's source is read again.
    models
        The champion first, and perhaps a plain baseline, whose fit knows no chance. Each method is fitted twice, with
        one seed: on masked rows, which is mostly in the store already, and on unmasked ones, which is not kept.
    data, test
        The masked splits.

    Raises
    ------
    DataError
        If the source cannot be read.
    """
    if not stage.settings.masking_cost:
        return MaskingCost("Not measured: optimization.masking_cost is off.")
    if not stage.scenario.data.mask_personal_data:
        return MaskingCost("Nothing is masked: data.mask_personal_data is off.")
    texts = read_again(stage)
    masked = {"train": data.train, "validation": data.validation, "test": test}
    raw = {split: restored(rows, texts) for split, rows in masked.items()}
    changed = {split: differing(masked[split], raw[split], data.task) for split in masked}
    counts = {split: int(rows.sum()) for split, rows in changed.items()}
    if not any(counts.values()):
        return MaskingCost("Masking changed no text of train, validation or test, so it costs nothing.", counts)
    features = Features.fit(raw["train"], stage.scenario)
    whole = TrainingData(raw["train"], raw["validation"], features, data.task)
    tables = {}
    for name, model in models.items():
        method = Method.of(model, stage.scenario.training)
        answers = _fitted(stage, method, data, test), _fitted_aside(stage, method, whole, raw["test"])
        tables[name] = compared(test, *answers, changed["test"].to_numpy(), data.task, _resamples(stage))
    table = pd.concat(tables, names=["model"])
    return MaskingCost("The same methods, fitted and tested on masked and on unmasked texts.", counts, table)


def _fitted(stage: Stage, method: Method, data: TrainingData, test: pd.DataFrame) -> Any:
    """Return what a method says of test, as metrics judge it, fitted on masked texts; such a fit is kept."""
    stage.progress("masking cost, masked")
    model = Model.load(fit_store.fit(stage, method, data).model)
    answer = seen_rows.answer(model, test, stage.project.work / "embeddings")
    return answer.aligned(targets.classes(test["label"], data.task)).judged


def _fitted_aside(stage: Stage, method: Method, data: TrainingData, test: pd.DataFrame) -> Any:
    """Return the same of unmasked texts; of the fit nothing is kept."""
    with tempfile.TemporaryDirectory(prefix="unmasked-") as folder:
        work = Path(folder)
        fitting.fit(method, data, work, lambda text: stage.progress(f"masking cost, unmasked: {text}"))
        answer = seen_rows.answer(Model.load(work / fitting.MODEL), test, work / "embeddings")
        return answer.aligned(targets.classes(test["label"], data.task)).judged


def read_again(stage: Stage) -> pd.DataFrame:
    """Return the texts of all rows of the source as 02 read them, before it masked anything, by row."""
    scenario, today = stage.scenario, datetime.now(UTC).date()
    stage.progress("masking cost: reading the source again")
    collected = sources.collect(scenario.source, stage.project.root, stage.project.raw, stage.progress)
    rows, _ = validation.validate(collected, scenario, today)
    every = pd.concat([rows, validation.unlabelled(collected, scenario, today)])
    found, _ = cleaning.mask(every, scenario)
    names = list(scenario.task.text_fields)
    differs = (every[names].astype(object) != found[names].astype(object)).any(axis=1)
    return every.loc[differs, ["row_id", *names]].drop_duplicates("row_id").set_index("row_id")


def restored(rows: pd.DataFrame, texts: pd.DataFrame) -> pd.DataFrame:
    """Return rows with the texts that masking took, by ``row_id``; those of which nothing is known stay as they are."""
    whole = rows.copy()
    for name in texts.columns:
        before = rows["row_id"].astype(object).map(texts[name].astype(object))
        whole[name] = before.where(before.notna(), rows[name].astype(object)).astype(rows[name].dtype)
    return whole


def differing(rows: pd.DataFrame, others: pd.DataFrame, task: Task) -> pd.Series:
    """Say of each row whether a text of it differs; bool [n]."""
    same = [pd.Series(column(rows, name)) == pd.Series(column(others, name)) for name in task.text_fields]
    return ~pd.concat(same, axis=1).all(axis=1) if same else pd.Series([False] * len(rows), dtype=bool)


def compared(test: pd.DataFrame, masked: Any, whole: Any, changed: Any, task: Task, resamples: int) -> pd.DataFrame:
    """Return `MaskingCost.table`; without the line of changed rows where they are too few to be judged.

    Parameters
    ----------
    masked, whole
        Answers to the rows of test, as metrics judge them.
    changed
        Which of the rows masking changed; bool [n].
    """
    metric, lines = metrics.primary(task.type), dict[str, Any]()
    for name, part in ((ALL, slice(None)), (CHANGED, changed)):
        label, groups = test["label"][part], test["group"][part]
        if name == CHANGED and label.nunique() < 2:
            continue
        less = evaluation.paired(label, whole[part], masked[part], metric.name, groups, resamples)
        scores = {
            said: metrics.score(metric.name, label, answer[part])
            for said, answer in (("masked", masked), ("unmasked", whole))
        }
        lines[name] = {"rows": len(label), **scores, **dict(zip(("cost", "low", "high"), less, strict=True))}
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis(f"rows of test, {metric.title}")


def _resamples(stage: Stage) -> int:
    return int(stage.scenario.training.bootstrap)
