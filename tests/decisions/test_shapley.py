"""Shapley values add up, are fair to parts that count together, and depend on the seed alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.decisions import decisions_page, explanation
from loopbook.decisions.shapley import shapley
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Binary, YesNo

TASK = Binary(fields={"text": "text", "size": "number", "kind": "category"}, label=YesNo(column="y", positive=(1,)))
USUAL = {"size": 1.0, "kind": "a"}
FRAME = pd.DataFrame(
    {
        "row_id": ["x", "y", "z"],
        "text": ["fire and fury", "Loss, loss! and fire", ""],
        "size": [1.0, 3.0, np.nan],
        "kind": ["a", "b", ""],
    }
)


def says(frame: pd.DataFrame) -> np.ndarray:
    """Return 0.1, plus 0.3 for fire with fury, plus 0.2 for a loss, plus 0.1 · size, plus 0.05 for another kind."""
    text = frame["text"].str.lower()
    both = (text.str.contains("fire") & text.str.contains("fury")).to_numpy()
    plain = 0.1 + 0.3 * both + 0.2 * text.str.contains("loss").to_numpy()
    return plain + 0.1 * frame["size"].fillna(0).to_numpy() + 0.05 * (frame["kind"] != "a").to_numpy()


def three(frame: pd.DataFrame) -> np.ndarray:
    """Return probabilities of three classes, of which the first rises with what `says` says."""
    first = says(frame) / 2
    return np.column_stack([first, (1 - first) * 0.7, (1 - first) * 0.3])


@pytest.mark.parametrize("orders", [1, 2, 8])
@pytest.mark.parametrize("model", [says, three])
def test_the_values_of_a_row_add_up_whatever_is_drawn(model, orders: int) -> None:
    found = shapley(FRAME, model, TASK, USUAL, ("a", "b", "c"), orders=orders, most=2)
    adding = explanation.completeness(found, FRAME, model, TASK, USUAL)
    assert adding.index.tolist() == ["x", "y", "z"]
    assert adding["error"].to_numpy() == pytest.approx(0, abs=1e-12)
    assert adding["score"].abs().max() > 0.05


def test_parts_that_only_count_together_share_what_they_add() -> None:
    found = shapley(FRAME, says, TASK, USUAL)
    worth = found.set_index(["row_id", "part"])["effect"]
    assert worth["x", "fire"] == pytest.approx(0.15), "an order and its reverse: each is once the one that completes"
    assert worth["x", "fury"] == pytest.approx(0.15)
    assert worth["x", "and"] == pytest.approx(0)
    assert worth["y", "loss"] == pytest.approx(0.2), "both occurrences are one part"
    assert worth["y", "3"] == pytest.approx(0.2)
    assert worth["y", "b"] == pytest.approx(0.05)
    assert worth["z", "missing"].tolist() == pytest.approx([-0.1, 0.05])
    occluded = explanation.occlusion(FRAME, says, TASK, USUAL).set_index(["row_id", "part"])["effect"]
    assert occluded["x", "fire"] == pytest.approx(0.3), "by occlusion each has all of it"


def test_long_texts_have_a_last_part_that_is_all_the_rest() -> None:
    frame = pd.DataFrame({"row_id": ["x"], "text": ["one two three loss"], "size": [1.0], "kind": ["a"]})
    found = shapley(frame, says, TASK, USUAL, most=2).set_index("part")["effect"]
    assert found["…"] == pytest.approx(0.2) and set(found.index) == {"one", "two", "…", "1", "a"}


def test_a_seed_gives_the_same_values_and_other_rows_change_nothing() -> None:
    whole = shapley(FRAME, three, TASK, USUAL, ("a", "b", "c"), orders=3, seed=4)
    pd.testing.assert_frame_equal(whole, shapley(FRAME, three, TASK, USUAL, ("a", "b", "c"), orders=3, seed=4, batch=5))
    alone = shapley(FRAME.head(1), three, TASK, USUAL, ("a", "b", "c"), orders=3, seed=4)
    pd.testing.assert_frame_equal(alone, whole[whole["row_id"] == "x"].reset_index(drop=True))


def test_nothing_to_take_away_is_nothing_to_divide_and_typical_values_are_asked_for() -> None:
    text = Binary(fields={"text": "text"}, label=YesNo(column="y", positive=(1,)))
    frame = FRAME[FRAME["row_id"] == "z"]
    assert shapley(frame, says, text).empty
    assert explanation.completeness(shapley(frame, says, text), frame, says, text)["error"].tolist() == [0.0]
    with pytest.raises(DataError, match="'size' a typical value"):
        shapley(FRAME, says, TASK)


def test_both_ways_to_explain_stand_side_by_side() -> None:
    effects, shares = explanation.occlusion(FRAME, says, TASK, USUAL), shapley(FRAME, says, TASK, USUAL)
    beside = decisions_page.attributions(effects, shares)
    assert beside.loc["y", "occlusion"].startswith(("loss (+0.20)", "3 (+0.20)"))
    assert beside.loc["x", "Shapley"] in {"fire (+0.15)", "fury (+0.15)"}
    assert beside.loc["y", "alike"] > 0.95
