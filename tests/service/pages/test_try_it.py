"""Try it: what a person types is decided once, shown with its reasons, and refused with a reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.service.pages.test_people import get, send, signed_in, token
from tests.service.serving import Service, running, scenario, service

from loopbook.decisions.audit import reader


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("try"), scenario()) as made, running(made) as up:
        yield up


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("table"), scenario("clinic-triage")) as made, running(made) as up:
        yield up


def test_what_is_typed_is_decided_and_explained(up: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [{"field": "text", "part": "fraud", "effect": 0.4}, {"field": "text", "part": "happy", "effect": -0.2}]
    told: dict[str, Any] = {"parts": parts, "complete": False}
    monkeypatch.setattr(up.behind, "explain", lambda stored, seconds: told)
    cookie = signed_in(up, "caller")
    form = get(up, "/try", cookie)
    typed = "<b>Fraud</b> at Acme, nobody is happy; write to jane.doe@example.com"
    answer = send(up, "/try", cookie, csrf=token(form), once="x1", **{"field.text": typed})
    assert answer.status == 303
    shown = get(up, answer.headers["location"], cookie)
    page = shown.body.decode()
    assert shown.status == 200 and "&lt;b&gt;" in page and "<b>" not in page
    assert re.search(r'<mark class="up-3">Fraud</mark>', page) and re.search(
        r'<mark class="down-\d">happy</mark>', page
    )
    assert "The time did not suffice" in page
    again = send(up, "/try", cookie, csrf=token(form), once="x1", **{"field.text": typed})
    assert again.headers["location"] == answer.headers["location"], "sent twice, it is decided once"
    stored = reader.find(up.engine, up.behind.name, answer.headers["location"].partition("=")[2])
    assert stored is not None and stored.facts["caller"] == "a-caller"


def test_nobody_sees_what_another_has_tried(up: Service) -> None:
    one, other = signed_in(up, "caller"), signed_in(up, "caller", "somebody-else")
    fields = {"csrf": token(get(up, "/try", one)), "field.text": "Shares fell."}
    location = send(up, "/try", one, **fields).headers["location"]
    assert get(up, location, one).status == 200 and get(up, location, other).status == 404


def test_what_does_not_fit_is_said_and_what_was_typed_stays(table: Service) -> None:
    cookie = signed_in(table, "caller")
    name = next(iter(table.scenario.task.fields))
    fields = {"csrf": token(get(table, "/try", cookie)), f"field.{name}": "<i>wide</i>"}
    answer = send(table, "/try", cookie, **fields)
    assert answer.status == 422 and b"no number" in answer.body and b"&lt;i&gt;wide" in answer.body
    fields[f"field.{name}"] = "1e999"
    assert send(table, "/try", cookie, **fields).status == 422
    fields[f"field.{name}"] = "17.5"
    assert send(table, "/try", cookie, **fields).status == 303


def test_a_form_of_another_page_decides_nothing(up: Service) -> None:
    cookie = signed_in(up, "caller")
    before = len(reader.decision_ids(up.engine, up.behind.name))
    assert send(up, "/try", cookie, **{"field.text": "Shares fell."}).status == 403
    assert len(reader.decision_ids(up.engine, up.behind.name)) == before
