"""What was said to the service is checked as a file of answers is."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from loopbook.feedback import gathering
from loopbook.scenario.contract import Scenario


def scenario(label: dict[str, Any], kind: str = "binary", **source: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "tiny",
            "title": "Tiny",
            "description": "Decides.",
            "task": {"type": kind, "fields": {"n": "number"}, "label": {"column": "y", **label}},
            "source": {"kind": "csv", "path": "a.csv", **source},
            "training": {"candidates": {"one": {"architecture": "majority"}}},
        }
    )


def decisions(label: str = "Int8") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "decision_id": ["d1", "d2"],
            "row_id": ["a", "b"],
            "time": pd.to_datetime(["2026-03-01"] * 2, utc=True),
            "label": pd.Series([None, None], dtype=label),
        }
    )


def said(*entries: dict[str, Any], written: str = "2026-03-02T10:00") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "facts": [
                json.dumps({"caller": "desk", **{k: v for k, v in one.items() if k != "comment"}}) for one in entries
            ],
            "payload": [json.dumps({"comment": one.get("comment"), "request": "abc"}) for one in entries],
            "written": pd.to_datetime([written] * len(entries), utc=True),
        }
    )


def test_answers_are_found_by_their_decision_and_lines_that_are_none_have_reasons() -> None:
    given = scenario({"positive": [1], "names": ["clear", "refer"]})
    entries = said(
        {
            "decision_id": "d2",
            "user": "u1",
            "label": "refer",
            "comment": "Missed [NAME]",
            "rating": 4.0,
            "seconds": 3.5,
        },
        {"decision_id": "d1", "user": "u1", "rating": 1.0},
        {"decision_id": "d1", "user": "u2", "label": "perhaps"},
        {"decision_id": "of another run", "user": "u1", "label": "clear"},
    )
    answers, refused = gathering.served(entries, decisions(), given)
    assert answers["row_id"].tolist() == ["a", "b"] and set(answers["source"]) == {"the service"}
    assert answers["label"].tolist() == [pd.NA, 1] or answers["label"].fillna(9).tolist() == [9, 1]
    assert answers[["user", "comment", "rating", "seconds"]].iloc[1].tolist() == ["u1", "Missed [NAME]", 4.0, 3.5]
    assert refused[["line", "reason"]].to_numpy().tolist() == [[3, "bad-label"], [4, "other-decision"]]


def test_reviews_count_for_the_row_that_they_name_and_skipping_says_nothing() -> None:
    given = scenario({"positive": [1], "names": ["clear", "refer"]})
    reviewed = {"verdict": "correct", "class": "refer", "why": "useful"}
    entries = said(
        {"decision_id": "rehearsed by another version", "user": "u1", "label": "refer", "review": reviewed},
        {"decision_id": "d2", "user": "u1", "review": {**reviewed, "verdict": "skip"}},
        {"decision_id": "d1", "user": "u2", "usage": {"event": "abandoned", "seconds": 300}},
    )
    entries.loc[0, "payload"] = json.dumps({"row_id": "a"})
    answers, refused = gathering.served(entries, decisions(), given)
    assert answers[["row_id", "user", "label"]].to_numpy().tolist() == [["a", "u1", 1]] and not len(refused)


@pytest.mark.parametrize("decimal", [".", ","])
def test_numbers_are_those_of_json_however_the_source_writes_them(decimal: str) -> None:
    given = scenario(
        {"limits": [10], "unit": "min"}, "number", decimal=decimal, thousands="." if decimal == "," else None
    )
    entries = said(
        {"decision_id": "d1", "user": "u1", "label": 1.5}, {"decision_id": "d2", "user": "u1", "label": 1200.0}
    )
    answers, refused = gathering.served(entries, decisions("float64"), given)
    assert answers["label"].tolist() == [1.5, 1200.0] and refused.empty


def test_an_answer_from_before_its_decision_is_refused() -> None:
    entries = said({"decision_id": "d1", "user": "u1", "label": "yes"}, written="2026-02-01T10:00")
    answers, refused = gathering.served(entries, decisions(), scenario({"positive": [1]}))
    assert answers.empty and refused["reason"].tolist() == ["before-decision"]


def test_simulated_users_answer_only_where_the_truth_is_known() -> None:
    rows = pd.DataFrame({"row_id": ["a", "b"], "label": pd.Series([None, 1], dtype="Int8")})
    assert gathering.truth(rows, scenario({"positive": [1]})) == {"b": 1}
