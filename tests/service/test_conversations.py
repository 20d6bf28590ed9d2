"""Conversations by HTTP: in the log before they are answered, once however often sent, on any worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest
from tests.service import desks
from tests.service.serving import Answer, Service, running, service

from loopbook.decisions.audit import database, forgetting, reader, verify
from loopbook.desk import records
from loopbook.desk.desk import Desk
from loopbook.desk.turn import Conversation, Reply
from loopbook.operations import sealing
from loopbook.service.keys import Caller
from loopbook.store.project import Project

STATES = {"desk", "waits", "answered", "closed"}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("talks"), desks.scenario(), desk=desks.desk()) as made, running(made) as up:
        yield up


def begin(up: Service, language: str = "en", name: str = "") -> str:
    answer = up.call("POST", "/v1/conversations", {"language": language}, up.secret("caller", name))
    assert answer.status == 201, answer.body
    return str(answer.json["conversation_id"])


def say(up: Service, id: str, text: str, name: str = "", person: bool = False, **headers: str) -> Answer:
    path = f"/v1/conversations/{id}/turns"
    return up.call("POST", path, {"text": text, "person": person}, up.secret("caller", name), **headers)


def entries(up: Service, id: str) -> Sequence[Any]:
    found = records.of(reader.about(up.engine, id))
    assert found is not None
    return found.entries


def test_a_turn_is_in_the_log_before_it_is_answered_masked_and_with_its_versions(up: Service) -> None:
    id = begin(up)
    answer = say(up, id, f"{desks.SURE}, call me at +43 660 1234567")
    assert answer.status == 201 and answer.json["number"] == 1
    opened, turn = entries(up, id)
    assert opened.id == id and turn.facts["versions"]["run"] and turn.facts["act"] == answer.json["reply"]["act"]
    assert "1234567" not in str(turn.payload) and "lost" in turn.payload["question"]
    assert records.reply(turn).text == turn.payload["text"] and records.reply(turn).act == turn.facts["act"]
    shown = up.call("GET", f"/v1/conversations/{id}", None, up.secret("caller"))
    assert [line["by"] for line in shown.json["lines"]] == ["customer", "desk"]
    assert verify.verify(up.engine, Path("none"), []).holds


def test_answers_fit_the_document(up: Service) -> None:
    document = up.call("GET", "/v1/openapi.json", None, up.secret()).json
    id = begin(up)
    answers = {
        ("/v1/conversations/{id}/turns", "post", "201"): say(up, id, desks.unsure()).json,
        ("/v1/conversations/{id}", "get", "200"): up.call("GET", f"/v1/conversations/{id}", None, up.secret()).json,
    }
    for (path, method, status), answer in answers.items():
        found = document["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
        schema = {**found, "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer)


def test_what_is_sent_again_is_stored_once_and_another_text_under_the_same_key_is_refused(up: Service) -> None:
    first = up.call("POST", "/v1/conversations", {}, up.secret(), Idempotency_Key="begin-1")
    again = up.call("POST", "/v1/conversations", {}, up.secret(), Idempotency_Key="begin-1")
    assert first.json["conversation_id"] == again.json["conversation_id"]
    id = first.json["conversation_id"]
    answers = [say(up, id, desks.SURE, Idempotency_Key="turn-1") for _ in range(3)]
    assert {answer.body for answer in answers} == {answers[0].body}
    assert say(up, id, "something else", Idempotency_Key="turn-1").status == 422
    assert len(entries(up, id)) == 2


def test_turns_that_come_at_once_stand_one_after_the_other(up: Service) -> None:
    id = begin(up)
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda at: say(up, id, f"{desks.SURE} {at}"), range(5)))
    assert [answer.status for answer in answers] == [201] * 5
    assert sorted(answer.json["number"] for answer in answers) == [1, 2, 3, 4, 5]
    assert [stored.facts["number"] for stored in entries(up, id)] == list(range(6))


def test_who_asks_for_a_person_gets_one_and_the_desk_is_silent_then(up: Service) -> None:
    id = begin(up, "zh")
    answer = say(up, id, "I want to talk to somebody", person=True).json
    assert answer["state"] == "waits" and answer["minutes"] > 0
    assert answer["reply"]["act"] == "hand_over" and "人工" in answer["reply"]["text"]
    more = say(up, id, desks.SURE).json
    assert more["reply"] is None and more["state"] == "waits"
    assert up.call("POST", f"/v1/conversations/{id}/close", None, up.secret()).json["state"] == "closed"
    assert say(up, id, desks.SURE).status == 409


def test_the_last_rating_counts(up: Service) -> None:
    id = begin(up)
    say(up, id, desks.SURE)
    path = f"/v1/conversations/{id}/rating"
    assert up.call("POST", path, {"rating": 2, "comment": "mail me: a.b@example.org"}, up.secret()).status == 201
    assert up.call("POST", path, {"rating": 5}, up.secret()).json["rating"] == 5
    assert up.call("POST", path, {"rating": 6}, up.secret()).status == 422
    assert "example.org" not in str(entries(up, id)[2].payload)


def test_what_is_forgotten_is_gone_from_the_conversation_and_it_cannot_go_on(up: Service, tmp_path: Path) -> None:
    id = begin(up)
    say(up, id, desks.SURE)
    forgetting.forget(up.engine, tmp_path, id, "test")
    shown = up.call("GET", f"/v1/conversations/{id}", None, up.secret()).json
    assert [line["forgotten"] for line in shown["lines"]] == [True, True]
    assert "lost" not in str(shown).lower().replace("card_lost", "")
    assert say(up, id, desks.SURE).status == 409
    assert verify.verify(up.engine, tmp_path, []).holds


def test_conversations_are_sealed_for_the_notebooks(up: Service) -> None:
    id = begin(up)
    say(up, id, desks.SURE)
    found = reader.entries(up.engine, up.behind.name, kinds=("decision", "feedback", "turn"))
    table = sealing.extract(found, 365, 0.0)["conversations"]
    mine = table[table["conversation"] == id]
    assert mine["event"].tolist() == ["opened", "asked"] and mine["question"].tolist()[1] == desks.SURE
    assert pd.api.types.is_datetime64_any_dtype(table["written"]) and set(table["state"]) <= STATES


@dataclass(frozen=True)
class Slow(Desk):
    """The desk on a machine that is too slow by far, or that breaks."""

    seconds: float = 0.0
    broken: bool = False

    def reply(self, conversation: Conversation, text: str, minutes: float = 0.0) -> Reply:
        time.sleep(self.seconds)
        if self.broken:
            raise ValueError("an index is gone")
        return super().reply(conversation, text, minutes)


def slow(**how: Any) -> Slow:
    parts = {name: getattr(desks.desk(), name) for name in Desk.__dataclass_fields__}
    return Slow(**parts, **how)


def test_a_burst_beyond_the_queue_is_told_that_a_person_will_write_and_none_fails(tmp_path: Path) -> None:
    asked = desks.scenario(desk_room=4, desk_seconds=30)
    with service(tmp_path, asked, desk=slow(seconds=0.2)) as made, running(made) as up:
        secret = up.secret()
        ids = [begin(up) for _ in range(40)]
        start = threading.Barrier(40)

        def burst(id: str) -> Answer:
            start.wait()
            return up.call("POST", f"/v1/conversations/{id}/turns", {"text": desks.SURE}, secret)

        with ThreadPoolExecutor(40) as pool:
            answers = list(pool.map(burst, ids))
        assert {answer.status for answer in answers} == {201}
        busy = [answer for answer in answers if "A person will write" in answer.json["reply"]["text"]]
        assert 0 < len(busy) < 40 and all(answer.json["state"] == "waits" for answer in busy)
        why = [entries(up, id)[1].facts["why"] for id in ids]
        assert why.count("busy") >= len(busy)
        waits, _ = up.app.state.talks.waiting.refresh()
        assert len(waits) == sum(entries(up, id)[1].facts["state"] == "waits" for id in ids), "none is lost"
        answered = next(id for id, reason in zip(ids, why, strict=True) if not reason)
        assert say(up, answered, desks.SURE).json["number"] == 2, "afterwards it answers as before"


@pytest.mark.parametrize(("how", "why"), [({"seconds": 1.0}, "slow"), ({"broken": True}, "fault")])
def test_a_desk_that_is_slow_or_broken_hands_over_and_says_why(tmp_path: Path, how: Any, why: str) -> None:
    asked = desks.scenario(desk_seconds=0.3)
    with service(tmp_path, asked, desk=slow(**how)) as made, running(made) as up:
        id = begin(up)
        answer = say(up, id, desks.SURE)
        assert answer.status == 201 and answer.json["reply"]["act"] == "hand_over"
        assert entries(up, id)[1].facts["why"] == why
        assert (b"loopbook_incidents_total 1.0" in up.metrics.text()[0]) == (why == "fault")


def test_two_workers_go_on_with_the_same_conversation(tmp_path: Path, up: Service) -> None:
    with service(tmp_path, desks.scenario(), up.engine, desk=desks.desk()) as made, running(made) as other:
        id = begin(up)
        secret = up.secret()

        def turn(at: int) -> Answer:
            here = (up, other)[at % 2]
            return here.call("POST", f"/v1/conversations/{id}/turns", {"text": f"{desks.SURE} {at}"}, secret)

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(turn, range(6)))
        assert {answer.status for answer in answers} == {201}
        assert sorted(answer.json["number"] for answer in answers) == list(range(1, 7))


def test_the_same_on_postgresql(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    address = str(request.getfixturevalue("postgres").database())
    engine = database.connect(Project(tmp_path, tmp_path / "data"), address)
    with service(tmp_path, desks.scenario(), engine, desk=desks.desk()) as made, running(made) as up:
        talks, id = up.app.state.talks, begin(up)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda at: say(up, id, f"help {at}", person=True), range(4)))
        assert sorted(answer.json["number"] for answer in answers) == [1, 2, 3, 4]
        assert list(talks.waiting.refresh()[0]) == [id]
        bob = Caller("bob", "reviewer", "k")
        lease = talks.take(id, bob)
        talks.write(id, bob, "I am here.", lease.token)
        assert list(talks.waiting.refresh()[1]) == [id]
        talks.close(id, bob, lease.token, True)
        assert talks.waiting.refresh() == ({}, {}) and talks.read(id, bob).state == "closed"
        assert [talk.id for talk in talks.latest(Caller("a-caller", "caller", "k"), 5)] == [id]


def test_an_agent_without_a_desk_has_no_conversations(tmp_path: Path) -> None:
    plain = replace_desk(desks.scenario())
    with service(tmp_path, plain) as made, running(made) as up:
        assert up.call("POST", "/v1/conversations", {}, up.secret()).status == 404
        assert "/v1/conversations" not in up.call("GET", "/v1/openapi.json", None, up.secret()).json["paths"]


def replace_desk(found: Any) -> Any:
    return found.model_copy(update={"studies": found.studies.model_copy(update={"support_desk": None})})
