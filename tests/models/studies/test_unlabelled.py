from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.models.studies.test_slices import GIVEN

from loopbook.data.features import Features
from loopbook.models.studies import unlabelled
from loopbook.models.studies.unlabelled import Unlabelled
from loopbook.models.unsupervised.topics import Topics
from loopbook.scenario.unlabelled import UnlabelledSettings

SIZES = {"train": 600, "validation": 200, "test": 200, "stream": 200}


def given(shift: float = 0.0, timed: bool = True) -> Unlabelled:
    """Return rows of a table with two clusters; in the stream, those of the second are more, and lie elsewhere."""
    random = np.random.default_rng(0)
    split = np.repeat(list(SIZES), list(SIZES.values()))
    second = random.random(len(split)) < np.where(split == "stream", 0.5 + shift / 10, 0.5)
    x = random.normal(0, 1, (len(split), 4)) + np.outer(second, [6, 0, -6, 0])
    x += np.outer(split == "stream", [0, 0, 0, shift])
    days = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(len(split)), unit="h")
    rows = pd.DataFrame(
        {"split": split, "time": days if timed else pd.NaT, "row_id": np.arange(len(split)).astype(str)}
    )
    rows = rows.assign(group=rows["row_id"], text="=1+1 <b>")
    features = Features(texts=(), vocabulary=(), length=1, numbers=(), categories=())
    return Unlabelled(features, UnlabelledSettings(topics=2, score="nearest_centre"), rows, x.astype(np.float32))


def test_a_topic_that_grew_beyond_chance_is_first_and_one_that_did_not_has_zero_in_its_interval() -> None:
    for shift, sure in ((3.0, True), (0.0, False)):
        rows = given(shift)
        of = (rows.vectors[:, 0] > 3).astype(np.int64)
        table = unlabelled.moves(rows, Topics(of, (("calm",), ("<b>news</b>",))), 400)
        assert (table["grew_low"][0] > 0) == sure
        assert table["grew"].sum() == pytest.approx(0) and table["rows"].sum() == len(of)
        if sure:
            assert table["topic"][0] == "<b>news</b>"
        assert unlabelled.moved(table, rows.later) is not None


@pytest.mark.parametrize("timed", [True, False])
def test_rows_unlike_train_are_found_where_they_are_and_only_there(timed: bool) -> None:
    rows = given(3.0, timed)
    unusual = rows.unusual()
    strange = unlabelled.strange(rows, unusual)
    assert list(strange.index) == ["validation", "test", "stream"]
    assert strange["low"]["stream"] > 0.2 and strange["low"]["test"] < 0.05 < strange["high"]["test"]
    shown = unlabelled.strangest(rows, unusual, GIVEN.task)
    assert (shown["split"] == "stream").mean() > 0.8 and shown["tail"].max() < 0.02
    assert "unusual" in unlabelled.over_time(rows, unusual).alt


def test_clusters_of_a_table_are_named_by_what_stands_out() -> None:
    from loopbook.models.unsupervised import topics

    found = topics.of_table(given().vectors, 2, ["age", "height", "income", "flag"])
    assert {name[:2] for name in found.words} == {("age high", "income low"), ("age low", "income high")} or {
        frozenset(name[:2]) for name in found.words
    } == {frozenset(("age high", "income low")), frozenset(("age low", "income high"))}
    constant = topics.of_table(np.ones((5, 2), np.float32), 1, ["a", "b"])
    assert constant.of.tolist() == [0] * 5
