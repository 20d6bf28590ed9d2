"""Filtered queries: the same decisions as a look at each of them finds, page by page, in both databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from loopbook.decisions.audit import log_query, reader
from loopbook.decisions.audit.entry import Entry, LogError, Stored, new_id
from loopbook.decisions.audit.log_query import Cursor, Filter
from loopbook.decisions.audit.writer import Writer

AGENT = "market-monitor/smoke"
TEXTS = ("Shares fall 5%", "Ein_Test", "profit \u4e0a\u6da8", "nul\x00 byte", "fall again")


@pytest.fixture
def decided(engine: Engine) -> list[Stored]:
    """Return the decisions of an agent, the newest first; another agent decides into the same log."""
    stored: list[Stored] = []
    with Writer(engine, AGENT) as writer, Writer(engine, "other/smoke") as other:
        for first in range(0, 40, 8):
            stored += writer.append(
                [_entry(at) for number in range(first, first + 8) for at in (number, number + 1)]
            ).result()
            other.append([_entry(first)]).result()
        writer.append(
            Entry("feedback", new_id(), {"decision_id": stored[at].id, "rating": 2}) for at in (3, 50, 51)
        ).result()
    return sorted(stored, key=lambda one: (one.written, one.writer, one.seq), reverse=True)


def _entry(number: int) -> Entry:
    facts = {"action": ("alert", "ignore")[number % 2], "answer": ("bad", "fine")[number % 3 == 0]}
    facts |= {"probability": number / 40, "versions": {"run": f"m/{number % 2}"}}
    row = {"fields": {"text": TEXTS[number % 5]}, "attributes": {"company": ("Acme", "Bolt|Acme", "Bo%t")[number % 3]}}
    return Entry("decision", new_id(), facts, None if number == 7 else row)


LOOKS: dict[str, tuple[Filter, Callable[[Stored], bool]]] = {
    "all": (Filter(), lambda one: True),
    "action": (Filter(action="alert"), lambda one: one.facts["action"] == "alert"),
    "class": (Filter(answer="fine"), lambda one: one.facts["answer"] == "fine"),
    "score": (Filter(low=0.25, high=0.5), lambda one: 0.25 <= one.facts["probability"] <= 0.5),
    "run": (Filter(run="m/1"), lambda one: one.facts["versions"]["run"] == "m/1"),
    "segment": (Filter(segment=("company", "Acme")), lambda one: "Acme" in _row(one, "attributes", "company")),
    "percent": (Filter(segment=("company", "Bo%t")), lambda one: _row(one, "attributes", "company") == "Bo%t"),
    "text": (Filter(text="FALL", text_fields=("text",)), lambda one: "fall" in _row(one, "fields", "text").lower()),
    "chinese": (Filter(text="\u4e0a", text_fields=("text",)), lambda one: "\u4e0a" in _row(one, "fields", "text")),
    "underscore": (Filter(text="n_t", text_fields=("text",)), lambda one: "n_T" in _row(one, "fields", "text")),
}


def _row(stored: Stored, part: str, name: str) -> str:
    return str((stored.payload or {part: {name: ""}})[part][name])


def test_every_filter_finds_what_a_look_at_each_decision_finds(engine: Engine, decided: list[Stored]) -> None:
    for name, (wanted, meant) in LOOKS.items():
        expected = [one.id for one in decided if meant(one)]
        assert expected, name
        assert [one.id for one in log_query.every(engine, AGENT, wanted)] == expected, name
        counted = log_query.counts(engine, AGENT, wanted)
        by_action: Counter[str] = Counter()
        for bar in counted.bars.values():
            by_action.update(bar)
        assert by_action == Counter(one.facts["action"] for one in decided if meant(one)), name
        assert counted.total == len(expected) and counted.since is None


def test_reviewed_are_those_of_which_something_was_said_and_not_taken_back(
    engine: Engine, decided: list[Stored]
) -> None:
    said = {one.facts["decision_id"] for one in reader.entries(engine, AGENT, kinds=("feedback",))}
    review, skipped = new_id(), decided[20].id
    facts = {"decision_id": decided[10].id, "user": "u"}
    with Writer(engine, AGENT) as writer:
        writer.append([Entry("feedback", review, {**facts, "review": {"verdict": "accept"}})]).result()
        skip = {"decision_id": skipped, "review": {"verdict": "skip"}}
        writer.append([Entry("feedback", new_id(), skip)]).result()
        for known in ({*said, decided[10].id}, said):
            for wanted in (True, False):
                found = {one.id for one in log_query.every(engine, AGENT, Filter(reviewed=wanted))}
                assert found == {one.id for one in decided if (one.id in known) is wanted}
            undo = {**facts, "review": {"verdict": "undo", "of": review}}
            writer.append([Entry("feedback", new_id(), undo)]).result()


def test_pages_follow_each_other_without_gap_or_repetition(engine: Engine, decided: list[Stored]) -> None:
    found: list[str] = []
    after: Cursor | None = None
    while True:
        page = log_query.page(engine, AGENT, Filter(action="alert"), after, most=7)
        found += [one.id for one in page.found]
        if page.following is None:
            break
        if after is None:
            with Writer(engine, AGENT) as writer:  # what is decided meanwhile stands before the first page
                writer.append([_entry(0)]).result()
        after = Cursor.read(str(page.following))
    assert found == [one.id for one in decided if one.facts["action"] == "alert"]


def test_a_query_looks_no_further_than_it_may_and_says_where_it_goes_on(
    engine: Engine, decided: list[Stored], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_query, "REACH", 11)
    wanted = Filter(low=0.2, high=0.21)
    expected = [one.id for one in decided if 0.2 <= one.facts["probability"] <= 0.21]
    page = log_query.page(engine, AGENT, wanted)
    assert not page.found and page.cut and page.following == Cursor.of(decided[10])
    assert [one.id for one in log_query.every(engine, AGENT, wanted)] == expected
    counted = log_query.counts(engine, AGENT, Filter())
    assert counted.total == 11 and counted.since == decided[10].written


def test_time_bounds_hold_the_first_moment_and_not_the_last(engine: Engine, decided: list[Stored]) -> None:
    wanted = Filter(since=decided[30].written, before=decided[10].written)
    expected = [one.id for one in decided if decided[30].written <= one.written < decided[10].written]
    assert [one.id for one in log_query.every(engine, AGENT, wanted)] == expected
    ahead = Filter(since=decided[0].written + timedelta(seconds=1))
    assert log_query.counts(engine, AGENT, ahead).bars == {}


@pytest.mark.parametrize("text", ["", "yesterday~a~1", "2026-01-01T00:00:00.000000Z~a~x"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(LogError, match="no place in the log"):
        Cursor.read(text)
