"""Served rows are laid out as a split, and only what is known of them is told."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from loopbook.data import relabelling, served_rows
from loopbook.scenario.contract import Scenario

FIELDS = {"t": "text", "n": "number", "weight": "number", "c": "category"}


@pytest.fixture
def scenario() -> Scenario:
    return Scenario.model_validate(
        {
            "name": "tiny",
            "title": "Tiny",
            "description": "Decides.",
            "task": {"fields": FIELDS, "label": {"column": "y", "positive": [1]}, "also": {"tone": {"column": "mood"}}},
            "source": {"kind": "csv", "path": "a.csv", "group": "patient", "protected": ["age"]},
            "training": {"candidates": {"one": {"architecture": "majority"}}},
        }
    )


@pytest.fixture
def stream() -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "row_id": ["a", "b"],
            "time": pd.to_datetime(["2026-01-01", "2026-01-02"], utc=True).as_unit("us"),
            "group": ["p1", "p2"],
            "label": [0, 1],
            "weight": [1.0, 0.5],
            "label_tone": pd.Categorical(["good", "bad"]),
            "t": ["hello", "bye"],
            "n": [1.5, 2.0],
            "weight_source": [70.0, 80.0],
            "c": ["x", ""],
            "patient": ["p1", "p2"],
            "age": [41, 50],
            "y": [0, 1],
            "seen": [True, False],
        }
    )
    return rows.astype({"label": "int8", "weight": "float32", "age": "int64"})


def decided(*rows: dict[str, Any]) -> pd.DataFrame:
    """Return decisions of the sealed log on rows."""
    return pd.DataFrame(
        {
            "row_id": [row["id"] for row in rows],
            "time": pd.to_datetime(["2026-03-01"] * len(rows), utc=True).as_unit("us"),
            "fields": [json.dumps(row["fields"]) for row in rows],
            "attributes": [json.dumps(row.get("attributes", {})) for row in rows],
        }
    )


KNOWN = {"id": "a", "fields": {"t": "hello", "n": 1.5, "weight": 70.0, "c": "x"}, "attributes": {"patient": "p1"}}
NEW = {
    "id": "z",
    "fields": {"t": "other", "n": None, "weight": 60.0, "c": None},
    "attributes": {"patient": "p9", "age": 30},
}


def test_rows_that_the_stream_holds_are_the_streams(stream: pd.DataFrame, scenario: Scenario) -> None:
    rows = served_rows.laid_out(decided(KNOWN), stream, scenario)
    expected = stream.head(1).assign(time=pd.Timestamp("2026-03-01", tz="UTC"))
    pd.testing.assert_frame_equal(rows, expected.astype({"time": stream["time"].dtype}))


def test_of_new_rows_what_came_is_known_and_nothing_else(stream: pd.DataFrame, scenario: Scenario) -> None:
    (row,) = served_rows.laid_out(decided(NEW), stream, scenario).to_dict("records")
    assert (row["t"], row["weight_source"], row["c"], row["group"], row["age"]) == ("other", 60.0, "", "p9", 30)
    assert row["weight"] == 1.0
    assert all(pd.isna(row[name]) for name in ("label", "label_tone", "n", "y", "seen"))


def test_the_same_id_with_other_inputs_is_another_row(stream: pd.DataFrame, scenario: Scenario) -> None:
    changed = KNOWN | {"fields": KNOWN["fields"] | {"t": "hello!"}}
    rows = served_rows.laid_out(decided(changed, NEW), stream, scenario)
    assert rows["label"].isna().all() and rows["row_id"].tolist() == ["a", "z"]


def test_both_kinds_keep_their_order_and_one_type_a_column(stream: pd.DataFrame, scenario: Scenario) -> None:
    rows = served_rows.laid_out(decided(NEW, KNOWN), stream, scenario)
    assert list(rows) == list(stream) and rows["row_id"].tolist() == ["z", "a"]
    assert rows["label"].isna().tolist() == [True, False]
    assert "object" not in {str(dtype) for dtype in rows.dtypes}


def test_what_people_approved_of_a_row_as_it_is_becomes_its_label(stream: pd.DataFrame, scenario: Scenario) -> None:
    rows = served_rows.laid_out(decided(NEW, KNOWN), stream, scenario)
    content = relabelling.fingerprints(rows, scenario.task)
    said = [
        {"row_id": "z", "label": 1, "content": content["z"]},
        {"row_id": "z", "label": "bad", "content": content["z"], "output": "tone"},
        {"row_id": "a", "label": 1, "content": content["a"]},
    ]
    assert served_rows.approved(rows, said, scenario.task)["label"].tolist() == [1, 0]
    other = [said[0] | {"content": "of another row"}]
    assert served_rows.approved(rows, other, scenario.task)["label"].isna().tolist() == [True, False]
