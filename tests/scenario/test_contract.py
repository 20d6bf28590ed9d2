from __future__ import annotations

from contextlib import nullcontext
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.data import DataSettings, Splits
from loopbook.scenario.optimization import SearchRange
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.source import CsvSource, SimulationSource, Source
from loopbook.scenario.stories import Criterion
from loopbook.scenario.task import Binary, YesNo
from loopbook.scenario.training import TrainingSettings

MAJORITY = {"one": {"architecture": "majority"}}


def scenario(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "name": "tiny",
        "title": "Tiny",
        "description": "Adds.",
        "task": {"fields": {"x": "number"}, "label": {"column": "y", "positive": [1]}},
        "source": {"kind": "csv", "path": "numbers.csv"},
        "training": {"candidates": MAJORITY},
    }
    return base | changes


@pytest.mark.parametrize(
    ("comparison", "below", "equal", "above"),
    [
        (">=", False, True, True),
        (">", False, False, True),
        ("<=", True, True, False),
        ("<", True, False, False),
        ("==", False, True, False),
    ],
)
def test_a_criterion_compares_as_it_says(comparison: Any, below: bool, equal: bool, above: bool) -> None:
    criterion = Criterion(id="c", text="c", stage="02_data", metric="m", comparison=comparison, threshold=0.5)
    assert [criterion.met(value) for value in (0.4, 0.5, 0.6)] == [below, equal, above]


def test_no_number_meets_no_criterion() -> None:
    for comparison in (">=", ">", "<=", "<", "=="):
        criterion = Criterion.model_validate(
            {"id": "c", "text": "c", "stage": "02_data", "metric": "m", "comparison": comparison, "threshold": 0.5}
        )
        assert not criterion.met(float("nan"))


def test_the_smallest_scenario_has_defaults_for_everything_else() -> None:
    found = Scenario.model_validate(scenario())
    assert found.training.epochs == 60
    assert found.data.splits.shares == {"train": 0.6, "validation": 0.12, "test": 0.12, "gate": 0.06, "stream": 0.1}
    assert found.criteria == ()
    assert not found.simulated


def test_settings_do_not_change_once_read() -> None:
    found = Scenario.model_validate(scenario())
    with pytest.raises(ValidationError, match="frozen"):
        found.training.epochs = 3


NUMBER = {"type": "number", "fields": {"x": "number"}, "label": {"column": "y", "limits": [3]}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"splits": {"by": "time"}}}, "source must name its time column"),
        ({"data": {"splits": {"by": "group"}}}, "source must name its group column"),
        ({"source": {"kind": "csv", "path": "a", "protected": ["x"]}}, "neither inputs nor the label: x"),
        ({"source": {"kind": "csv", "path": "a", "truth": "y"}}, "neither inputs nor the label: y"),
        ({"name": "Not A Name"}, "pattern"),
        ({"profiles": {"smok": {}}}, "smoke"),
        ({"training": {"candidates": {}}}, "at least 1 item"),
        ({"training": {"candidates": {"../up": {"architecture": "majority"}}}}, "pattern"),
        ({"training": {"candidates": {"one": {"architecture": "os.system()"}}}}, "pattern"),
        ({"training": {"candidates": MAJORITY, "only": ["on"]}}, "no candidate. Did you mean 'one'"),
        (
            {"task": NUMBER, "training": {"candidates": MAJORITY, "class_weights": True}},
            "is about classes, and the task is",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace(".", r"\.")):
        Scenario.model_validate(scenario(**changes))


@pytest.mark.parametrize(
    ("source", "data", "message"),
    [
        ({}, {"splits": {"windows": 2}}, "kept for later rounds in one way"),
        ({}, {"splits": {"stream": 0.05, "held_back": 0.05}}, "windows must be 2 or more"),
        ({}, {"window": 3, "splits": {"windows": 2, "stream": 0.05, "held_back": 0.05}}, "there is no window 3"),
        ({"later_days": 5}, {"splits": {"by": "time"}}, "windows must be 2 or more"),
        ({"later_days": 5}, {"splits": {"windows": 2}}, "must be 'time'"),
        (
            {"later_days": 5},
            {"splits": {"windows": 2, "by": "time", "stream": 0.05, "held_back": 0.05}},
            "kept for later rounds in one way",
        ),
    ],
)
def test_later_rounds_need_rows_kept_in_one_way(source: Any, data: Any, message: str) -> None:
    simulated = {"kind": "simulation", "time": "time"} | source
    with pytest.raises(ValidationError, match=message):
        Scenario.model_validate(scenario(source=simulated, data=data))


def test_dates_say_themselves_when_later_rounds_begin() -> None:
    dates = ["2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01", "2026-06-01"]
    source = {"kind": "csv", "path": "x.csv", "time": "time"}
    for some in (dates, dates[:4]):
        with nullcontext() if some == dates else pytest.raises(ValidationError, match="later window need 5"):
            splits = {"by": "time", "windows": 2, "dates": some}
            Scenario.model_validate(scenario(source=source, data={"splits": splits}))


def test_ids_of_stories_and_criteria_must_differ() -> None:
    criterion = {"id": "fast", "text": "t", "stage": "02_data", "metric": "m", "threshold": 1.0}
    story = {"id": "fast", "as_a": "a", "i_want": "b", "so_that": "c", "criteria": [criterion]}
    with pytest.raises(ValidationError, match="used twice: fast"):
        Scenario.model_validate(scenario(stories=[story]))


def test_a_tuned_encoder_has_the_recipe_of_its_adaptation_where_nobody_says_otherwise() -> None:
    named = {
        "full": {"architecture": "encoder", "settings": {"adaptation": "full"}},
        "lora": {"architecture": "encoder", "recipe": {"learning_rate": 0.01}},
        "frozen": {"architecture": "encoder", "settings": {"adaptation": "frozen"}},
        "bag": {"architecture": "bag"},
        "both": {"architecture": "ensemble", "members": ["full", "bag"]},
    }
    settings = TrainingSettings.model_validate({"candidates": named, "epochs": 7})
    recipes = dict(zip(named, settings.recipes, strict=True))
    full, lora = recipes["full"], recipes["lora"]
    assert (full.learning_rate, full.schedule, full.warmup, full.probe) == (0.00005, "cosine", 0.1, 1.0)
    assert (full.epochs, lora.learning_rate, lora.schedule) == (7, 0.01, "cosine"), "what is said holds"
    plain = Recipe(epochs=7).model_dump()
    assert [recipes[name].model_dump(include=set(plain)) for name in ("frozen", "bag")] == [plain, plain]
    assert settings.candidates["both"].members[0] == settings.candidates["full"]
    again = TrainingSettings.model_validate_json(settings.model_dump_json())
    assert again.candidates == settings.candidates


def test_only_chosen_candidates_are_trained_in_the_order_named() -> None:
    candidates = {name: Candidate(architecture="majority") for name in ("a", "b", "c")}
    assert list(TrainingSettings(candidates=candidates).chosen) == ["a", "b", "c"]
    assert list(TrainingSettings(candidates=candidates, only=("c", "a")).chosen) == ["c", "a"]


@pytest.mark.parametrize(
    "values",
    [
        {"column": "y"},
        {"column": "y", "positive": [1], "below": 0.0},
        {"column": "y", "positive": [1], "uncertain": 0.5},
        {"column": "y", "positive": [1], "names": ["same", "same"]},
        {"column": "y", "below": 0.0, "uncertain": -1.0},
    ],
)
def test_a_label_has_one_meaning(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        YesNo.model_validate(values)


def test_positive_values_keep_their_type() -> None:
    values = YesNo.model_validate({"column": "y", "positive": [1, True, "1"]}).positive
    assert [type(value) for value in values] == [int, bool, str]


def test_a_task_tells_texts_from_tables() -> None:
    task = Binary.model_validate(
        {"fields": {"t": "text", "n": "number", "c": "category"}, "label": {"column": "y", "positive": [1]}}
    )
    assert task.text_fields == ("t",)
    assert task.table_fields == ("n", "c")


@pytest.mark.parametrize(
    "changes",
    [{"fields": {}}, {"fields": {"y": "text"}}, {"fields": {"t": "image"}}, {"actions": ["go", "go"]}],
)
def test_a_task_needs_inputs_that_are_not_the_label_and_two_actions(changes: dict[str, Any]) -> None:
    base = {"fields": {"t": "text"}, "label": {"column": "y", "positive": [1]}}
    with pytest.raises(ValidationError):
        Binary.model_validate(base | changes)


@given(st.lists(st.integers(1, 100), min_size=5, max_size=5))
def test_shares_that_add_up_to_one_are_accepted_and_others_are_not(parts: list[int]) -> None:
    names = ("train", "validation", "test", "gate", "stream")
    shares = {name: part / sum(parts) for name, part in zip(names, parts, strict=True)}
    assert sum(Splits(**shares).shares.values()) == pytest.approx(1)
    with pytest.raises(ValidationError, match="add up to"):
        Splits(**(shares | {"stream": shares["stream"] / 2}))


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ({"low": 0.1, "high": 0.2}, True),
        ({"low": 0.1, "high": 0.2, "log": True}, True),
        ({"choices": [1, 2]}, True),
        ({"low": 0.2, "high": 0.1}, False),
        ({"low": 0.2}, False),
        ({}, False),
        ({"choices": [1], "low": 0.1}, False),
        ({"low": 0.0, "high": 1.0, "log": True}, False),
    ],
)
def test_a_search_has_a_range_or_choices(values: dict[str, Any], right: bool) -> None:
    if right:
        SearchRange.model_validate(values)
    else:
        with pytest.raises(ValidationError):
            SearchRange.model_validate(values)


def test_dates_may_be_dates_or_text_and_a_window_must_have_a_length() -> None:
    assert DataSettings.model_validate({"start": "2026-01-05"}).start == date(2026, 1, 5)
    assert DataSettings.model_validate({"start": date(2026, 1, 5)}).start == date(2026, 1, 5)
    with pytest.raises(ValidationError, match="not before its end"):
        DataSettings.model_validate({"start": "2026-01-05", "end": "2026-01-05"})


@pytest.mark.parametrize("value", ["60", 60.0, True, None])
def test_types_are_strict(value: Any) -> None:
    with pytest.raises(ValidationError):
        TrainingSettings.model_validate({"candidates": MAJORITY, "epochs": value})


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Criterion(id="c", text="c", stage="02_data", metric="m", threshold=value)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"kind": "csv", "path": "a.csv", "delimiter": ";"}, CsvSource),
        ({"kind": "simulation", "rows": 500}, SimulationSource),
    ],
)
def test_the_kind_decides_which_source_it_is(values: dict[str, Any], kind: type) -> None:
    assert isinstance(TypeAdapter(Source).validate_python(values), kind)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "jsonl", "path": "a", "delimiter": ";"},
        {"kind": "csv"},
        {"kind": "http", "url": "file:///etc/passwd"},
        {"kind": "http", "url": "https://example.com/a.csv", "sha256": "abc"},
        {"kind": "simulation", "label_noise": 0.5},
        {"kind": "excel", "path": "a"},
    ],
)
def test_a_source_has_the_settings_of_its_kind_only(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Source).validate_python(values)
