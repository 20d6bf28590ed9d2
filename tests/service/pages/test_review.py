"""The review queue by its JSON interface: who is shown what, what is stored, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.service.pages.reviewers import TEXTS, Reviewer, decided
from tests.service.serving import Service, running, scenario, service

from loopbook.decisions.audit import forgetting, reader
from loopbook.decisions.audit.database import writing
from loopbook.decisions.audit.entry import Stored
from loopbook.feedback import reviewing
from loopbook.service.pages.leases import LEASES


@pytest.fixture
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    asked = scenario(review_twice=0.0)
    with service(tmp_path_factory.mktemp("review"), asked) as made, running(made) as up:
        yield up


def test_an_answer_is_an_entry_of_the_log_and_its_item_is_not_shown_again(up: Service) -> None:
    decided(up)
    ann = Reviewer(up, "ann")
    item = ann.next()
    assert item["fields"]["text"] and item["implied"] in item["classes"]
    assert not {"why", "history", "others", "truth", "state"} & set(item), "nothing tells what others think"
    answer = ann.say(item, seconds=2.5, comment="Call +43 660 1234567")
    assert answer.status == 201 and answer.json["state"] == "settled" and answer.json["why"] == "useful"
    (entry,) = (each for each in reader.about(up.engine, item["decision_id"]) if each.kind == "feedback")
    assert entry.facts["label"] == item["implied"] and entry.facts["seconds"] == 2.5
    assert entry.facts["review"]["verdict"] == "accept" and entry.facts["user"] != "ann"
    assert "1234567" not in entry.payload["comment"]
    shown = [item["decision_id"]]
    while (item := ann.next()) is not None:
        shown.append(item["decision_id"])
        ann.say(item, "skip")
    assert len(shown) == len(set(shown)) == len(TEXTS)


def test_two_people_never_have_the_same_item(up: Service) -> None:
    decided(up, TEXTS * 5)
    people = [Reviewer(up, f"reviewer-{at}") for at in range(6)]
    with ThreadPoolExecutor(len(people)) as pool:
        for _ in range(4):
            items = list(pool.map(lambda person: person.next(), people))
            assert len({item["decision_id"] for item in items}) == len(people)
            answers = list(pool.map(lambda pair: pair[0].say(pair[1]), zip(people, items, strict=True)))
            assert {answer.status for answer in answers} == {201}


def test_an_item_stays_in_hand_until_it_is_answered(up: Service) -> None:
    decided(up)
    ann = Reviewer(up, "ann")
    assert ann.next()["lease"] == ann.next()["lease"]


def test_the_same_answer_twice_is_stored_once_and_another_is_refused(up: Service) -> None:
    decided(up)
    ann = Reviewer(up, "ann")
    item = ann.next()
    first, again = ann.say(item), ann.say(item)
    assert first.json["id"] == again.json["id"] and again.status == 201
    other = next(name for name in item["classes"] if name != item["implied"])
    assert ann.say(item, "correct", label=other).status == 409
    assert len(reader.about(up.engine, item["decision_id"])) == 2


def test_undo_takes_back_and_gives_the_item_again(up: Service) -> None:
    decided(up)
    ann, bob = Reviewer(up, "ann"), Reviewer(up, "bob")
    item = ann.next()
    other = next(name for name in item["classes"] if name != item["implied"])
    ann.say(item, "correct", label=other)
    ann.next()  # what is in her hands goes back
    assert ann.post("/review/undo").json["label"] == other
    again = ann.next()
    assert again["decision_id"] == item["decision_id"] and again["lease"] != item["lease"]
    assert ann.say(again).json["verdict"] == "accept"
    assert [each["verdict"] for each in ann.get("/review/mine").json] == ["accept"]
    assert bob.post(f"/review/{item['decision_id']}/undo").status == 404, "what others said stays theirs"
    history = ann.get(f"/review/{item['decision_id']}").json["history"]
    assert [each["withdrawn"] for each in history] == [True, False]
    assert bob.get(f"/review/{item['decision_id']}").json["state"] == "settled"


def test_a_third_decides_where_two_disagree(tmp_path_factory: pytest.TempPathFactory) -> None:
    asked = scenario(review_twice=1.0)
    with service(tmp_path_factory.mktemp("third"), asked) as made, running(made) as up:
        decided(up, TEXTS[:1])
        ann, bob, eve, kim = (Reviewer(up, name) for name in ("ann", "bob", "eve", "kim"))
        item = ann.next()
        no, yes = item["classes"]
        assert ann.say(item, "correct", label=yes).json["state"] == "open"
        assert ann.next() is None and ann.get("/review/mine").json[0]["others"] == []
        second = bob.next()
        assert "others" not in second and bob.get(f"/review/{item['decision_id']}").json["history"] == []
        answer = bob.say(second, "correct", label=no).json
        assert (answer["why"], answer["state"], answer["others"]) == ("second", "open", [])
        answer = eve.say(eve.next(), "correct", label=yes).json
        assert (answer["why"], answer["state"], answer["settled"]) == ("third", "settled", yes)
        assert kim.next() is None
        (mine,) = ann.get("/review/mine").json
        assert mine["settled"] == yes and [each["label"] for each in mine["others"]] == [no, yes]
        assert bob.post("/review/undo").status == 409, "who knows the result could only repeat it"
        history = bob.get(f"/review/{item['decision_id']}").json["history"]
        assert [each["label"] for each in history] == [yes, no, yes]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"verdict": "correct"}, 422),
        ({"verdict": "accept", "label": "alert"}, 422),
        ({"verdict": "correct", "label": "no such class"}, 422),
        ({"verdict": "maybe"}, 422),
        ({"verdict": "accept", "also": {"no such output": "x"}}, 422),
        ({"verdict": "accept", "seconds": -1}, 422),
        ({"verdict": "accept", "unknown": 1}, 422),
        ({"verdict": "accept", "token": "0" * 32}, 409),
        ({"verdict": "accept", "token": "x"}, 422),
    ],
)
def test_what_cannot_be_an_answer_is_refused(up: Service, said: dict, status: int) -> None:
    decided(up, TEXTS[:1])
    ann = Reviewer(up, "ann")
    item = ann.next()
    assert ann.say(item, said.pop("verdict"), **said).status == status
    assert len(reader.about(up.engine, item["decision_id"])) == 1


def test_callers_review_nothing(up: Service) -> None:
    (id,) = decided(up, TEXTS[:1])
    for path in ("/review/next", "/review/undo", f"/review/{id}", f"/review/{id}/undo"):
        assert up.call("POST", path, {}, up.secret("caller")).status == 403
        assert up.call("POST", path, {}).status == 401
    for path in ("/review/mine", f"/review/{id}", f"/review/{id}/reasons"):
        assert up.call("GET", path, None, up.secret("caller")).status == 403


def test_a_lease_that_ran_out_gives_the_item_to_the_next(up: Service) -> None:
    decided(up, TEXTS[:1])
    ann, bob = Reviewer(up, "ann"), Reviewer(up, "bob")
    item = ann.next()
    assert bob.next() is None

    with writing(up.engine) as connection:
        connection.execute(LEASES.update().values(ends=0.0))
    theirs = bob.next()
    assert theirs["decision_id"] == item["decision_id"]
    assert ann.say(item).status == 409 and bob.say(theirs).status == 201
    assert len(reviewing.standing_reviews(reader.about(up.engine, item["decision_id"]))) == 1


def test_who_was_told_the_truth_of_an_item_takes_nothing_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    asked = scenario(review_twice=0.0, review_known=0.5)
    with service(tmp_path_factory.mktemp("known"), asked) as made:
        facts = {"answer": "ignore", "action": "ignore", "scores": {"ignore": 0.9, "alert": 0.1}, "probability": 0.1}
        known = [
            Stored(
                "decision", f"known-{at}", {**facts, "rehearsed": True}, {"row_id": f"r{at}", "fields": {"text": "x"}}
            )
            for at in range(30)
        ]
        made.behind.rehearsed = lambda most: (known, {stored.id: "alert" for stored in known})
        with running(made) as up:
            ids = decided(up, TEXTS * 3)
            ann = Reviewer(up, "ann")
            said = [ann.say(ann.next()).json for _ in range(12)]
            told = [each for each in said if each["why"] == "known"]
            assert 2 <= len(told) < 12 and {each["truth"] for each in told} == {"alert"}
            assert all(each["truth"] is None and each["decision_id"] in ids for each in said if each not in told)
            assert ann.post(f"/review/{told[0]['decision_id']}/undo").status == 409
            (entry,) = reader.about(up.engine, told[0]["decision_id"])
            assert entry.facts["review"]["truth"] == "alert" and entry.payload["row_id"]


def test_what_was_forgotten_is_shown_to_nobody(up: Service) -> None:
    (id,) = decided(up, TEXTS[:1])
    ann = Reviewer(up, "ann")
    assert ann.next()["decision_id"] == id
    forgetting.forget(up.engine, Path("nowhere"), id, "test")
    assert ann.next() is None and ann.get(f"/review/{id}").status == 404


def test_labels_go_to_label_studio_and_come_back_as_reviews(up: Service) -> None:
    ids = decided(up)
    ann, secret = Reviewer(up, "ann"), up.secret("admin")
    item = ann.next()
    ann.say(item, comment="fine")
    tasks = up.call("GET", "/review/labels", None, secret).json
    assert {task["data"]["decision_id"] for task in tasks} == set(ids) - {item["decision_id"]}
    config = ElementTree.fromstring(up.call("GET", "/review/labels.xml", None, secret).body)
    offered = {choice.get("value") for choice in config.findall("./Choices[@name='label']/Choice")}
    assert offered == set(item["classes"]) and config.find("./Text").get("value") == "$item"
    assert all(task["predictions"][0]["result"][0]["value"]["choices"][0] in offered for task in tasks)

    ours = up.call("GET", "/review/labels?reviewed=1", None, secret).json
    assert up.call("POST", "/review/labels", ours, secret).json == {"stored": 0, "before": 1, "refused": 0, "why": []}
    for task, label in zip(tasks, [*item["classes"], "no such class"], strict=False):
        value = {"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": [label]}}
        task["annotations"] = [{"id": 7, "completed_by": 3, "result": [value], "lead_time": 4.5, "ground_truth": False}]
    stray = {"data": {"decision_id": "nobody-knows"}, "annotations": tasks[0]["annotations"]}
    taken = up.call("POST", "/review/labels", [*tasks, stray], secret).json
    assert (taken["stored"], taken["before"], taken["refused"]) == (2, 0, 2)
    assert up.call("POST", "/review/labels", tasks, secret).json["before"] == 2
    (review,) = reviewing.standing_reviews(reader.about(up.engine, tasks[0]["data"]["decision_id"]))
    assert (review.label, review.why, review.seconds) == (item["classes"][0], "imported", 4.5)
    tasks[0]["annotations"][0]["result"][0]["value"]["choices"] = [item["classes"][1]]
    assert up.call("POST", "/review/labels", tasks[:1], secret).json["stored"] == 1
    (review,) = reviewing.standing_reviews(reader.about(up.engine, tasks[0]["data"]["decision_id"]))
    assert review.label == item["classes"][1], "a changed annotation takes the place of the one before"


@pytest.mark.parametrize("sent", [{}, [1], [{"data": {}}], [{"data": {"decision_id": "../x"}}], [{"annotations": 1}]])
def test_what_is_no_export_is_refused_whole(up: Service, sent: object) -> None:
    answer = up.call("POST", "/review/labels", sent, up.secret("admin"))
    assert answer.status == 422 and "Label Studio" in answer.json["detail"]
    assert up.call("POST", "/review/labels", [], up.secret("reviewer")).status == 403
    assert up.call("GET", "/review/labels", None, up.secret("reviewer")).status == 403
