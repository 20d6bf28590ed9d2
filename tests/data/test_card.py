"""The card says what is in the data, by numbers that another way of counting gives too."""

import json

import numpy as np
import pandas as pd
import pytest

from loopbook.data import card, splitting

ORIGIN = {"address": "rows.csv", "licence": "not stated", "citation": "", "sha256": "0" * 64, "rows": 1010}
NOTHING_ASIDE = pd.DataFrame(columns=["line", "reason", "detail", "row"])


@pytest.fixture
def made(scenario):
    count = 1000
    ids = [f"r{index}" for index in range(count)]
    rows = pd.DataFrame(
        {
            "row_id": ids,
            "time": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(range(count), unit="h"),
            "group": ids,
            "label": np.array([index % 10 == 0 for index in range(count)], dtype=np.int8),
            "weight": np.ones(count, dtype=np.float32),
            "text": [f"word {name} " + "more " * 3 for name in ids],
            "age": [np.nan if index % 5 == 0 else float(index) for index in range(count)],
            "city": ["", *["x", "y"] * 499, "x"],
            "style": ["old"] * 500 + ["new"] * 500,
        }
    )
    agent = scenario(
        {"kind": "csv", "path": "rows.csv", "protected": ["style"]},
        {"text": "text", "age": "number", "city": "category"},
        sequence_length=4,
    )
    return rows, splitting.split(rows, agent), agent


def kinds(made_card: dict[str, object]) -> set[str]:
    return {finding["kind"] for finding in made_card["findings"]}


def test_the_numbers_are_those_of_the_rows(made):
    rows, splits, agent = made
    result = card.dataset_card(splits, NOTHING_ASIDE, ORIGIN, agent)
    assert json.loads(json.dumps(result)) == result
    assert result["rows"] == {"source": 1010, "used": 1000, "quarantine": 0}
    assert sum(part["rows"] for part in result["splits"].values()) == 1000
    assert result["classes"] == {"no": {"rows": 900, "share": 0.9}, "yes": {"rows": 100, "share": 0.1}}
    assert result["time"] == {"first": rows["time"].min().isoformat(), "last": rows["time"].max().isoformat()}
    known = rows["age"].dropna()
    assert result["fields"]["age"]["missing"] == 200
    assert result["fields"]["age"]["mean"] == pytest.approx(known.sum() / 800)
    assert result["fields"]["age"]["median"] == np.median(known)
    assert result["fields"]["city"] == {
        "type": "category",
        "missing": 1,
        "levels": 3,
        "top": {"x": 500, "y": 499, "": 1},
    }
    assert result["fields"]["text"]["tokens"] == {"median": 6.0, "p95": 6.0, "max": 6.0}
    assert result["protected"]["style"]["old"]["rows"] == 500


def test_findings_name_what_a_reader_should_know(made):
    _, splits, agent = made
    result = card.dataset_card(splits, NOTHING_ASIDE, ORIGIN, agent)
    assert kinds(result) == {"imbalance", "missing", "truncation", "licence"}
    assert all(finding["severity"] in ("note", "warning", "serious") for finding in result["findings"])
    assert "'no' is 90.0% of the rows: always saying so is 90.0% right." in result["findings"][0]["text"]


@pytest.mark.parametrize(("count", "found"), [(100, False), (1000, True)])
def test_a_share_that_chance_alone_can_move_is_no_drift(made, count, found):
    rows, _, agent = made
    by_time = agent.data.splits.model_copy(update={"by": "time"})
    agent = agent.model_copy(update={"data": agent.data.model_copy(update={"splits": by_time})})
    some = rows[:count]
    splits = dict.fromkeys(splitting.SPLITS, some) | {
        "stream": rows[:count].assign(label=(np.arange(count) % 6 == 0).astype(np.int8))
    }
    result = card.dataset_card(splits, NOTHING_ASIDE, ORIGIN, agent)
    assert ("drift" in kinds(result)) is found, "10% of train, 17% of the stream"


def test_quarantine_contradictions_and_personal_data_are_found(made):
    _, splits, agent = made
    aside = pd.DataFrame({"line": range(150), "reason": ["missing-label"] * 148 + ["duplicate-text-other-label"] * 2})
    personal = pd.DataFrame(
        [("text", "mail", 3, 2), ("group", "mail", 5, 5)], columns=["column", "kind", "findings", "rows"]
    )
    result = card.dataset_card(splits, aside, {**ORIGIN, "licence": "MIT"}, agent, personal)
    found = {(finding["kind"], finding["severity"]) for finding in result["findings"]}
    assert {("quarantine", "serious"), ("label-noise", "warning")} <= found
    assert {("personal-data", "note"), ("personal-data", "serious")} <= found
    assert "licence" not in kinds(result)
    assert result["quarantine"] == {"missing-label": 148, "duplicate-text-other-label": 2}
