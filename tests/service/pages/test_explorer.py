"""The decision explorer over HTTP: filters, exports that no spreadsheet computes, one decision, and who may see it."""

from __future__ import annotations

import csv
import io
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.service.pages.reviewers import TEXTS, Reviewer, decided
from tests.service.pages.test_people import HTML
from tests.service.serving import Answer, Service, running, scenario, service

from loopbook.decisions.audit import reader

FORMULA = "=HYPERLINK(A1) @SUM"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("explorer"), scenario()) as made, running(made) as up:
        decided(up, (*TEXTS, FORMULA))
        yield up


def get(up: Service, path: str, role: str = "reviewer") -> Answer:
    return up.call("GET", path, None, up.secret(role), Accept=HTML)


def shown(up: Service, query: str) -> int:
    """Return how many decisions the page lists."""
    answer = get(up, f"/decisions?{query}")
    assert answer.status == 200, answer.body
    return answer.body.count(b'<a href="/decisions/') - answer.body.count(b'<a href="/decisions/export')


def test_filters_narrow_what_is_listed_and_the_export_alike(up: Service) -> None:
    everything = len(TEXTS) + 1
    assert shown(up, "") == everything
    for query, least in (("text=LAWSUIT", 1), ("action=alert", 1), ("low=0.5", 0), ("reviewed=no", everything)):
        lines = get(up, f"/decisions/export.jsonl?{query}").body.splitlines()
        assert shown(up, query) == len(lines) >= least, query
    assert shown(up, "since=2999-01-01") == 0 and shown(up, "before=2000-01-01") == 0
    Reviewer(up, "ann").say(Reviewer(up, "ann").next())
    assert (shown(up, "reviewed=yes"), shown(up, "reviewed=no")) == (1, everything - 1)


def test_texts_of_data_are_shown_and_not_run(up: Service) -> None:
    page = get(up, "/decisions?text=%3Cscript%3E&value=%22%3E%3Cb%3E").body
    assert b"<script>window.ran" not in page and b"&lt;script&gt;" in page and b'"><b>' not in page


@pytest.mark.parametrize("query", ["low=abc", "high=2", "since=soon", "segment=password", "reviewed=maybe", "low=nan"])
def test_a_value_that_is_none_is_named_and_nothing_is_listed(up: Service, query: str) -> None:
    answer = get(up, f"/decisions?{query}")
    assert answer.status == 422 and b"is no value for" in answer.body and b"/decisions/export" not in answer.body
    assert get(up, f"/decisions/export.csv?{query}").status == 422


def test_a_spreadsheet_computes_nothing_and_the_export_is_noted(up: Service) -> None:
    answer = get(up, "/decisions/export.csv")
    assert (
        answer.headers["content-type"].startswith("text/csv") and "attachment" in answer.headers["content-disposition"]
    )
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert len(rows) == len(TEXTS) + 1
    assert all(not cell.lstrip().startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    assert any(row["field text"].startswith("'=HYPERLINK") for row in rows)
    acts = [one.facts for one in reader.entries(up.engine, up.behind.name, kinds=("admin",))]
    assert {"act": "exported", "format": "csv", "by": "a-reviewer"}.items() <= next(
        one for one in acts if one["act"] == "exported" and one["format"] == "csv"
    ).items()


def test_an_export_that_is_broken_off_does_not_block_the_next(up: Service) -> None:
    head = up.head("/decisions/export.csv").replace(b"POST", b"GET", 1)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", up.port)) as connection:
            connection.sendall(head.replace(up.secret().encode(), up.secret("admin").encode()))
    for _ in range(100):
        if get(up, "/decisions/export.jsonl").status == 200:
            return
        time.sleep(0.05)
    raise AssertionError("what was broken off still holds its place")


def test_one_decision_tells_what_stands_in_the_log_and_what_was_said_of_it(up: Service) -> None:
    made = decided(up, ("A text that is forgotten later.",))[0]
    up.call(
        "POST", "/v1/feedback", {"decision_id": made, "user": "u", "comment": "<b>wrong</b>", "rating": 2}, up.secret()
    )
    page = get(up, f"/decisions/{made}?why=1")
    assert page.status == 200 and b"A text that is forgotten later." in page.body
    assert b"&lt;b&gt;wrong&lt;/b&gt;" in page.body and b"2.0/5" in page.body
    assert up.behind.calls["explain"] == 1
    assert get(up, "/decisions/no-such").status == 404


def test_callers_see_no_other_callers_decisions(up: Service) -> None:
    for path in ("/decisions", "/decisions/export.csv", f"/decisions/{decided(up, ('x y z',))[0]}"):
        assert get(up, path, "caller").status == 403
    assert get(up, "/decisions/export.xls").status == 404
    assert get(up, "/decisions?after=nonsense").status == 404


def test_pages_follow_each_other(up: Service) -> None:
    decided(up, tuple(f"Text number {number}." for number in range(60)))
    first = get(up, "/decisions?text=Text+number").body
    assert first.count(b'<th scope="row" class="unbroken">') == 50
    place = first.partition(b'rel="next" href="')[2].partition(b'"')[0].decode().replace("&amp;", "&")
    second = get(up, place).body
    assert second.count(b'<th scope="row" class="unbroken">') == 10 and b'rel="next"' not in second


def test_json_lines_hold_the_whole_entries(up: Service) -> None:
    lines = [json.loads(line) for line in get(up, "/decisions/export.jsonl?text=HYPERLINK").body.splitlines()]
    (one,) = lines
    stored = reader.find(up.engine, up.behind.name, one["decision_id"])
    assert stored is not None and one["facts"] == stored.facts and one["payload"] == stored.payload


def test_reviewers_stay_blind_to_each_other_until_nobody_is_asked_any_more(tmp_path: Path) -> None:
    asked = scenario(review_twice=1.0, review_known=0.0)
    with service(tmp_path, asked) as made, running(made) as up:
        (id,) = decided(up, TEXTS[:1])
        assert Reviewer(up, "ann").say(Reviewer(up, "ann").next(), comment="seen by ann").status == 201
        page = get(up, f"/decisions/{id}", "admin").body
        assert b"seen by ann" not in page and b"nobody is asked any more" in page
        assert Reviewer(up, "ben").say(Reviewer(up, "ben").next()).status == 201
        page = get(up, f"/decisions/{id}", "admin").body
        assert b"seen by ann" in page and b"nobody is asked any more" not in page
