"""The interface, checked by a second implementation of JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest
from pydantic import ValidationError

from loopbook.requirements import interface
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError
from loopbook.scenario.loading import load, names

SCENARIOS = Path(__file__).resolve().parents[2] / "notebooks" / "scenarios"


def scenario(fields: dict[str, str], **changes: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "tiny",
            "title": "Tiny",
            "description": "Decides.",
            "task": {"fields": fields, "label": {"column": "y", "positive": [1]}},
            "source": {"kind": "csv", "path": "a.csv"},
            "training": {"candidates": {"one": {"architecture": "majority"}}},
        }
        | changes
    )


def accepts(schema: dict[str, Any], value: Any) -> bool:
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid(json.loads(json.dumps(value)))


@pytest.mark.parametrize("name", names(SCENARIOS))
def test_the_examples_fit_their_schemas(name: str) -> None:
    found = interface.schemas(load(name, SCENARIOS))
    assert accepts(found["request"], found["example_request"])
    assert accepts(found["answer"], found["example_answer"])
    json.dumps(found, allow_nan=False)


def test_the_example_is_what_the_prototype_answers() -> None:
    market = load("market-monitor", SCENARIOS)
    bad = interface.schemas(market, {"text": "The regulator fined them and a lawsuit follows."})["example_answer"]
    good = interface.schemas(market, {"text": "A pleasant day."})["example_answer"]
    assert (bad["action"], bad["label"]) == ("alert", "alert")
    assert bad["reasons"] == ["authorities: regulator, fined", "courts: lawsuit"]
    assert bad["probability"] >= bad["threshold"] > good["probability"]
    assert (good["action"], good["reasons"]) == ("ignore", [])


def test_fields_keep_their_names_whatever_they_are() -> None:
    fields = {"class": "category", "model_config": "text", "_x": "number", "size in m²": "number", "fields": "text"}
    found = interface.schemas(scenario(fields))
    assert list(found["request"]["$defs"]["Fields"]["properties"]) == list(fields)
    assert accepts(found["request"], found["example_request"])


@pytest.mark.parametrize(
    ("request_", "right"),
    [
        ({"fields": {"t": "a", "n": 1.5, "c": "x"}}, True),
        ({"fields": {"t": "a"}}, True),
        ({"fields": {"t": "a", "n": None, "c": None}}, True),
        ({"fields": {"t": "a"}, "id": "7", "time": "2026-01-05T00:00:00Z"}, True),
        ({"fields": {"t": "a", "n": 1}}, True),
        ({"fields": {}}, False),
        ({"fields": {"t": None}}, False),
        ({"fields": {"t": "a", "n": "1.5"}}, False),
        ({"fields": {"t": "a", "more": 1}}, False),
        ({"fields": {"t": "a" * 10_001}}, False),
        ({"fields": {"t": "a"}, "surprise": 1}, False),
        ({}, False),
    ],
)
def test_schema_and_model_accept_and_refuse_the_same_requests(request_: dict[str, Any], right: bool) -> None:
    given = scenario({"t": "text", "n": "number", "c": "category"})
    assert accepts(interface.schemas(given)["request"], request_) is right
    model = interface.request_model(given)
    if right:
        model.model_validate_json(json.dumps(request_))
    else:
        with pytest.raises(ValidationError):
            model.model_validate_json(json.dumps(request_))


@pytest.mark.parametrize(
    "change", [{"probability": 1.1}, {"action": "explode"}, {"label": "maybe"}, {"reasons": "none"}, {"more": 1}]
)
def test_an_answer_has_only_the_scenarios_actions_and_labels(change: dict[str, Any]) -> None:
    found = interface.schemas(load("press-monitor", SCENARIOS))
    assert accepts(found["answer"], found["example_answer"])
    assert not accepts(found["answer"], found["example_answer"] | change)


def test_a_row_of_data_can_be_the_sample() -> None:
    given = scenario({"t": "text", "n": "number", "c": "category"})
    row = pd.DataFrame({"t": ["hello"], "n": [float("nan")], "c": [""], "label": [1]}).iloc[0]
    found = interface.schemas(given, row)
    assert found["example_request"]["fields"] == {"t": "hello", "n": None, "c": None}
    with pytest.raises(DataError, match="no value for the field 'n'"):
        interface.schemas(given, {"t": "hello"})


def test_an_agent_perceives_reasons_decides_and_acts() -> None:
    found = interface.functions(load("press-monitor", SCENARIOS))
    assert found["function"].tolist() == ["perceive", "reason", "decide", "act"]
    assert "negative" in found.loc[1, "what"]
    assert "flag" in found.loc[2, "gives"]
