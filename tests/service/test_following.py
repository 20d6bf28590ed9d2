"""The agent behind the HTTP layer: decisions in the log, take-over of what is newer, and the way back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from tests.service.conftest import SCENARIO, another

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.replay import Budget
from loopbook.scenario.errors import LoopbookError
from loopbook.service.agent import Served
from loopbook.service.deciding import Asked
from loopbook.service.following import Following
from loopbook.store import snapshots
from loopbook.store.lookup import newest
from loopbook.store.project import Project


@pytest.fixture
def following(own: Project, engine: Engine) -> Iterator[Following]:
    """Return what follows a run, by hand: it does not look by itself during a test."""
    served = Served.load(own, SCENARIO, "smoke")
    patient = served.scenario.service.model_copy(update={"follow_seconds": 3_600.0})
    scenario = served.scenario.model_copy(update={"service": patient})
    with Writer(engine, served.name) as writer, Following(served, scenario, engine, writer, Budget(0.1)) as following:
        yield following


def asked(text: str, key: str | None = None) -> Asked:
    return Asked([{"id": None, "time": None, "fields": {"text": text}}], "ann", key, f"digest of {text}")


def test_a_decision_is_in_the_log_when_it_is_answered(following: Following, engine: Engine) -> None:
    (stored,) = following.decide(asked("Shares fell, write to jane@example.org", "k")).result(10)
    found = reader.find(engine, following.name, stored.id)
    assert found is not None and found.facts == stored.facts and found.hash == stored.hash
    assert found.payload["fields"]["text"] == "Shares fell, write to [MAIL]"
    assert found.payload["request"] == "digest of Shares fell, write to jane@example.org"
    (again,) = following.decide(asked("Shares fell, write to jane@example.org", "k")).result(10)
    assert again.duplicate and again.id == stored.id


def test_a_newer_run_is_taken_over_and_noted(own: Project, following: Following, engine: Engine) -> None:
    first = following.about()["versions"]
    following.look()
    assert following.about()["versions"] == first, "nothing is new"
    another(own, newest(own, SCENARIO, "smoke"), "20991231-000000", 0.9)
    following.look()
    now = following.about()["versions"]
    assert now["run"] == f"{SCENARIO}/20991231-000000" and now["policy"] != first["policy"]
    (stored,) = following.decide(asked("Shares fell")).result(10)
    assert stored.facts["versions"] == now and stored.facts["threshold"] == 0.9
    acts = [each.facts for each in reader.entries(engine, following.name, kinds=["admin"])]
    noted = [(each["versions"]["run"], each.get("before")) for each in acts if each["act"] == "took-over"]
    assert noted == [(first["run"], None), (now["run"], first["run"])]


def test_what_is_approved_is_served_once_it_has_run_and_undo_goes_back(own: Project, following: Following) -> None:
    before = newest(own, SCENARIO, "smoke")
    approved = snapshots.Snapshot(round=1, rules={"panic": '{"when": "\\"panic\\" in words", "action": "alert"}'})
    snapshots.seal(own, SCENARIO, "smoke", approved)
    following.look()
    assert following.about()["versions"]["run"].endswith(before.run), "no run of the new round is there yet"
    another(own, before, "20991231-000001", 0.8, round=1)
    following.look()
    assert following.about()["versions"]["run"].endswith(before.run), "it carried other rules"
    another(own, before, "20991231-000002", 0.7, round=1, rules=approved.digest("rules"))
    following.look()
    assert following.about()["versions"]["run"].endswith("20991231-000002")
    snapshots.withdraw(own, SCENARIO, "smoke")
    following.look()
    assert following.about()["versions"]["run"].endswith(before.run)


def test_no_call_is_lost_while_agents_change(own: Project, following: Following) -> None:
    run = newest(own, SCENARIO, "smoke")
    answers, going = [], threading.Event()

    def call() -> None:
        while not going.is_set():
            answers.append(following.decide(asked("Shares fell")).result(10)[0].facts["versions"]["run"])

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for number in range(3):
        another(own, run, f"20991231-00000{number}", 0.5 + number / 10)
        following.look()
    going.set()
    for caller in callers:
        caller.join()
    assert len(set(answers)) > 1 and following.about()["versions"]["run"].endswith("20991231-000002")


def test_a_run_that_cannot_be_served_changes_nothing(own: Project, following: Following) -> None:
    run = newest(own, SCENARIO, "smoke")
    broken = another(own, run, "20991231-000000", 0.9)
    (own.data / broken.stages["05_decisions"].artifacts["policy"]).write_text('{"kind": "none"}')
    with pytest.raises(LoopbookError, match="no policy"):
        following.look()
    assert following.about()["versions"]["run"].endswith(run.run) and following.trouble() is None
    another(own, run, "20991231-000001", 0.9)
    following.look()
    assert following.about()["versions"]["run"].endswith("20991231-000001")


def test_another_interface_needs_another_process(own: Project, following: Following) -> None:
    run = newest(own, SCENARIO, "smoke")
    data = {**run.resolved, "data": {**run.resolved["data"], "max_characters": 77}}
    another(own, run.model_copy(update={"resolved": data}), "20991231-000000", 0.9)
    assert not following.outdated.is_set()
    following.look()
    assert following.outdated.is_set() and following.about()["versions"]["run"].endswith(run.run)


def test_it_is_explained_by_the_agent_that_decided(own: Project, following: Following, engine: Engine) -> None:
    text = "Recall: ACME withdraws " + " ".join(f"word{number}" for number in range(70))
    (stored,) = following.decide(asked(text)).result(10)
    whole = following.explain(stored, 20.0)
    assert whole["complete"] and len(whole["parts"]) == 60 and whole["sentence"]
    sizes = [abs(part["effect"]) for part in whole["parts"]]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 0
    part = following.explain(stored, 0.0)
    assert not part["complete"] and 0 < len(part["parts"]) < 60
    another(own, newest(own, SCENARIO, "smoke"), "20991231-000000", 0.9)
    following.look()
    assert following.explain(stored, 20.0) == whole
    found = reader.find(engine, following.name, stored.id)
    assert found is not None
    with pytest.raises(LoopbookError, match="forgotten"):
        following.explain(found.__class__(**{**vars(found), "payload": None}), 1.0)
