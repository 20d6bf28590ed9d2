from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from loopbook.requirements import prototype, traceability
from loopbook.requirements.prototype import Prototype
from loopbook.requirements.table_rules import Rule
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.loading import load
from loopbook.scenario.requirements import RequirementsSettings
from loopbook.scenario.stories import Story
from loopbook.scenario.task import AnyTask, Binary, Task

SCENARIOS = Path(__file__).resolve().parents[2] / "notebooks" / "scenarios"
TERMS = {"courts": ("sued", "class action", "litigat*"), "money": ("loss", "default*")}


def texts(*values: object) -> pd.DataFrame:
    return pd.DataFrame({"text": list(values)})


def labelled(label: Sequence[int] | np.ndarray, *values: object) -> pd.DataFrame:
    return texts(*values).assign(label=label, group=range(len(values)))


def task_of(kind: str, label: dict[str, Any], **fields: str) -> Task:
    said = {"type": kind, "fields": fields or {"text": "text"}, "label": {"column": "y", **label}}
    found: Task = TypeAdapter(AnyTask).validate_python(said)
    return found


YES_NO = task_of("binary", {"positive": [1]})


def made(threshold: int = 1, **terms: tuple[str, ...]) -> Prototype:
    return Prototype(terms or TERMS, text_fields=("text",), threshold=threshold)


def test_hits_are_counted_and_explained() -> None:
    scored = made().score(texts("They were SUED over a  Class\nAction; a loss and defaults.", "All is well."))
    assert scored["hits"].tolist() == [4, 0]
    assert scored["reasons"].tolist() == ["courts: sued, class action · money: loss, default*", ""]
    assert scored["acts"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("term", "text", "hit"),
    [
        ("loss", "a loss.", True),
        ("loss", "(loss)", True),
        ("loss", "glossy", False),
        ("loss", "losses", False),
        ("loss*", "losses", True),
        ("loss*", "loss", True),
        ("loss*", "glosses", False),
        ("c++", "he writes c++, fast", True),
        ("a.b", "axb", False),
        ("straße", "STRASSE", True),
        ("café", "cafe\u0301", True),
        ("cover-up", "a cover-up", True),
        ("not enough", "not\n  enough", True),
        ("$acme", "buy $ACME now", True),
    ],
)
def test_a_term_matches_whole_words_whatever_their_case_and_form(term: str, text: str, hit: bool) -> None:
    assert bool(made(only=(term,)).score(texts(text))["hits"].iloc[0]) is hit


def test_repeating_a_word_is_no_further_hit_nor_is_another_ending() -> None:
    assert made().score(texts("loss loss LOSS, defaulted and defaults"))["hits"].tolist() == [2]


def test_where_terms_overlap_the_longest_counts() -> None:
    scored = made(money=("warning", "profit warning")).score(texts("a profit warning", "profit warning, warning"))
    assert scored["hits"].tolist() == [1, 2]


def test_missing_texts_have_no_hits_and_fields_do_not_run_into_each_other() -> None:
    assert made().score(texts(None, float("nan"), ""))["hits"].tolist() == [0, 0, 0]
    both = Prototype({"a": ("class action",)}, text_fields=("title", "body"))
    frame = pd.DataFrame({"title": ["first class", "class action"], "body": ["action", ""]})
    assert both.score(frame)["hits"].tolist() == [0, 1]


def test_rules_over_tables_count_like_terms() -> None:
    rules = (Rule("size", ">", 3.5), Rule("colour", "==", "red"))
    frame = pd.DataFrame({"size": [4.0, 1.0, np.nan], "colour": ["red", "red", ""]}, index=[7, 8, 9])
    scored = Prototype({}, rules).score(frame)
    assert scored["hits"].tolist() == [2, 1, 0]
    assert scored["reasons"].tolist() == ["size > 3.5 · colour == 'red'", "colour == 'red'", ""]
    assert scored.index.tolist() == [7, 8, 9]


@given(st.integers(1, 20))
def test_the_score_rises_with_the_hits_and_is_half_where_it_acts(threshold: int) -> None:
    frame = texts(*[" ".join(f"t{number}" for number in range(count)) for count in range(25)])
    found = made(threshold, all=tuple(f"t{number}" for number in range(25))).score(frame)
    assert found["hits"].tolist() == list(range(25))
    assert (found["score"].diff().dropna() > 0).all()
    assert found["score"].between(0, 1).all()
    assert ((found["score"] >= 0.5) == found["acts"]).all()


def test_without_rules_it_never_acts() -> None:
    scored = Prototype({}).score(texts("anything"))
    assert scored["acts"].tolist() == [False]
    assert scored["score"].tolist() == [0.0]


def test_an_absent_column_is_named_with_the_likely_one() -> None:
    with pytest.raises(DataError, match=r"column 'text'\. Did you mean 'texts'"):
        made().score(pd.DataFrame({"texts": ["a"]}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rules": {"siz": "> 3"}}, "'siz' is no field of the task. Did you mean 'size'?"),
        ({"rules": {"text": "> 3"}}, "text is a text; use requirements.terms"),
        ({"rules": {"size": "big"}}, "should be a comparison and a value"),
        ({"terms": {"a": ["*"]}}, "would match everything"),
        ({"terms": {"a": [" "]}}, "would match everything"),
    ],
)
def test_a_prototype_that_does_not_fit_the_task_is_refused(settings: dict, message: str) -> None:
    task = Binary.model_validate(
        {"fields": {"text": "text", "size": "number"}, "label": {"column": "y", "positive": [1]}}
    )
    with pytest.raises(ScenarioError) as caught:
        Prototype.of(RequirementsSettings.model_validate(settings), task)
    assert message in str(caught.value)


def test_terms_need_a_text_to_look_at() -> None:
    task = Binary.model_validate({"fields": {"size": "number"}, "label": {"column": "y", "positive": [1]}})
    with pytest.raises(ScenarioError, match="no field of the task is a text"):
        Prototype.of(RequirementsSettings(terms={"a": ("b",)}), task)


@pytest.mark.parametrize("name", ["market-monitor", "press-monitor"])
def test_the_scenarios_that_come_with_it_have_a_prototype_whose_every_term_can_hit(name: str) -> None:
    scenario = load(name, SCENARIOS)
    found = Prototype.of(scenario.requirements, scenario.task)
    terms = [term.removesuffix("*") for each in found.terms.values() for term in each]
    assert (found.score(texts(*terms))["hits"] >= 1).all()
    assert len(found.table()) == len(scenario.requirements.terms)


def days(*dates: str) -> pd.DataFrame:
    frame = texts(*["a loss" if place % 2 else "fine" for place in range(len(dates))])
    return frame.assign(time=pd.to_datetime(list(dates), utc=True, format="ISO8601"), label=[1] * len(dates))


def test_replay_counts_every_day_quiet_ones_too() -> None:
    frame = days("2026-01-01 23:59", "2026-01-01 00:00", "2026-01-03 12:00", "2026-01-03", "2026-01-09")
    found = prototype.replay(frame, made(), YES_NO, days=5)
    assert found["day"].tolist() == [1, 2, 3]
    assert found["date"].dt.strftime("%d").tolist() == ["01", "02", "03"]
    assert found["rows"].tolist() == [2, 0, 2]
    assert found["decisions"].tolist() == [1, 0, 1]
    assert found["right"].tolist() == [1, 0, 1]
    assert found["missed"].tolist() == [1, 0, 1]
    assert found["false_alarms"].tolist() == [0, 0, 0]


def test_replay_does_not_need_the_rows_in_order_of_time() -> None:
    frame = days("2026-01-02", "2026-01-01", "2026-01-04", "2026-01-03")
    shuffled = frame.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        prototype.replay(frame, made(), YES_NO, 9), prototype.replay(shuffled, made(), YES_NO, 9)
    )


@pytest.mark.parametrize("rows", [1, 5, 14, 100])
def test_without_times_the_rows_are_replayed_in_equal_slices(rows: int) -> None:
    frame = texts(*["a loss"] * rows).assign(time=pd.NaT)
    found = prototype.replay(frame, made(), YES_NO, days=14)
    assert len(found) == min(14, rows)
    assert found["rows"].sum() == rows
    assert found["rows"].max() - found["rows"].min() <= 1
    assert found["date"].isna().all()
    assert "right" not in found
    pd.testing.assert_frame_equal(found, prototype.replay(frame.drop(columns="time"), made(), YES_NO, days=14))


def test_replay_refuses_no_rows_and_rows_of_which_some_have_no_time() -> None:
    with pytest.raises(DataError, match="no rows"):
        prototype.replay(texts(), made(), YES_NO, 3)
    frame = days("2026-01-01", "2026-01-02")
    frame.loc[1, "time"] = pd.NaT
    with pytest.raises(DataError, match="1 of 2 rows have no time"):
        prototype.replay(frame, made(), YES_NO, 3)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=4, max_size=60))
def test_the_metrics_are_those_of_scikit_learn(rows: list[tuple[int, int]]) -> None:
    label = np.array([row[0] for row in rows])
    if label.min() == label.max():
        return
    frame = labelled(label, *[" ".join(f"t{number}" for number in range(row[1])) for row in rows])
    agent = made(2, all=("t0", "t1", "t2", "t3"))
    scored, found = agent.score(frame), prototype.metrics(frame, agent, YES_NO, resamples=20)
    assert found["test_accuracy"] == pytest.approx(accuracy_score(label, scored["acts"]))
    assert found["test_roc_auc"] == pytest.approx(roc_auc_score(label, scored["score"]))
    assert found["recall"] == pytest.approx(recall_score(label, scored["acts"]))
    if scored["acts"].any():
        assert found["precision"] == pytest.approx(precision_score(label, scored["acts"]))
    else:
        assert isnan(found["precision"])
    for name in ("test_accuracy", "test_roc_auc"):
        assert 0 <= found[f"{name}_low"] <= found[name] + 1e-12
        assert found[name] <= found[f"{name}_high"] + 1e-12 <= 1 + 1e-9


@pytest.mark.parametrize(("label", "recall"), [(1, 0.0), (0, None)])
def test_days_of_one_class_say_nothing_of_ranking_and_that_they_are_too_few(label: int, recall: float | None) -> None:
    found = prototype.metrics(labelled([label] * 3, "x", "y", "z"), made(), YES_NO)
    assert found["test_accuracy"] == 1 - label
    assert isnan(found["test_roc_auc"]) and isnan(found["test_roc_auc_low"]) and isnan(found["test_roc_auc_high"])
    assert found["recall"] == recall or (recall is None and isnan(found["recall"]))
    criterion = {"id": "a", "text": "a", "stage": "04_optimization", "metric": "test_roc_auc", "comparison": ">="}
    story = {"id": "s", "as_a": "a", "i_want": "b", "so_that": "c", "criteria": [criterion | {"threshold": 0.5}]}
    (row,) = traceability.on_prototype([Story.model_validate(story)], found).to_dict("records")
    assert row["verdict"] == traceability.TOO_FEW_DAYS


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_prototype_is_held_against_the_better_constant_answer_on_the_same_rows(share: float) -> None:
    label = (np.arange(200) < 200 * share).astype(int)
    rows = labelled(label, *["yes" if y else "no" for y in label])
    idle = prototype.metrics(rows, made(1, all=("never",)), YES_NO, resamples=100)
    assert idle["test_accuracy"] == pytest.approx(1 - share)
    assert idle["test_accuracy_gain"] == pytest.approx(min(0, 1 - 2 * share)), "right as often as a constant at most"
    assert idle["test_accuracy_gain_low"] <= idle["test_accuracy_gain_high"] <= 0
    sure = prototype.metrics(rows, made(1, all=("yes",)), YES_NO)
    assert sure["test_accuracy_gain"] == pytest.approx(min(share, 1 - share))
    assert sure["test_accuracy_gain_low"] > 0


def test_rows_of_a_group_make_the_prototypes_interval_wider() -> None:
    random, of = np.random.default_rng(1), np.repeat(np.arange(20), 10)
    label = (random.random(20) < 0.5).astype(int)[of]
    frame = labelled(label, *np.where(random.random(20)[of] < 0.5, "yes", "no"))
    alone, grouped = (
        prototype.metrics(frame.assign(group=group), made(1, all=("yes",)), YES_NO, resamples=50)
        for group in (np.arange(200), of)
    )
    width = grouped["test_roc_auc_high"] - grouped["test_roc_auc_low"]
    assert width > 1.5 * (alone["test_roc_auc_high"] - alone["test_roc_auc_low"])


def test_a_term_in_a_script_without_blanks_stands_anywhere() -> None:
    found = made(found=("退款", "坏了", "late")).score(
        texts("产品到货时坏了我要退款", "体验很棒", "chocolate", "too late")
    )
    assert found["hits"].tolist() == [2, 0, 0, 1]


TOPICS = {"terms": {"late": ["late", "wait*"], "lost": ["lost", "gone"]}, "rules": {"size": {"broken": "> 3"}}}


def topics(settings: dict[str, Any], label: pd.Series[Any] | None = None) -> Prototype:
    task = task_of("multiclass", {}, text="text", size="number")
    return Prototype.of(RequirementsSettings.model_validate(settings), task, label)


def test_of_several_classes_the_one_with_most_hits_is_the_answer_and_without_any_the_usual_one() -> None:
    label = pd.Series(pd.Categorical(["late"] * 2 + ["lost"] * 3 + ["other"] * 4 + ["broken"]))
    found = topics(TOPICS, label)
    frame = pd.DataFrame(
        {"text": ["late, waited and gone", "lost or late", "nothing", "late", "gone"], "size": [0, 0, 0, 9, np.nan]}
    )
    scored = found.score(frame)
    assert scored["answer"].tolist() == ["late", "lost", "other", "late", "lost"], "of several the most frequent"
    assert scored["hits"].tolist() == [3, 2, 0, 2, 1]
    assert "acts" not in scored, "of several classes every row is answered, and the first is not the one to leave alone"
    p, code = found.decide(frame)
    assert found.classes == ("broken", "late", "lost", "other") and code.tolist() == [1, 2, 3, 1, 2]
    np.testing.assert_allclose(p[0], [0, 2 / 4, 1 / 4, 1 / 4])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(scored["score"], p.max(axis=1))
    assert found.table()["speaks_for"].tolist() == ["late", "lost", "broken"]


@pytest.mark.parametrize("usual", ["late", "lost", "other"])
def test_of_several_classes_a_replay_counts_answers_whatever_class_is_the_usual_one(usual: str) -> None:
    frame = pd.DataFrame({"text": ["late", "lost", "nothing", "gone"], "size": 0, "day": [1, 1, 2, 3]})
    frame["label"] = pd.Categorical([usual, "lost", usual, "late"], categories=["broken", "late", "lost", "other"])
    frame["time"] = pd.to_datetime("2026-01-0" + frame["day"].astype(str), utc=True)
    task = task_of("multiclass", {}, text="text", size="number")
    agent = topics(TOPICS | {"otherwise": usual}, frame["label"])
    lived = prototype.replay(frame, agent, task, 9)
    right = frame["label"].astype(str).to_numpy() == agent.score(frame)["answer"].to_numpy()
    assert lived["decisions"].tolist() == [2, 1, 1] and lived["right"].sum() == right.sum()
    assert (lived["right"] + lived["wrong"]).tolist() == [2, 1, 1] and "positives" not in lived
    drawn = prototype.diary(lived, agent, "replayed")
    assert drawn["title"] == f"Replayed days: the prototype answers 4 times, {(~right).sum()} of them wrongly"
    assert list(drawn["frame"]) == ["right", "decisions", "wrong"]


def test_the_usual_class_can_be_named_and_needs_no_rows() -> None:
    scored = topics(TOPICS | {"otherwise": "broken"}).score(pd.DataFrame({"text": ["fine", "gone"], "size": [0, 0]}))
    assert scored["answer"].tolist() == ["broken", "lost"]


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ({"terms": {"laet": ["x"]}}, ["late", "lost", "other"]),
        ({"rules": {"size": {"laet": "> 3"}}}, ["late", "lost", "other"]),
        ({"rules": {"size": "> 3"}}, ["late", "lost", "other"]),
        ({"otherwise": "laet"}, ["late", "lost", "other"]),
        ({"otherwise": "laet"}, ["late", "lost"]),
    ],
)
def test_a_rule_for_a_class_that_there_is_not_is_refused(settings: dict[str, Any], label: list[str]) -> None:
    with pytest.raises(ScenarioError, match="which is no class"):
        topics(settings, pd.Series(pd.Categorical(label)))


def test_the_metrics_of_several_classes_are_those_of_the_task() -> None:
    label = pd.Series(pd.Categorical(["late", "lost", "late", "other", "other", "other"] * 8))
    frame = texts(*["late", "gone", "lost", "nothing", "waiting", "fine"] * 8)
    frame = frame.assign(size=0.0, label=label, group=range(48))
    task = task_of("multiclass", {}, text="text", size="number")
    found = prototype.metrics(frame, topics(TOPICS | {"rules": {}}, label), task, resamples=50)
    said = ["late", "lost", "lost", "other", "late", "other"] * 8
    assert found["test_accuracy"] == pytest.approx(accuracy_score(label, said))
    assert found["test_macro_f1"] == pytest.approx(f1_score(label, said, average="macro"))
    assert found["test_accuracy_gain"] == pytest.approx(4 / 6 - 3 / 6)
    assert found["test_macro_f1_low"] <= found["test_macro_f1"] <= found["test_macro_f1_high"]
    assert prototype.recorded(found)["prototype_macro_f1"] == found["test_macro_f1"]
    assert "macro" in prototype.sentence(found, task, ["a"]).lower()
    lived = prototype.replay(frame, topics(TOPICS | {"rules": {}}, label), task, 4)
    assert lived[["decisions", "right", "wrong"]].sum().tolist() == [48, 32, 16], "the usual class is an answer too"


def test_of_a_number_it_says_on_which_side_of_each_limit_it_lies() -> None:
    task = task_of("number", {"limits": [10, 20]}, size="number")
    rules = {"size": {"10 to 20": "> 1", "above 20": "> 2"}}
    frame = pd.DataFrame({"size": [0.0, 2.0, 3.0, 3.0], "label": [1.0, 20.0, 21.0, 5.0], "group": range(4)})
    found = Prototype.of(RequirementsSettings.model_validate({"rules": rules}), task, frame["label"])
    assert found.score(frame)["answer"].tolist() == ["up to 10", "10 to 20", "10 to 20", "10 to 20"]
    measured = prototype.metrics(frame, found, task, resamples=20)
    assert measured["test_accuracy"] == 0.5 and not any("r2" in name for name in measured)
    assert "accuracy" in prototype.sentence(measured, task, [])
    ends = ("test_accuracy", "test_accuracy_low", "test_accuracy_high")
    one = prototype.sentence(measured | dict.fromkeys(ends, np.nan), task, ["a"])
    assert "cannot be judged on these days" in one and "nan" not in one
    limit = task_of("number", {"limits": [10]}, size="number")
    two = Prototype.of(RequirementsSettings.model_validate({"rules": {"size": "> 2"}}), limit, frame["label"])
    assert two.score(frame)["answer"].tolist() == ["up to 10", "up to 10", "above 10", "above 10"]
