"""The questionnaire: what is answered stands in the log under a pseudonym, once, and reaches what 07 measures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.service.pages.test_people import get, send, signed_in, token
from tests.service.serving import Service, running, scenario, service

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.entry import Stored
from loopbook.feedback.usability import events, measured


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("questionnaire"), scenario()) as made, running(made) as up:
        yield up


def entries(up: Service) -> list[Stored]:
    agent = up.behind.name
    return list(reader.entries(up.engine, agent, until=reader.watermark(up.engine, agent), kinds=("feedback",)))


def test_answers_are_kept_once_and_measured(up: Service) -> None:
    cookie = signed_in(up, "reviewer")
    shown = get(up, "/questionnaire", cookie)
    assert shown.body.count(b"<fieldset") == 10 and shown.body.count(b'type="radio"') == 50
    fields = {f"item{number}": "4" if number % 2 else "2" for number in range(1, 11)}
    fields |= {"csrf": token(shown), "once": "q1", "comment": "Clear; write to jane.doe@example.com"}
    for _ in range(2):
        answer = send(up, "/questionnaire", cookie, **fields)
        assert (answer.status, answer.headers["location"]) == (303, "/questionnaire?thanks=1")
    (kept,) = entries(up)
    assert kept.payload == {"comment": "Clear; write to [MAIL]"} and kept.facts["user"] != "a-reviewer"
    table = measured(events([kept]))
    assert table.loc["SUS, 0 to 100", "value"] == 75
    assert b"Thank you" in get(up, "/questionnaire?thanks=1", cookie).body
    assert "谢谢".encode() in get(up, "/questionnaire?thanks=1&lang=zh", cookie).body


@pytest.mark.parametrize("last", ["", "0", "6", "23", "x", "１"])
def test_what_is_not_answered_is_asked_again_and_the_rest_stays(up: Service, last: str) -> None:
    cookie = signed_in(up, "admin")
    before = len(entries(up))
    fields = {f"item{number}": "3" for number in range(1, 10)} | {"item10": last, "comment": "<b>so</b>"}
    answer = send(up, "/questionnaire", cookie, csrf=token(get(up, "/questionnaire", cookie)), **fields)
    page = answer.body.decode()
    assert answer.status == 422 and page.count(" checked") == 9 and "&lt;b&gt;so" in page
    assert len(entries(up)) == before
