"""Lists by HTTP: in the log before they are answered, the same all day, theirs who asked, forgotten and sealed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.service import listings
from tests.service.serving import Answer, Service, running, service

from loopbook.decisions import list_log
from loopbook.decisions.audit import forgetting, reader, verify
from loopbook.operations import sealing
from loopbook.privacy import personal_data
from loopbook.requirements import interface
from loopbook.service import lists as module
from loopbook.service.agent import Served
from loopbook.service.client import Client, ServiceError
from loopbook.store.sealed import LISTED


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("lists"), listings.scenario()) as made:
        made.behind.lists = listings.listing()
        with running(made) as up:
            yield up


def ask(up: Service, user: str, query: str = "", name: str = "") -> Answer:
    return up.call("GET", f"/v1/lists/{user}{query}", None, up.secret("caller", name))


def click(up: Service, id: str, *items: str, name: str = "", **headers: str) -> Answer:
    return up.call("POST", f"/v1/lists/{id}/clicks", {"items": list(items)}, up.secret("caller", name), **headers)


def known() -> str:
    """Return a reader of whom the run knows something, by the name that callers use."""
    return "r2"


def test_a_list_is_in_the_log_with_places_reasons_and_propensities_before_it_is_answered(up: Service) -> None:
    answer = ask(up, known())
    assert answer.status == 200, answer.body
    (stored,) = reader.named(up.engine, answer.json["list_id"])
    assert stored.kind == list_log.KIND and stored.facts["versions"]["run"] == answer.json["run"]
    assert [place["item"] for place in stored.facts["places"]] == [place["item"] for place in answer.json["places"]]
    assert all(0 < place["propensity"] <= 1 for place in stored.facts["places"])
    assert stored.payload is not None and stored.payload["reasons"] == [
        place["reason"] for place in answer.json["places"]
    ]
    assert "r2" not in str(stored.facts) and stored.payload["user"] == personal_data.pseudonym("r2", up.scenario.name)
    assert verify.verify(up.engine, Path("none"), []).holds


def test_the_same_user_has_the_same_list_all_day_and_another_of_other_length_begins_alike(up: Service) -> None:
    first, again = (ask(up, "r3").json for _ in range(2))
    assert first["places"] == again["places"] and first["list_id"] != again["list_id"]
    assert len(first["places"]) == 5
    longer = ask(up, "r3", "?places=8").json["places"]
    assert len(longer) == 8


def test_an_unknown_user_gets_what_is_popular_and_the_answer_says_so(up: Service) -> None:
    stranger = ask(up, "somebody-new").json
    assert stranger["known"] is False and len(stranger["places"]) == 5
    given = ask(up, "somebody-new", "?taken=b0&taken=b2&taken=no-such-book").json
    assert given["known"] is True
    assert not {"b0", "b2"} & {place["item"] for place in given["places"]}, "never again"


def test_clicks_are_feedback_on_the_list_once_and_only_of_what_stood_there(up: Service) -> None:
    made = ask(up, "r4").json
    item = made["places"][1]["item"]
    first, again = (click(up, made["list_id"], item, Idempotency_Key="c-1") for _ in range(2))
    assert first.status == 201 and first.json == again.json
    assert click(up, made["list_id"], Idempotency_Key="c-1").status == 422
    assert click(up, made["list_id"], "no-such-book").status == 422
    assert click(up, made["list_id"]).status == 201, "looked at, nothing clicked"
    told = [stored for stored in reader.about(up.engine, made["list_id"]) if stored.kind == "feedback"]
    assert [list_log.clicks(stored) for stored in told] == [[item], []]


def test_what_was_clicked_counts_from_the_next_day_on(up: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ask(up, "r5").json
    item = before["places"][0]["item"]
    assert click(up, before["list_id"], item).status == 201
    assert item in {place["item"] for place in ask(up, "r5").json["places"]}

    monkeypatch.setattr(module, "today", lambda: datetime.now(UTC).date() + timedelta(days=1))
    assert item not in {place["item"] for place in ask(up, "r5").json["places"]}


def test_a_list_is_theirs_who_asked_for_it(up: Service) -> None:
    made = ask(up, "r6").json
    assert click(up, made["list_id"], name="another").status == 404
    assert click(up, "no-such-list").status == 404
    assert up.call("GET", "/v1/lists/r6").status == 401
    assert up.call("GET", "/v1/lists/r6", None, up.secret("reviewer")).status == 403
    assert up.call("GET", f"/v1/decisions/{made['list_id']}", None, up.secret("admin")).status == 404


@pytest.mark.parametrize("query", ["?places=0", "?places=101", "?places=x", f"?taken={'x' * 201}", "?taken="])
def test_what_is_no_request_is_refused(up: Service, query: str) -> None:
    assert ask(up, "r7", query).status == 422


def test_hostile_names_are_only_names(up: Service) -> None:
    for user, status in (
        ("..%2fetc", 200),
        ("a%2Fb", 200),
        ("a/b", 200),
        ("r1%00", 422),
        ("%3Cscript%3E", 200),
        ("%F0%9F%93%96", 200),
        ("x" * 201, 422),
    ):
        assert ask(up, user).status == status, user
    assert all("<b>" in place["reason"] or "took" not in place["reason"] for place in ask(up, "r2").json["places"])


def test_the_client_asks_for_lists_of_any_name_and_reports_clicks_once(up: Service) -> None:
    with Client(up.address, up.secret("caller")) as client:
        made = client.user_list("a/b?c d", places=3, taken=["b0", "b2"])
        assert len(made["places"]) == 3 and made["known"]
        said = client.clicks(made["list_id"], [made["places"][0]["item"]], key="once")
        assert said == client.clicks(made["list_id"], [made["places"][0]["item"]], key="once")
        (stored,) = reader.named(up.engine, made["list_id"])
        assert stored.payload is not None
        assert stored.payload["user"] == personal_data.pseudonym("a/b?c d", up.scenario.name)
        with pytest.raises(ServiceError, match="422"):
            client.clicks(made["list_id"], ["no-such-book"])


def test_callers_at_once_have_each_their_own_list(up: Service) -> None:
    found: dict[str, Any] = {}
    up.secret("caller")  # made once, before the threads

    def one(user: str) -> None:
        found[user] = ask(up, user).json["places"]

    threads = [threading.Thread(target=one, args=(f"r{at}",)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(found[user] == ask(up, user).json["places"] for user in found)


def test_answers_fit_the_document_and_other_agents_have_no_lists(up: Service, tmp_path: Path) -> None:
    document = up.call("GET", "/v1/openapi.json", None, up.secret()).json
    made = ask(up, "r8").json
    answers = {
        ("/v1/lists/{user}", "get", "200"): made,
        ("/v1/lists/{id}/clicks", "post", "201"): click(up, made["list_id"]).json,
    }
    for (path, method, status), answer in answers.items():
        found = document["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
        jsonschema.Draft202012Validator({**found, "components": document["components"]}).validate(answer)


def test_a_person_is_forgotten_with_their_list_and_clicks_and_the_extract_has_no_name_then(
    up: Service, tmp_path: Path
) -> None:
    made = ask(up, "r9").json
    item = made["places"][2]["item"]
    click(up, made["list_id"], item)
    found = list(reader.entries(up.engine, up.behind.name))
    table = sealing.extract(iter(found), 30, 0.1)[LISTED]
    own = table[table["shown"] == made["list_id"]]
    assert own["place"].tolist() == [1, 2, 3, 4, 5] and own["label"].tolist() == [0, 0, 1, 0, 0]
    assert own["query"].iloc[0] == personal_data.pseudonym("r9", up.scenario.name)
    assert forgetting.forget(up.engine, tmp_path, made["list_id"], "test").payloads == 2
    table = sealing.extract(reader.entries(up.engine, up.behind.name), 30, 0.1)[LISTED]
    own = table[table["shown"] == made["list_id"]]
    assert own["query"].isna().all() and own["label"].sum() == 1
    assert verify.verify(up.engine, tmp_path, []).holds


def test_a_row_is_judged_for_the_user_and_item_that_its_attributes_name() -> None:
    scenario = listings.scenario()
    assert {"reader", "book"} <= set(interface.attributes(scenario))
    served = Served.__new__(Served)
    object.__setattr__(served, "scenario", scenario)
    kept = [
        {"row_id": "1", "fields": {"title": "x"}, "attributes": {"reader": "r1", "book": "b1"}},
        {"row_id": "2", "fields": {"title": "y"}, "attributes": {}},
    ]
    frame = served.frame(kept)
    assert frame["query"].tolist() == ["r1", ""] and frame["item"].tolist() == ["b1", "2"]
