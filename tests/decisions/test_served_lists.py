"""A place of a list that was shown is a decision on a row: what was known of it then, and what was reported since."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from loopbook.data import served_rows
from loopbook.decisions import click_fraud, served, served_lists
from loopbook.decisions.building import Plan
from loopbook.decisions.list_log import LINE
from loopbook.scenario import loading

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = loading.load("book-shop", ROOT / "notebooks" / "scenarios", "smoke", {})
DAY = pd.Timestamp("2026-03-02 08:00", tz="UTC")


@pytest.fixture
def plan() -> Plan:
    return Plan(SCENARIO.task, SCENARIO.decisions, {}, ("passed over", "opened"))


def split(rows: list[tuple[str, str, int, int]]) -> pd.DataFrame:
    """Return rows of reader, book, day before `DAY`, whether opened; readers r1 and r2 are 30 and 40 years old."""
    reader, book, ago, label = zip(*rows, strict=True)
    frame = pd.DataFrame({"query": reader, "item": book, "label": pd.Series(label, dtype="int8")})
    frame["time"] = pd.to_datetime([DAY - pd.Timedelta(days=days) for days in ago]).astype("datetime64[us, UTC]")
    frame["row_id"] = [f"{reader}-{book}-{days}" for reader, book, days, _ in rows]
    frame["price"] = [9.0 + days for days in ago]  # of the moment
    return frame.assign(
        group=frame["query"], weight=1.0, shown="l", place=1.0, propensity=0.5, list="l", reader=reader, book=book,
        users_age=[30 if name == "r1" else 40 for name in reader], title="A title", blurb="Text", author="Ann",
        pages=100.0, item_taken=0.0, item_recent=0.0, query_taken=0.0, days_since=float("nan"), items_price=9.0,
    )  # fmt: skip


ROWS = split([("r1", "b1", 40, 1), ("r1", "b2", 10, 0), ("r2", "b2", 5, 1), ("r2", "b1", 3, 1)])
ITEMS = pd.DataFrame(
    {"item": ["b1", "b2", "b3"], "title": ["One", "Two", "Three"], "blurb": "…", "author": ["Ann", "Bo", "Cy"]}
).assign(price=[7.0, 8.0, 9.5], pages=[100.0, 200.0, 300.0])


def shown(*lists: tuple[str, str | None, float, dict[str, int | None]]) -> pd.DataFrame:
    """Return sealed lists: id, reader, hours after `DAY`, and the books with what was said of them."""
    rows = [
        {
            "row_id": f"{id}-{place}", "shown": id, "written": DAY + pd.Timedelta(hours=hours), "query": reader,
            "known": True, "item": book, "place": place, "relevance": 0.2, "propensity": 0.9, "explored": False,
            "label": label, "rules": "", "reason": "Because.", "model": "m1", "policy": "p1", "rules_version": "r1",
        }
        for id, reader, hours, books in lists
        for place, (book, label) in enumerate(books.items(), 1)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(LINE)).astype({"label": "Int8"})


def decided(plan: Plan, lists: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return decisions, and the rows that they are laid out as."""
    known = served.Known(ROWS.tail(1), (ROWS.head(3),), (), ITEMS)
    made = served.decided(SCENARIO, plan, known, pd.DataFrame(), lists)
    return made, served_rows.laid_out(made[made["row_id"].notna()], ROWS.tail(1), SCENARIO)


def test_fields_come_from_items_users_and_what_had_been_taken_before(plan: Plan) -> None:
    lists = shown(("l1", "r1", 0, {"b1": 0, "b3": 1}), ("l2", "r2", 30, {"b3": None, "b1": None}))
    made, rows = decided(plan, lists)
    rows = rows.set_index("row_id")
    assert rows["title"].tolist() == ["One", "Three", "Three", "One"]
    assert rows.loc["l1-2", ["price", "items_price", "pages"]].tolist() == [9.5, 9.5, 300.0]
    assert rows["users_age"].tolist() == [30, 30, 40, 40]
    assert rows["query_taken"].tolist() == [1, 1, 2, 2], "a click of the same moment was not taken before"
    assert rows["item_taken"].tolist() == [2, 0, 1, 2]
    assert rows["item_recent"].tolist() == [1, 0, 1, 1]
    assert rows.loc["l1-1", "days_since"] == 40
    assert rows["place"].tolist() == [1, 2, 1, 2] and set(rows["propensity"]) == {0.9}
    assert rows["group"].tolist() == ["r1", "r1", "r2", "r2"] == rows["query"].tolist()
    assert set(made["action"]) == {"show"} and made["model_version"].unique().tolist() == ["m1"]
    assert made["label"].tolist() == [0, 1, pd.NA, pd.NA], "no report is no zero"
    assert json.loads(made["scores"].iloc[0]) == {"passed over": 0.8, "opened": 0.2}
    cost = 0.2 * SCENARIO.decisions.costs.true_positive + 0.8 * SCENARIO.decisions.costs.false_positive
    assert made["expected_cost"].tolist() == pytest.approx([cost] * 4)


def test_what_nobody_knows_is_missing_and_told_and_who_was_forgotten_is_nobody(plan: Plan) -> None:
    lists = shown(("l1", "new", 0, {"b9": 0}), ("l2", None, 0, {"b1": 1}))
    made, rows = decided(plan, lists)
    assert made["row_id"].isna().tolist() == [False, True] or made["row_id"].isna().tolist() == [True, False]
    assert rows["title"].tolist() == [""] and rows["price"].isna().all() and rows["users_age"].isna().all()
    told = served_lists.told(made[made["row_id"].notna()], rows, plan.task)
    assert "1 of them are places of 1 lists" in told
    assert "Nobody knows title, blurb, author, price, pages" in told


def test_clicks_that_do_not_count_teach_no_history_and_are_refused_as_answers_are(plan: Plan) -> None:
    lists = shown(("l1", "r1", 0, {"b2": 1}), ("l2", "r1", 2, {"b2": 1, "b3": 0}), ("l3", "r2", 24, {"b2": None}))
    made, _ = decided(plan, lists)
    left = made.set_index("row_id")[served_lists.LEFT]
    assert left.to_dict() == {"l1-1": "", "l2-1": click_fraud.AGAIN, "l2-2": "", "l3-1": ""}
    assert json.loads(made.set_index("row_id").loc["l3-1", "attributes"])["item_taken"] == 2, "each click once"
    refused = served_lists.refused(lists, ROWS, SCENARIO)
    assert refused[["line", "reason"]].to_numpy().tolist() == [[2, click_fraud.AGAIN]]
    assert refused["detail"].tolist() == ["list l2"], "nobody's name on a page"


def test_of_another_task_or_without_lists_decisions_are_those_on_rows(plan: Plan) -> None:
    rows = pd.DataFrame({"row_id": ["a"]})
    known = served.Known(ROWS, (ROWS,))
    assert served.decided(SCENARIO, plan, known, rows, pd.DataFrame()) is rows
