"""The label is counted by class and split, and what train does not know is counted too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.data.conftest import build_scenario

from loopbook.data import card, data_page, distribution, splitting
from loopbook.scenario.contract import Scenario

ORIGIN = {"address": "rows.csv", "licence": "MIT", "citation": "", "sha256": "0" * 64, "rows": 1000}
NOTHING = pd.DataFrame(columns=["line", "reason", "detail", "row"])


def agent(label: dict[str, Any], kind: str) -> Scenario:
    made = build_scenario({"kind": "csv", "path": "x", "time": "when"}, splits={"by": "time"}).model_dump(mode="json")
    made["task"] = {"type": kind, "fields": {"text": "text"}, "label": {"column": "said", **label}}
    return Scenario.model_validate(made)


def rows(label: Any) -> pd.DataFrame:
    count = len(label)
    return pd.DataFrame(
        {
            "row_id": [f"r{number}" for number in range(count)],
            "time": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(range(count), unit="h"),
            "group": [f"r{number}" for number in range(count)],
            "label": label,
            "weight": np.ones(count, dtype=np.float32),
            "text": [f"word {number}" for number in range(count)],
        }
    )


MANY = [f"c{number}" for number in range(77)]


@pytest.fixture
def many() -> tuple[pd.DataFrame, dict[str, pd.DataFrame], Scenario]:
    """Return 77 classes: `rare` has three rows of train, `new` comes in the stream only, `empty` never."""
    names = [MANY[number % 77] for number in range(1000)]
    for at in (5, 6, 7):
        names[at] = "rare"
    names[-4:] = ["<b>new</b>"] * 4
    label = pd.Categorical(names, categories=[*MANY, "rare", "<b>new</b>", "empty"])
    made = agent({}, "multiclass")
    frame = rows(label)
    return frame, splitting.split(frame, made), made


def test_classes_that_train_does_not_know_are_counted_and_named(
    many: tuple[pd.DataFrame, dict[str, pd.DataFrame], Scenario],
) -> None:
    frame, splits, made = many
    counted = distribution.counts(splits, made.task)
    assert counted.to_numpy().sum() == 1000 and counted.loc["rare"].sum() == counted.loc["rare", "train"] == 3
    assert distribution.unseen(counted).to_dict() == {"<b>new</b>": 4}
    found = data_page.recorded(frame, splits, made.task)
    assert found["classes"] == 79 and (found["unseen_classes"], found["unseen_rows"]) == (1, 4)
    assert found["rare_classes"] == sum(0 < n < 10 for n in splits["train"]["label"].value_counts())
    table = splitting.shares(splits, made).set_index("split")
    assert table["rows of unseen classes"].to_dict() == dict.fromkeys(splitting.SPLITS[:-1], 0) | {"stream": 4}
    said = {each["kind"]: each["text"] for each in card.dataset_card(splits, NOTHING, ORIGIN, made)["findings"]}
    unseen = "1 of 80 classes in no row of train, so that no model can answer them: '<b>new</b>' (4)."
    assert said["unseen-class"] == unseen
    assert said["empty-class"] == "1 of 80 classes named by the scenario and in no row at all: 'empty' (0)."
    assert said["rare-class"].startswith(f"{found['rare_classes']} of 80 classes with fewer than 10 rows of train: ")
    assert "imbalance" not in said


def test_a_figure_of_many_classes_sums_up_the_rare_ones_and_escapes_their_names(
    many: tuple[pd.DataFrame, dict[str, pd.DataFrame], Scenario],
) -> None:
    _, splits, made = many
    drawn = data_page.label(splits, made.task)
    assert "70 other classes have" in drawn.svg and "<b>" not in drawn.svg
    assert "Train has never seen 1 of 80 classes" in drawn.svg


def test_of_two_classes_the_share_of_yes_is_told_as_ever() -> None:
    made = agent({"positive": ["yes"]}, "binary")
    frame = rows(np.array([number % 4 == 0 for number in range(1000)], dtype=np.int8))
    splits = splitting.split(frame, made)
    assert data_page.recorded(frame, splits, made.task) == {"positive_share": 0.25}
    table = splitting.shares(splits, made).set_index("split")
    assert table["yes"].tolist() == [part["label"].mean() for part in splits.values()]
    assert "share of “yes”, %" in data_page.label(splits, made.task).svg


def test_a_number_has_range_quartiles_and_bands() -> None:
    made = agent({"limits": [10, 20], "unit": "min"}, "number")
    frame = rows(np.arange(1000) % 25 + 0.5)
    splits = splitting.split(frame, made)
    counted = distribution.counts(splits, made.task)
    assert counted.sum(axis=1).to_dict() == {"up to 10 min": 400, "10 to 20 min": 400, "above 20 min": 200}
    assert data_page.recorded(frame, splits, made.task) == {"label_mean": 12.5, "label_median": 12.5}
    told = card.dataset_card(splits, NOTHING, ORIGIN, made)
    assert told["classes"]["10 to 20 min"] == {"rows": 400, "share": 0.4}
    assert {name: told["number"][name] for name in ("min", "q25", "median", "q75", "max")} == {
        "min": 0.5, "q25": 6.5, "median": 12.5, "q75": 18.5, "max": 24.5,
    }  # fmt: skip
    assert "said, min" in data_page.label(splits, made.task).svg


@pytest.mark.parametrize("kind", ["multiclass", "number"])
def test_a_change_of_any_class_beyond_chance_is_found(kind: str) -> None:
    label = {"multiclass": {}, "number": {"limits": [1.5]}}[kind]
    values = np.where(np.arange(1000) < 900, np.arange(1000) % 4, 3)
    made = agent(label, kind)
    frame = rows(pd.Categorical(values.astype(str)) if kind == "multiclass" else values.astype(float))
    splits = splitting.split(frame, made)
    found = {each["kind"]: each["text"] for each in card.dataset_card(splits, NOTHING, ORIGIN, made)["findings"]}
    what = {"multiclass": "'3' is 25.0% of train", "number": "'above 1.5' is 50.0% of train"}[kind]
    assert found["drift"] == f"{what} and 100.0% of the stream after it."
    calm = card.dataset_card(splits | {"stream": splits["test"]}, NOTHING, ORIGIN, made)
    assert "drift" not in {each["kind"] for each in calm["findings"]}
