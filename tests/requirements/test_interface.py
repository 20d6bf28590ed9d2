"""The interface, checked by a second implementation of JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest
from pydantic import ValidationError

from loopbook.data.cleaning import normalise
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
    watched = scenario({"t": "text"}, **WATCHED)
    row = pd.DataFrame({"t": ["hello"], "age": [41], "sex": [""], "ward": ["3b"]}).iloc[0]
    beside = {"ward": "3b", "sex": None, "age": 41, "patient": None, "c": None, "tone": None}
    assert interface.schemas(watched, row)["example_request"]["attributes"] == beside
    with pytest.raises(DataError, match="no value for the field 'n'"):
        interface.schemas(given, {"t": "hello"})


WATCHED = {
    "source": {"kind": "csv", "path": "a.csv", "group": "patient", "protected": ["sex", "age"], "truth": "real"},
    "monitoring": {"segments": ["ward", "c", "tone"]},
}


@pytest.mark.parametrize(
    ("beside", "right"),
    [
        (None, True),
        ({}, True),
        ({"ward": "3b", "sex": None, "age": 41, "patient": "p-1"}, True),
        ({"age": 41.5}, True),
        ({"ward": "w" * 201}, False),
        ({"ward": ["3b"]}, False),
        ({"real": 1}, False),
        ({"c": "x"}, False),
        ({"tone": "sad"}, False),
        ({"y": 1}, False),
    ],
)
def test_attributes_are_what_is_watched_and_neither_input_nor_answer(beside: Any, right: bool) -> None:
    task = {"fields": {"t": "text", "c": "category"}, "label": {"column": "y", "positive": [1]}}
    given = scenario({}, task=task | {"also": {"tone": {"column": "mood"}}}, **WATCHED)
    assert interface.attributes(given) == ("ward", "sex", "age", "patient")
    found = interface.schemas(given)
    request = {"fields": {"t": "a"}, "attributes": beside}
    assert accepts(found["request"], found["example_request"])
    assert accepts(found["request"], request) is right
    if right:
        interface.request_model(given).model_validate_json(json.dumps(request))
    else:
        with pytest.raises(ValidationError):
            interface.request_model(given).model_validate_json(json.dumps(request))


def test_where_nothing_beside_the_inputs_is_watched_a_request_has_no_attributes() -> None:
    plain = scenario({"t": "text"})
    found = interface.schemas(plain)
    assert interface.attributes(plain) == ()
    assert "attributes" not in found["request"]["properties"] and "attributes" not in found["example_request"]


def test_an_agent_perceives_reasons_decides_and_acts() -> None:
    found = interface.functions(load("press-monitor", SCENARIOS))
    assert found["function"].tolist() == ["perceive", "reason", "decide", "act"]
    assert "negative" in found.loc[1, "what"]
    assert "flag" in found.loc[2, "gives"]


MANY = {
    "type": "multiclass",
    "fields": {"t": "text"},
    "label": {"column": "y", "values": ["late", "lost", "broken"]},
    "also": {"tone": {"column": "mood"}},
}
NUMBER = {"type": "number", "fields": {"n": "number"}, "label": {"column": "y", "limits": [10, 20], "unit": "min"}}


def of(task: dict[str, Any], **sections: Any) -> dict[str, Any]:
    found = interface.schemas(scenario({}, task=task, **sections))
    assert accepts(found["request"], found["example_request"]) and accepts(found["answer"], found["example_answer"])
    return found


def test_an_answer_of_several_classes_has_the_probability_of_each_and_the_further_outputs() -> None:
    terms = {"terms": {"lost": ["regulator"]}}
    found = of(MANY, requirements=terms)
    answer = found["example_answer"]
    assert (answer["label"], answer["action"], answer["probability"]) == ("lost", "lost", 0.5)
    assert answer["classes"] == {"late": 0.5, "lost": 0.5, "broken": 0.0}
    assert answer["also"] == {"tone": {"label": None, "probability": None}} and "threshold" not in answer
    for change in ({"label": "x"}, {"classes": {"late": 2}}, {"also": {}}, {"threshold": 0.5}):
        assert not accepts(found["answer"], answer | change)
    assert accepts(found["answer"], answer | {"also": {"tone": {"label": "bad", "probability": 0.9}}})


def test_the_action_of_the_example_is_its_class_s_own_or_one_that_does_something() -> None:
    matrix = {"leave": {"late": 1, "others": 5}, "look": {"others": 2}}
    named = of(MANY | {"actions": ["leave", "look"]}, decisions={"costs": {"matrix": matrix}})["example_answer"]
    assert named["action"] == "look"
    found = of(MANY, requirements={"terms": {"broken": ["regulator", "inquiry"]}})["example_answer"]
    assert (found["label"], found["action"]) == ("broken", "broken")


def test_classes_that_only_the_data_knows_may_have_any_name() -> None:
    found = of({"type": "multiclass", "fields": {"t": "text"}, "label": {"column": "y"}})
    assert accepts(found["answer"], found["example_answer"] | {"label": "whatever", "action": "whatever"})


def test_an_answer_about_a_number_has_its_value_and_its_quantiles() -> None:
    found = of(NUMBER, requirements={"rules": {"n": {"above 20 min": "> 1"}}})
    answer = found["example_answer"]
    assert answer["label"] == answer["action"] == "above 20 min"
    assert (answer["value"], answer["quantiles"]) == (None, None)
    assert accepts(found["answer"], answer | {"value": 17.5, "quantiles": {"0.05": 3.0, "0.95": 30.5}})


@pytest.mark.parametrize(
    ("task", "said"), [(MANY, "'late', 'lost', 'broken'; and tone"), (NUMBER, "how y is distributed")]
)
def test_the_functions_say_what_is_estimated(task: dict[str, Any], said: str) -> None:
    found = interface.functions(scenario({}, task=task))
    assert said in found.loc[1, "what"]


@pytest.mark.parametrize(
    "text", ["", " \n", "\x1f", "\u200b\u00a0", "\ufeff", "a", "!", "好", "\u200d", " \u200b x", "🙂"]
)
def test_a_text_fits_if_02_leaves_something_to_read(text: str) -> None:
    asked, left = {"fields": {"post": text}}, bool(normalise(text))
    assert accepts(interface.schemas(scenario({"post": "text"}))["request"], asked) == left
    assert accepts(
        interface.schemas(scenario({"post": "text", "more": "text"}))["request"],
        {"fields": {"post": text, "more": "b"}},
    )
