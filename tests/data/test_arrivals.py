"""Arrivals from feeds, web sites and PostgreSQL: a look begins where the last one ended, and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from tests.data.conftest import build_scenario
from tests.data.web.conftest import crawl_of, feeds_of
from tests.data.web.site import Answer, Site, served
from tests.data.web.test_feeds import XML, item, rss
from tests.postgres import Server

from loopbook.data import arrivals
from loopbook.scenario.contract import Scenario


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with served() as started:
        yield started


def agent(source: Any, **watch: Any) -> Scenario:
    fields, label = {"title": "text"}, {"column": "category", "positive": ["late"]}
    found = build_scenario(source if isinstance(source, dict) else source.model_dump(mode="json"), fields, label)
    return found.model_copy(update={"watch": found.watch.model_copy(update=watch)})


def look(scenario: Scenario, folder: Path, cursor: arrivals.Cursor) -> tuple[list[str], arrivals.Cursor]:
    """Return the ids that came, and the cursor behind them."""
    arrivals.check(scenario, folder)
    came: list[str] = []
    for arrival in arrivals.since(cursor, scenario, folder, folder):
        assert arrival.collected is not None
        came += arrival.collected.frame["id"].astype(str).tolist()
        cursor = arrival.cursor
    return came, cursor


def test_a_feed_gives_what_is_new(site: Site, tmp_path: Path) -> None:
    scenario = agent(feeds_of(site, "/watched.rss"))
    site.extra |= {"/robots.txt": Answer(status=404), "/watched.rss": Answer(rss(item(2), item(1)), headers=XML)}
    first, cursor = look(scenario, tmp_path, {})
    assert sorted(first) == ["urn:post:1", "urn:post:2"]
    site.extra["/watched.rss"] = Answer(rss(item(4), item(3), item(2)), headers=XML)
    second, cursor = look(scenario, tmp_path, cursor)
    assert {"urn:post:3", "urn:post:4"} <= set(second)
    site.extra["/watched.rss"] = Answer(status=500)
    third, _ = look(scenario, tmp_path, cursor)
    assert set(third) <= {"urn:post:1", "urn:post:2", "urn:post:3", "urn:post:4"}  # all of one second may come again


def test_a_site_gives_its_pages_and_then_the_new_one(site: Site, tmp_path: Path) -> None:
    site.extra.clear()
    site.extra["/robots.txt"] = Answer(status=404)
    pages = "".join(
        f"<p>Page {number} tells of delays, in many words of its own {number * 7919}.</p>" for number in range(9)
    )
    site.extra["/news/1"] = Answer(f"<html><title>One</title><body><article>{pages}</article></body></html>".encode())
    scenario = agent(crawl_of(site, start=[f"{site.address}/news/1"], depth=1, pages=5, paths=["/news/"]))
    first, cursor = look(scenario, tmp_path, {})
    assert first == [f"{site.address}/news/1"]
    more = f"{pages}<p>Now there is <a href='/news/2'>another one</a>.</p>"
    site.extra["/news/1"] = Answer(f"<html><title>One</title><body><article>{more}</article></body></html>".encode())
    other = pages.replace("delays", "strikes").replace("Page", "Sheet")
    site.extra["/news/2"] = Answer(f"<html><title>Two</title><body><article>{other}</article></body></html>".encode())
    second, _ = look(scenario, tmp_path, cursor)
    assert f"{site.address}/news/2" in second


def test_rows_of_postgresql_come_from_the_cursor_on(postgres: Server, tmp_path: Path) -> None:
    address = postgres.database()
    engine = create_engine(address.replace("postgresql://", "postgresql+psycopg://"))

    def insert(*numbers: int) -> None:
        with engine.begin() as connection:
            for number in numbers:
                connection.execute(text(f"insert into posts values ({number}, 'text {number}', 'late')"))

    with engine.begin() as connection:
        connection.execute(text("create table posts (id bigint primary key, title text, category text)"))
    insert(1, 2, 3)
    scenario = agent({"kind": "sql", "address": address, "table": "posts", "id": "id"}, column="id")
    first, cursor = look(scenario, tmp_path, {})
    assert first == ["1", "2", "3"]
    insert(5, 9)
    second, cursor = look(scenario, tmp_path, cursor)
    assert [name for name in second if name not in first] == ["5", "9"]
    assert set(second) <= {"3", "5", "9"}
    assert set(look(scenario, tmp_path, cursor)[0]) <= {"9"}
    engine.dispose()
