"""Rows of a ranking: whose list, which item, which list and place; one item shown to many is no repetition."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.data.test_validation import collected

from loopbook.data import cleaning, identity, interactions, validation
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import HISTORY, RANKED

TODAY = date(2026, 11, 30)


def scenario(task: dict[str, Any] = {}, source: dict[str, Any] = {}, **sections: Any) -> Scenario:  # noqa: B006
    """Return a scenario of readers and books."""
    own = {"type": "ranking", "query": "reader", "item": "book", "fields": {"title": "text"}}
    label = {"label": {"column": "bought", "positive": [1], "names": ["no", "yes"]}}
    return Scenario.model_validate(
        {
            "name": "books",
            "title": "Books",
            "description": "Books for readers.",
            "task": own | ({} if task.get("negatives") else label) | task,
            "source": source if "kind" in source else {"kind": "csv", "path": "rows.csv", "time": "at", **source},
            "training": {"candidates": {"tfidf": {"architecture": "tfidf"}}},
            **sections,
        }
    )


def shown(**columns: Any) -> pd.DataFrame:
    """Return six rows: three readers are shown two books each."""
    return pd.DataFrame(
        {
            "reader": ["ann", "ann", "bob", "bob", "cay", "cay"],
            "book": ["b1", "b2", "b1", "b2", "b1", "b2"],
            "title": ["Sea", "Moor"] * 3,
            "at": ["2026-01-01", "2026-01-01", "2026-01-02", "2026-01-02", "2026-01-03", "2026-01-03"],
            "bought": ["1", "0", "0", "1", "1", "0"],
            **columns,
        }
    )


def test_rows_say_whose_list_which_item_and_are_a_group_of_their_user() -> None:
    rows, quarantine = validation.validate(collected(shown()), scenario(), TODAY)
    assert not len(quarantine) and set(RANKED) <= set(rows)
    assert rows["query"].tolist() == rows["group"].tolist() == ["ann", "ann", "bob", "bob", "cay", "cay"]
    assert rows["item"].tolist() == ["b1", "b2"] * 3
    assert rows["shown"].nunique() == 3 and rows["place"].isna().all() and rows["propensity"].isna().all()


def test_one_item_before_many_users_is_no_repetition_and_each_row_is_known_by_its_id() -> None:
    rows, _ = validation.validate(collected(shown()), scenario(), TODAY)
    kept, repeated = cleaning.deduplicate(rows, scenario())
    assert len(kept) == 6 and not len(repeated)
    assert len(set(identity.hashes(kept, ["title"]).tolist())) == 6


def test_places_and_propensities_are_read_and_those_that_cannot_be_are_in_quarantine() -> None:
    frame = shown(list=list("aabbcc"), place=["1", "2", "1", "0", "x", "2"], p=["0.5", "0.1", "1.5", "1", "1", ""])
    told = scenario({"shown": "list", "place": "place", "propensity": "p"})
    rows, quarantine = validation.validate(collected(frame), told.model_copy(update={"data": loose(told)}), TODAY)
    assert rows[["shown", "place", "propensity"]].to_numpy(object)[:2].tolist() == [["a", 1.0, 0.5], ["a", 2.0, 0.1]]
    assert np.isnan(rows["propensity"].iloc[2])
    assert quarantine["reason"].tolist() == ["bad-propensity", "bad-place", "bad-number"]


def loose(told: Scenario) -> Any:
    return told.data.model_copy(update={"max_quarantine_share": 1.0})


def test_a_row_without_user_or_item_is_in_quarantine() -> None:
    frame = shown(reader=["ann", "", "bob", "bob", "cay", "cay"], book=["b1", "b2", "b1", "?", "b1", "b2"])
    _, quarantine = validation.validate(collected(frame), scenario(data={"max_quarantine_share": 1.0}), TODAY)
    assert quarantine["reason"].tolist() == ["missing-query", "missing-item"]


def test_a_user_who_is_a_person_is_a_pseudonym_everywhere() -> None:
    rows, _ = validation.validate(collected(shown()), scenario(source={"personal": ["reader"]}), TODAY)
    assert not {"ann", "bob", "cay"} & set(rows.astype(str).to_numpy().ravel())
    assert rows["query"].tolist() == rows["group"].tolist()


@pytest.mark.parametrize(
    ("task", "message"),
    [({"item": "reader"}, "two columns"), ({"negatives": 2, "label": {"column": "b", "positive": [1]}}, "no label")],
)
def test_a_task_that_cannot_be_is_refused(task: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scenario(task)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match=r"no column 'plce', which task\.place names\. Did you mean 'place'"):
        validation.validate(collected(shown(place="1")), scenario({"place": "plce"}), TODAY)


def bought(rows: int = 400, seed: int = 1) -> pd.DataFrame:
    """Return what readers bought, and nothing that they did not."""
    random = np.random.default_rng(seed)
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.sort(random.integers(0, 90, rows)), unit="D")
    reader, book = random.integers(0, 30, rows), random.integers(0, 40, rows)
    named = {"reader": [f"r{at}" for at in reader], "book": [f"b{at}" for at in book], "at": days.strftime("%Y-%m-%d")}
    return pd.DataFrame(named | {"note": "x"})


def test_negatives_are_drawn_from_what_was_there_and_not_taken_until_then() -> None:
    frame = bought()
    told = scenario({"negatives": 3, "fields": {"note": "category"}})
    found = interactions.drawn(collected(frame), told.task, told.source, None)
    rows = found.frame
    yes, no = rows[rows["taken"] == "yes"], rows[rows["taken"] == "no"]
    assert len(yes) == 400 and found.origin["drawn"] == len(no) and found.origin["rows"] == len(rows)
    assert 3 * 400 - 40 < len(no) <= 3 * 400
    first = frame.groupby("book")["at"].min()
    assert (first[no["book"]].to_numpy() <= no["at"].to_numpy()).all(), "no item that nobody had taken by then"
    taken = frame.groupby(["reader", "book"])["at"].min()
    own = taken.reindex(pd.MultiIndex.from_frame(no[["reader", "book"]])).fillna("9999")
    assert (own.to_numpy() > no["at"].to_numpy()).all(), "none that the user had taken"
    assert not no.assign(line=found.lines[rows["taken"] == "no"])[["line", "book"]].duplicated().any(), (
        "none twice beside one row"
    )
    assert "rows are drawn, up to 3 items beside each one taken" in found.origin["caution"]


def test_a_row_that_comes_later_moves_no_draw_and_only_known_items_are_drawn() -> None:
    frame, told = bought(), scenario({"negatives": 2, "fields": {"note": "category"}})

    def drawn(rows: pd.DataFrame, known: Any = None) -> pd.DataFrame:
        found = interactions.drawn(collected(rows), told.task, told.source, known).frame
        return found[found["taken"] == "no"][["reader", "book", "at"]].reset_index(drop=True)

    assert set(drawn(frame, {"b1", "b2"})["book"]) == {"b1", "b2"}
    early = frame[frame["at"] < "2026-03-01"]
    both = drawn(early).merge(drawn(frame), how="left", indicator=True)
    assert (both["_merge"] == "both").all()


def test_rows_with_draws_are_validated_and_both_classes_are_there() -> None:
    told = scenario({"negatives": 2, "fields": {"note": "category", "item_taken": "number"}})
    rows, quarantine = validation.validate(collected(bought()), told, TODAY)
    assert not len(quarantine) and 0.3 < rows["label"].mean() < 0.4
    assert rows["row_id"].is_unique


def test_history_is_what_was_taken_strictly_before_as_counted_row_by_row() -> None:
    frame = bought(150)
    rows = frame.rename(columns={"reader": "query", "book": "item", "at": "time"})
    rows["time"] = pd.to_datetime(rows["time"], utc=True)
    taken = rows[np.random.default_rng(2).random(150) < 0.6]
    found = interactions.history(rows, taken)
    for at in range(0, 150, 7):
        row = rows.iloc[at]
        before = taken[taken["time"] < row["time"]]
        own = before[before["query"] == row["query"]]
        recent = before["time"] >= row["time"] - pd.Timedelta(days=interactions.RECENT)
        days = (row["time"] - own["time"].max()).total_seconds() / 86_400 if len(own) else np.nan
        wanted = [
            len(own),
            (before["item"] == row["item"]).sum(),
            (recent & (before["item"] == row["item"])).sum(),
            (own["item"] == row["item"]).sum(),
            days,
        ]
        assert np.allclose(found.iloc[at].to_numpy(), wanted, equal_nan=True)
    assert found.columns.tolist() == list(HISTORY)
