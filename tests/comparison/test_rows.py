"""Two runs are compared on the rows that both have decided, by the primary metric of their type of task."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, r2_score, roc_auc_score

from loopbook.comparison import rows

CLASSES = ("a", "b & <b>c</b>", "d")


def decided(task: str, noise: float, seed: int) -> dict[str, pd.DataFrame]:
    """Return what 05 writes of 300 rows, by the name of the artifact."""
    truth, random = np.random.default_rng(0), np.random.default_rng(seed)
    ids = pd.Series([f"r{at}" for at in range(300)], dtype="str")
    code = truth.integers(0, 3, 300)
    if task == "multiclass":
        p = np.exp(random.normal(0, noise, (300, 3)) + 3 * np.eye(3)[code])
        p /= p.sum(axis=1, keepdims=True)
        label: Any = pd.Categorical.from_codes(code, categories=list(CLASSES))
        log = pd.DataFrame({"row_id": ids, "label": label, "probability": p.max(axis=1)})
        return {"decisions": log, "scores": pd.DataFrame(p, columns=list(CLASSES)).assign(row_id=ids)}
    if task == "number":
        value = truth.normal(0, 1, 300)
        said = value + random.normal(0, noise, 300)
        return {"decisions": pd.DataFrame({"row_id": ids, "label": value, "value": said, "probability": 0.5})}
    label = pd.array((code > 0).astype("int8"), dtype="Int8")
    p = 1 / (1 + np.exp(-(3.0 * (code > 0) - 1.5 + random.normal(0, noise, 300))))
    return {"decisions": pd.DataFrame({"row_id": ids, "label": label, "probability": p})}


@pytest.mark.parametrize("task", ["binary", "multiclass", "number"])
def test_runs_are_paired_by_the_primary_metric_of_their_task(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"good": decided(task, 1.0, 1), "poor": decided(task, 4.0, 2)}
    found["poor"] = {name: frame[::-1] for name, frame in found["poor"].items()}  # in another order
    monkeypatch.setattr(rows, "table", lambda _, run, stage, name: found[run.run].get(name))
    good, poor = (SimpleNamespace(run=name, task=task) for name in ("good", "poor"))
    worse = rows.paired(None, good, poor)  # type: ignore[arg-type]
    better = rows.paired(None, poor, good)  # type: ignore[arg-type]
    assert worse is not None and better is not None
    assert (worse.worse, better.worse) == (True, False)
    assert (worse.a, worse.b) == pytest.approx((better.b, better.a))
    log = found["good"]["decisions"]
    if task == "multiclass":
        said = np.array(CLASSES)[found["good"]["scores"][list(CLASSES)].to_numpy().argmax(axis=1)]
        expected = f1_score(log["label"].astype(str), said, average="macro")
    elif task == "number":
        expected = r2_score(log["label"], log["value"])
    else:
        expected = roc_auc_score(log["label"].astype(int), log["probability"])
    assert worse.a == pytest.approx(expected)


def test_classes_that_only_one_run_knows_count_as_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    one = decided("multiclass", 1.0, 1)
    two = {"decisions": one["decisions"], "scores": one["scores"].drop(columns="d")}
    monkeypatch.setattr(rows, "table", lambda _, run, stage, name: {"one": one, "two": two}[run.run].get(name))
    a, b = (SimpleNamespace(run=name, task="multiclass") for name in ("one", "two"))
    found = rows.paired(None, a, b)  # type: ignore[arg-type]
    assert found is not None and found.worse


@pytest.mark.parametrize("change", ["other rows", "other labels", "one class", "other task", "no scores"])
def test_what_cannot_be_paired_is_not(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = decided("multiclass", 1.0, 1), decided("multiclass", 1.0, 2)
    log = two["decisions"]
    if change == "other rows":
        two["decisions"] = log.head(200)
    elif change == "other labels":
        two["decisions"] = log.assign(label=log["label"].to_numpy()[::-1])
    elif change == "one class":
        one["decisions"], two["decisions"] = (each["decisions"].assign(label="a") for each in (one, two))
    elif change == "no scores":
        del two["scores"]
    monkeypatch.setattr(rows, "table", lambda _, run, stage, name: {"one": one, "two": two}[run.run].get(name))
    a = SimpleNamespace(run="one", task="multiclass")
    b = SimpleNamespace(run="two", task="binary" if change == "other task" else "multiclass")
    assert rows.paired(None, a, b) is None  # type: ignore[arg-type]
