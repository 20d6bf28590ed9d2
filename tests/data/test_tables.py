"""Further tables: each row checked by itself, joined by its key; what has no partner is put aside with its reason."""

import json
import os
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.data.test_interactions import scenario

from loopbook.data import arrivals, sources, tables, validation
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError

TODAY = date(2026, 11, 30)
ROWS = """reader,book,at,bought
ann,b1,2026-01-01,1
ann,b2,2026-01-01,0
bob,b1,2026-01-02,0
bob,b3,2026-01-02,1
cay,b4,2026-01-03,1
dan,b2,2026-01-03,0
ann,b2,2026-01-04,1
"""
ITEMS = """id,title,price,name
b1,The   Sea,10,x
b2,Moor,12,y
b3,Hill,dear,z
b2,Moor again,12,y
,Nobody,1,n
b5,Unsold,9,u
"""
USERS = [{"user": "ann", "age": 30, "name": "Ann B."}, {"user": "bob", "age": 40, "name": "Bob C."}]
USERS += [{"user": "cay", "age": 50, "name": "Cay D."}, {"user": "dan", "age": 60, "name": "Dan E."}]


def library(root: Path, kind: str = "csv", **more: Any) -> Scenario:
    """Return a scenario whose items are a csv file, a Parquet file or a database's table, and users JSON lines."""
    (root / "rows.csv").write_text(ROWS)
    (root / "items.csv").write_text(ITEMS)
    (root / "users.jsonl").write_text("\n".join(map(json.dumps, USERS)))
    frame = pd.read_csv(root / "items.csv", dtype=str)
    where: dict[str, Any] = {"path": f"items.{kind}"}
    if kind == "parquet":
        frame.to_parquet(root / "items.parquet")
    if kind == "sql":
        with sqlite3.connect(root / "items.sqlite") as opened:
            frame.to_sql("items", opened, index=False)
        where = {"address": f"sqlite:///{root}/items.sqlite", "table": "items"}
    named = {
        "items": {"kind": kind, "key": "id", "named_by": "book", **where},
        "users": {"kind": "jsonl", "path": "users.jsonl", "key": "user", "named_by": "reader", "personal": ["name"]},
    }
    task = {"fields": {"title": "text", "price": "number", "age": "number"}}
    return scenario(task, {"tables": named}, data={"max_quarantine_share": 0.6}, **more)


@pytest.mark.parametrize("kind", ["csv", "parquet", "sql"])
def test_tables_are_checked_joined_and_what_has_no_partner_is_put_aside(tmp_path: Path, kind: str) -> None:
    agent = library(tmp_path, kind)
    sources.check(agent, tmp_path)
    collected = sources.collect(agent.source, tmp_path, tmp_path / "raw")
    rows, quarantine = validation.validate(collected, agent, TODAY)
    assert rows[["query", "item", "title", "price", "age"]].to_numpy(object).tolist() == [
        ["ann", "b1", "The Sea", 10.0, 30.0],
        ["ann", "b2", "Moor", 12.0, 30.0],
        ["bob", "b1", "The Sea", 10.0, 40.0],
        ["dan", "b2", "Moor", 12.0, 60.0],
        ["ann", "b2", "Moor", 12.0, 30.0],
    ]
    assert len(rows) + len(quarantine) == collected.origin["rows"] == 7
    assert quarantine["reason"].tolist() == ["no-items", "no-items"]
    assert "its row is in quarantine: bad-number" in quarantine["detail"][0]
    assert "book is 'b4', of which items says nothing: there is no such row" in quarantine["detail"][1]
    card = tables.on_card({"findings": []}, collected, agent)
    assert tables.told(collected, agent) == (
        "Joined to them: items (3 rows, 3 in quarantine), users (4 rows, 0 in quarantine)."
    )
    told = card["tables"]
    assert "3 rows of the table items are in quarantine" in card["findings"][0]["text"]
    assert told["items"]["quarantine"] == {"bad-number": 1, "duplicate-key": 1, "missing-key": 1}
    assert told["items"]["rows"] == 3 and told["users"]["rows"] == 4


def test_a_column_that_rows_have_already_is_under_the_tables_name_and_persons_are_pseudonyms(tmp_path: Path) -> None:
    agent = library(tmp_path)
    collected = sources.collect(agent.source, tmp_path, tmp_path / "raw")
    rows, _ = validation.validate(collected, agent, TODAY)
    assert rows["name"].tolist()[:2] == ["x", "y"]
    assert rows["users_name"].nunique() == 3
    assert not rows["users_name"].isin([user["name"] for user in USERS]).any()


def test_items_are_all_those_of_the_table_masked(tmp_path: Path) -> None:
    agent = library(tmp_path)
    (tmp_path / "items.csv").write_text(ITEMS.replace("Unsold", "ask jane@example.org"))
    collected = sources.collect(agent.source, tmp_path, tmp_path / "raw")
    items = tables.items(collected, validation.validate(collected, agent, TODAY)[0], agent)
    assert items.columns.tolist() == ["item", "title", "price", "name"]
    assert items["item"].tolist() == ["b1", "b2", "b5"]
    assert items["title"].tolist() == ["The Sea", "Moor", "ask [MAIL]"]


def test_without_a_table_items_are_those_of_the_rows_and_other_tasks_have_none(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    agent = scenario({"fields": {"book": "category"}})
    collected = sources.collect(agent.source, tmp_path, tmp_path / "raw")
    rows, _ = validation.validate(collected, agent, TODAY)
    assert tables.items(collected, rows, agent)["item"].tolist() == ["b1", "b2", "b3", "b4"]


def test_a_change_in_a_table_is_a_change_of_the_source(tmp_path: Path) -> None:
    agent = library(tmp_path)
    before = sources.fingerprint(agent.source, tmp_path, tmp_path / "raw")
    (tmp_path / "items.csv").write_text(ITEMS.replace("Unsold", "Sold"))
    assert sources.fingerprint(agent.source, tmp_path, tmp_path / "raw") != before


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"key": "ids"}, r"items\.csv has no column 'ids', the key of items\. Did you mean 'id'"),
        (
            {"key": "id", "named_by": "bok"},
            r"no column 'bok', which names the rows of the table items.*Did you mean 'book'",
        ),
        ({"key": "id", "path": "item.csv"}, r"item\.csv is not there.*Did you mean 'items\.csv'"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_before_anything_runs(
    tmp_path: Path, items: dict[str, Any], message: str
) -> None:
    library(tmp_path)
    named = {"items": {"kind": "csv", "path": "items.csv", "named_by": "book", **items}}
    agent = scenario({"fields": {"title": "text"}}, {"tables": named})
    with pytest.raises(DataError, match=message):
        sources.check(agent, tmp_path)


def test_a_table_of_a_table_is_refused(tmp_path: Path) -> None:
    named = {"items": {"kind": "csv", "path": "items.csv", "key": "id", "time": "when"}}
    with pytest.raises(ValueError, match="a table that is joined has a key, and no time"):
        scenario({}, {"tables": named})


def test_rows_that_come_in_are_joined_too_and_need_no_label(tmp_path: Path) -> None:
    agent = library(tmp_path, watch={"folder": "in"})
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "new.csv").write_text("reader,book,at\nann,b1,2026-02-01\ncay,b9,2026-02-01\n")
    os.utime(tmp_path / "in" / "new.csv", (0, 0))
    (arrival,) = arrivals.since({}, agent, tmp_path, tmp_path / "raw")
    assert arrival.collected is not None
    rows, quarantine = validation.decidable(arrival.collected, agent, TODAY)
    assert rows[["query", "item", "title", "age"]].to_numpy(object).tolist() == [["ann", "b1", "The Sea", 30.0]]
    assert quarantine["reason"].tolist() == ["no-items"]
