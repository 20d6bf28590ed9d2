from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.decisions.conftest import rows

from loopbook.decisions import explanation
from loopbook.decisions.building import Plan
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Binary, YesNo


def model(frame: pd.DataFrame) -> np.ndarray:
    """Return 0.2, plus 0.5 for a loss, minus 0.1 for calm, plus 0.1 · size, plus 0.05 for kind a."""
    text = frame["text"].str.lower()
    size = frame["mean size"].fillna(0).to_numpy()
    kind = 0.05 * (frame["kind"] == "a").to_numpy()
    return (
        0.2
        + 0.5 * text.str.contains("loss").to_numpy()
        - 0.1 * text.str.contains("calm").to_numpy()
        + 0.1 * size
        + kind
    )


@pytest.fixture
def one() -> pd.DataFrame:
    text = "A loss, a LOSS! Calm otherwise"
    return pd.DataFrame({"row_id": ["x"], "text": [text], "mean size": [1.5], "kind": ["a"]})


def test_effects_are_what_the_model_would_have_said_otherwise(one: pd.DataFrame, task: Binary) -> None:
    found = explanation.occlusion(one, model, task, {"mean size": 0.5, "kind": "b"})
    effects = dict(zip(found["part"], found["effect"], strict=True))
    assert effects["loss"] == pytest.approx(0.5)  # both occurrences go at once
    assert effects["calm"] == pytest.approx(-0.1)
    assert effects["1.5"] == pytest.approx(0.1)
    assert effects["a"] in (pytest.approx(0.05), pytest.approx(0.0))
    assert found["part"].iloc[0] == "loss"
    assert found.loc[found["field"] == "kind", "effect"].tolist() == pytest.approx([0.05])
    assert set(found["row_id"]) == {"x"}


def test_batches_and_neighbours_change_nothing(task: Binary) -> None:
    frame = rows(20)
    usual = explanation.typical(frame, task)
    whole = explanation.occlusion(frame, model, task, usual)
    pd.testing.assert_frame_equal(explanation.occlusion(frame, model, task, usual, batch=3), whole)
    alone = explanation.occlusion(frame.iloc[[7]], model, task, usual)
    part = whole[whole["row_id"] == "r00007"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, part)


def test_for_additive_models_the_effects_add_up() -> None:
    task = Binary(fields={"mean size": "number", "kind": "category"}, label=YesNo(column="y", positive=(1,)))
    frame = rows(30).dropna(subset=["mean size"])
    usual = explanation.typical(frame, task)
    found = explanation.occlusion(frame.assign(text=""), model, task, usual)
    home = model(frame.head(1).assign(text="", **usual))[0]
    total = found.groupby("row_id", sort=False)["effect"].sum()
    assert total.to_numpy() == pytest.approx(model(frame.assign(text="")) - home)


def test_completeness_is_what_the_effects_lack(task: Binary) -> None:
    usual = {"mean size": 0.0, "kind": "b"}
    frame = pd.DataFrame(
        {"row_id": ["x", "y"], "text": ["a loss", "fire and fury"], "mean size": [1.0, 0], "kind": "b"}
    )

    def both(rows: pd.DataFrame) -> np.ndarray:
        text = rows["text"]
        return model(rows) + 0.3 * (text.str.contains("fire") & text.str.contains("fury")).to_numpy()

    found = explanation.completeness(explanation.occlusion(frame, both, task, usual), frame, both, task, usual)
    assert found.loc["x"].tolist() == pytest.approx([0.6, 0.6, 0.0]), "the parts of a sum are complete"
    assert found.loc["y"].tolist() == pytest.approx([0.6, 0.3, 0.3]), "of two that count together each has all"


def test_typical_values_are_median_and_most_frequent(task: Binary) -> None:
    frame = pd.DataFrame({"text": "x", "mean size": [1.0, 2.0, 9.0, np.nan], "kind": ["b", "a", "b", ""]})
    assert explanation.typical(frame, task) == {"mean size": 2.0, "kind": "b"}
    with pytest.raises(DataError, match="'mean size' a typical value"):
        explanation.occlusion(frame.assign(row_id="x"), model, task)


def test_missing_values_and_empty_texts_are_explained_too(task: Binary) -> None:
    frame = pd.DataFrame({"row_id": ["x"], "text": [""], "mean size": [np.nan], "kind": [""]})
    found = explanation.occlusion(frame, model, task, {"mean size": 1.0, "kind": "a"})
    assert found["part"].tolist() == ["missing", "missing"]
    assert found["effect"].tolist() == pytest.approx([-0.1, -0.05])


def test_at_most_so_many_words_are_taken_away(one: pd.DataFrame, task: Binary) -> None:
    found = explanation.occlusion(one, model, task, {"mean size": 0, "kind": "b"}, most=2)
    assert (found["field"] == "text").sum() == 2


def test_sentences_name_the_strongest_parts_with_their_sign(one: pd.DataFrame, task: Binary) -> None:
    found = explanation.occlusion(one, model, task, {"mean size": 0.5, "kind": "b"})
    sentence = explanation.sentences(found, task, top=2)["x"]
    assert sentence == (
        "Taken away, or replaced by a usual value, one at a time: “loss” (+0.50), mean size = 1.5 (+0.10) raised the "
        "probability most; "
        "“calm” (-0.10) lowered the probability most."
    )
    nothing = explanation.sentences(found.assign(effect=0.001), task)["x"]
    assert nothing == "No single word or field moves the probability by more than 0.01: many agree."


def test_decisions_to_explain_are_spread_over_the_stream(plan: Plan) -> None:
    log = pd.DataFrame({"decision": ["ignore", "alert", "review", "alert"] * 25})
    marked = explanation.to_explain(log, plan, 10)
    assert marked.sum() == 10 and not log["decision"][marked].eq("ignore").any()
    assert np.flatnonzero(marked)[0] == 1 and np.flatnonzero(marked)[-1] == 99
    assert explanation.to_explain(log, plan, 1_000).sum() == 75
    assert explanation.to_explain(log, plan, 0).sum() == 0
    assert explanation.to_explain(log.assign(decision="ignore"), plan, 5).sum() == 0
