"""Files of others become agents of every type of task, whatever their columns are called and stand for."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_diabetes

from loopbook.decisions import costs
from loopbook.requirements.prototype import Prototype
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load
from loopbook.starter.beginning import Beginning, begin, reading_of
from loopbook.store.project import Project
from tests import tasks

needs_mirror = pytest.mark.skipif("LOOPBOOK_DATA_MIRROR" not in os.environ, reason="LOOPBOOK_DATA_MIRROR is not set")


def made(project: Project, frame: pd.DataFrame, name: str = "mine", **more: Any) -> tuple[Beginning, Scenario]:
    """Begin an agent from a table; return what was said and the scenario, whose costs and prototype fit its task."""
    file = project.root / f"{name}.csv"
    frame.to_csv(file, index=False)
    begun = begin(project, name, file, **more)
    found = load(name, project.scenarios)
    costs.of(found.decisions.costs, found.task)
    Prototype.of(found.requirements, found.task)
    return begun, found


def commanded(begun: Beginning) -> dict[str, dict[str, str]]:
    """Return the other readings as their commands say them: the variables of make, by task."""
    calls = (shlex.split(command) for _, command in begun.readings)
    said = [dict(word.split("=", 1) for word in words[2:]) for words in calls]
    return {each["TASK"]: each for each in said}


def banking(rows: int = 3_000) -> pd.DataFrame:
    return pd.read_csv(Path(os.environ["LOOPBOOK_DATA_MIRROR"]) / "banking77" / "train.csv").sample(
        rows, random_state=1
    )


def airline(rows: int = 3_000) -> pd.DataFrame:
    return pd.read_csv(Path(os.environ["LOOPBOOK_DATA_MIRROR"]) / "airline" / "Tweets.csv").head(rows)


@needs_mirror
@pytest.mark.parametrize("change", ["as it is", "renamed and reordered", "codes"])
def test_seventy_seven_classes_are_guessed_by_name_and_by_code(empty_project: Project, change: str) -> None:
    frame = banking()
    if change != "as it is":
        frame = frame.rename(columns={"text": "f2", "category": "f1"})[["f1", "f2"]]
    if change == "codes":
        frame["f1"] = frame["f1"].astype("category").cat.codes
    begun, found = made(empty_project, frame)
    column, text = ("category", "text") if change == "as it is" else ("f1", "f2")
    assert (found.task.type, found.task.label.column, found.task.fields) == ("multiclass", column, {text: "text"})
    assert found.task.label.classes == (), "as the data says"
    assert found.decisions.costs.mistake == (0, 1) and set(found.requirements.terms) <= set(map(str, frame[column]))
    others = commanded(begun)
    assert set(others) == ({"binary", "number", "ordinal"} if change == "codes" else {"binary"})
    said = others["binary"]
    again = begin(empty_project, said["NAME"], Path(said["FILE"]), said["LABEL"], task=reading_of(said["TASK"]))
    task = load(said["NAME"], empty_project.scenarios).task
    assert task.type == "binary" and len(task.label.positive) == 1, "one of them against the rest"
    assert set(commanded(again)) == {"multiclass", *others} - {"binary"}


@needs_mirror
@pytest.mark.parametrize("coded", [False, True])
def test_three_classes_and_a_further_output_whatever_the_columns_are_called(
    empty_project: Project, coded: bool
) -> None:
    frame = airline().rename(columns=dict(zip(airline(1).columns, "abcdef", strict=True)))[list("ebfcda")]
    if coded:
        frame["b"] = frame["b"].map({"negative": 0, "neutral": 1, "positive": 2})
    _, found = made(empty_project, frame, given="b", task="multiclass")
    assert found.task.label.classes == (("0", "1", "2") if coded else ("negative", "neutral", "positive"))
    assert found.task.fields == {"a": "number", "e": "text", "d": "category"}, "the reason gives the label away"
    assert found.source.time == "f"
    written = (empty_project.scenarios / "mine.yaml").read_text("utf-8")
    lines = written.split("# also:\n")[1].splitlines()
    also = yaml.safe_load("\n".join(line.strip().removeprefix("# ") for line in lines[:1]))
    task = found.task.model_dump(mode="json") | {"also": also}
    assert Scenario.model_validate(found.model_dump(mode="json") | {"task": task}).task.learned == ("b", "c")


def test_a_number_with_a_limit_from_its_upper_quartile_and_its_other_reading(empty_project: Project) -> None:
    frame = load_diabetes(as_frame=True).frame.rename(columns={"target": "progress"})
    begun, found = made(empty_project, frame, given="progress")
    assert (found.task.type, found.task.label.limits) == ("number", (200.0,))
    assert set(commanded(begun)) == {"binary"} and "assumption" in begun.path.read_text("utf-8")
    assert {criterion.metric for criterion in found.criteria} >= {"test_mae_gain_low", "saving_per_decision_low"}
    assert set(found.training.candidates) >= {"majority", "ridge", "trees", "mlp"}


@pytest.mark.parametrize(
    ("label", "task", "classes"),
    [
        ("topic", "multiclass", ("billing", "delivery", "fraud", "praise", "returns")),
        ("mood", "binary", ("other", "negative")),
        ("mood", "multiclass", ("negative", "neutral", "positive")),
        ("minutes", "number", ("up to 40", "above 40")),
    ],
)
def test_tickets_become_an_agent_of_each_type(
    empty_project: Project, label: str, task: Any, classes: tuple[str, ...]
) -> None:
    _, found = made(empty_project, tasks.tickets(600), given=label, task=None if label != "mood" else task)
    if label == "mood" and task == "binary":
        assert found.task.label.classes[1] == "negative"
    else:
        assert (found.task.type, found.task.label.classes) == (task, classes)
    assert label not in found.task.fields and found.data.splits.by == "time"


@pytest.mark.parametrize("count", [3, 40, 41, 200])
def test_up_to_forty_classes_are_named_and_more_are_as_the_data_says(empty_project: Project, count: int) -> None:
    random = np.random.default_rng(1)
    of = np.arange(1_200) % count
    frame = pd.DataFrame(
        {"note": [f"matter {code} number {each}" for code, each in zip(of, random.random(1_200), strict=True)]}
    ).assign(kind=[f'kind: {code} # "x"' for code in of])
    _, found = made(empty_project, frame)
    assert len(found.task.label.classes) == (count if count <= 40 else 0)
    assert found.task.type == "multiclass"


def test_a_number_that_drifts_is_split_by_time_though_later_rows_lie_on_one_side_of_its_limit(
    empty_project: Project,
) -> None:
    rows = tasks.tickets(400)
    rows["minutes"] += np.linspace(60, 0, 400)  # a stratum of neighbours in time would be learned by heart
    _, scenario = made(empty_project, rows[["time", "amount", "minutes"]], given="minutes", task="number")
    assert scenario.data.splits.by == "time"


@pytest.mark.parametrize(("positives", "tags", "said"), [(25, 3, "has 25 rows, of which the test gets about"),
                                                         (200, 3, ""), (200, 0, "holds lists, such as")])  # fmt: skip
def test_what_figures_will_not_bear_is_said_first(empty_project: Project, positives: int, tags: int, said: str) -> None:
    random = np.random.default_rng(2)
    frame = pd.DataFrame({"amount": random.normal(size=800).round(3), "way": random.choice(["a", "b"], 800)})
    frame["label"] = (np.arange(800) % (800 // positives) == 0).astype(int)
    if not tags:
        parts = np.array(["python", "sql", "go", "rust", "c"])
        frame["label"] = ["|".join(parts[[row % 5, (row // 5) % 5]]) for row in range(800)]
    begun, _ = made(empty_project, frame, given="label")
    assert any(said in doubt for doubt in begun.doubts) == bool(said) and bool(begun.doubts) == bool(said)
