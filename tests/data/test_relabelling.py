"""Approved labels join the rows they were given for, on the side where no model is judged by what it learned."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.conftest import build_scenario

from loopbook.data import relabelling, splitting
from loopbook.scenario.contract import Scenario

SOURCE = {"kind": "csv", "path": "x", "time": "when", "group": "place"}
SHARES = {
    "by": "group",
    "train": 0.3,
    "validation": 0.1,
    "test": 0.1,
    "gate": 0.1,
    "stream": 0.1,
    "held_back": 0.3,
    "windows": 4,
}


def rows(count: int = 3000, groups: int = 1000) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    ids = [f"r{index}" for index in range(count)]
    return pd.DataFrame(
        {
            "row_id": ids,
            "time": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(count), unit="h"),
            "group": [f"g{index % groups}" for index in range(count)],
            "label": rng.integers(0, 2, count).astype(np.int8),
            "weight": np.full(count, 0.5, dtype=np.float32),
            "text": [hashlib.sha256(name.encode()).hexdigest() for name in ids],
        }
    )


@pytest.fixture(scope="module")
def agent() -> Scenario:
    return build_scenario(SOURCE, splits=SHARES)


def said(frame: pd.DataFrame, agent: Scenario, label: int = 1, **more: float) -> list[dict[str, object]]:
    contents = relabelling.fingerprints(frame, agent.task)
    return [{"row_id": row, "content": content, "label": label, **more} for row, content in contents.items()]


def test_labels_of_the_past_join_train_and_validation_and_of_nothing_else(agent: Scenario) -> None:
    sides = splitting.split(rows(), agent, window=3)
    everything = [one for frame in sides.values() for one in said(frame.head(40), agent)]
    found = relabelling.apply(sides, [], everything, agent.task)
    assert list(found.splits) == list(splitting.SPLITS)
    learned = {name: set(found.splits[name]["row_id"]) - set(sides[name]["row_id"]) for name in splitting.SPLITS}
    assert learned["train"] | learned["validation"] == set(sides["past"]["row_id"].head(40))
    assert not learned["train"] & learned["validation"] and min(map(len, (learned["train"], learned["validation"])))
    assert not learned["test"] | learned["gate"] | learned["stream"]
    row = found.added.set_index("from").loc["outcomes"]
    assert row["rows"] == 280
    assert (row["to train"] + row["to validation"], row["waiting"], row["kept out"], row["not found"]) == (
        40, 80, 160, 0,
    )  # fmt: skip


def test_the_approved_label_counts_and_not_the_sources_own(agent: Scenario) -> None:
    sides = splitting.split(rows(), agent, window=2)
    past = sides["past"]
    flipped = past.assign(label=1 - past["label"])
    outcomes = [one | {"label": int(label)} for one, label in zip(said(past, agent), flipped["label"], strict=True)]
    found = relabelling.apply(sides, said(past.head(1), agent, label=1, weight=0.8), outcomes, agent.task)
    learned = pd.concat([found.splits["train"], found.splits["validation"]]).set_index("row_id")
    wanted = flipped.set_index("row_id")["label"]
    first = past["row_id"].iloc[0]
    assert learned.loc[wanted.index[1:], "label"].equals(wanted.iloc[1:])
    assert (learned.loc[first, "label"], learned.loc[first, "weight"]) == (1, pytest.approx(0.8))
    assert learned.loc[wanted.index[1], "weight"] == pytest.approx(0.5)
    assert {name: str(found.splits["train"][name].dtype) for name in ("label", "weight")} == {
        "label": "int8",
        "weight": "float32",
    }


def test_a_group_is_on_one_side_and_the_side_is_that_of_the_learning_set(agent: Scenario) -> None:
    sides = splitting.split(rows(), agent, window=4)
    found = relabelling.apply(sides, [], said(sides["past"], agent), agent.task)
    groups = [set(found.splits[name]["group"]) for name in ("train", "validation")]
    assert not groups[0] & groups[1]
    past = sides["past"]
    back = set(past["row_id"][relabelling.held_back(past)])
    assert set(found.splits["validation"]["row_id"]) == back | set(sides["validation"]["row_id"])


def test_a_label_never_lands_on_another_row_of_the_same_name(agent: Scenario) -> None:
    sides = splitting.split(rows(), agent, window=2)
    other = {name: frame.assign(text=frame["text"] + " another world") for name, frame in sides.items()}
    found = relabelling.apply(other, [], said(sides["past"], agent), agent.task)
    assert found.added["not found"].sum() == len(sides["past"])
    assert all(found.splits[name].equals(other[name]) for name in splitting.SPLITS)


def test_nothing_approved_changes_nothing(agent: Scenario) -> None:
    sides = splitting.split(rows(), agent, window=2)
    found = relabelling.apply(sides, [], [], agent.task)
    assert all(found.splits[name].equals(sides[name]) for name in splitting.SPLITS)
    assert found.added["rows"].tolist() == [0, 0]
    whole = build_scenario(SOURCE, splits={"by": "group"})
    five = splitting.split(rows(), whole)
    assert relabelling.apply(five, [], said(five["stream"], whole), whole.task).added["waiting"].sum() == len(
        five["stream"]
    )


@given(st.floats(0, 1), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_about_the_share_asked_for_is_held_back_whole_groups_at_a_time(share: float, seed: int) -> None:
    frame = rows(2000, groups=1000)
    back = relabelling.held_back(frame, share, seed)
    assert abs(back.mean() - share) < 0.08
    assert frame.assign(back=back).groupby("group")["back"].nunique().max() == 1
    assert set(frame["row_id"][relabelling.held_back(frame, share / 2, seed)]) <= set(frame["row_id"][back])


def test_a_missing_text_is_an_empty_one(agent: Scenario) -> None:
    frame = rows(3).assign(text=["a", None, ""])
    found = relabelling.fingerprints(frame, agent.task)
    assert len(found) == 3 and found["r1"] == found["r2"] != found["r0"]


@pytest.mark.parametrize("kind", ["multiclass", "number"])
def test_labels_of_every_type_are_taken_and_an_unknown_class_is_said(agent: Scenario, kind: str) -> None:
    task = {"type": kind, "fields": {"text": "text"}, "label": {"column": "said"}}
    task["label"] |= {"limits": [0.5]} if kind == "number" else {}
    made = Scenario.model_validate(agent.model_dump(mode="json") | {"task": task})
    frame = rows()
    names = pd.Categorical(np.where(frame["label"] == 1, "late", "lost"), categories=["late", "lost", "never"])
    frame["label"] = names if kind == "multiclass" else frame["label"].astype(float)
    sides = splitting.split(frame, made, window=2)
    wanted = ["never", "late", "unheard"] if kind == "multiclass" else [2.5, -1, 0.25]
    given = [{**one, "label": label} for one, label in zip(said(sides["past"].head(3), made), wanted, strict=True)]
    found = relabelling.apply(sides, given, [], made.task)
    learned = pd.concat([found.splits["train"], found.splits["validation"]]).set_index("row_id")["label"]
    assert learned.dtype == frame["label"].dtype
    row = found.added.set_index("from").loc["corrections"]
    taken = wanted[:2] if kind == "multiclass" else wanted
    assert learned[sides["past"]["row_id"].head(len(taken))].tolist() == taken
    assert (row["to train"] + row["to validation"], row["unknown class"]) == (len(taken), 3 - len(taken))
    assert sorted(row["labels"].split(", ")) == {
        "multiclass": ["late 1", "never 1"], "number": ["above 0.5 1", "up to 0.5 2"],
    }[kind]  # fmt: skip
