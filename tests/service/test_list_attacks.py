"""Attacks on lists: each is answered as the documentation says, in the same words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from tests.service import listings
from tests.service.serving import Answer, Service, running, service
from tests.service.test_attacks import PAGE
from tests.service.test_lists import ask, click

ATTACKS: dict[str, tuple[str, Callable[[Service], Answer]]] = {}


def attack(name: str, answer: str) -> Callable[[Callable[[Service], Answer]], None]:
    def note(how: Callable[[Service], Answer]) -> None:
        ATTACKS[name] = answer, how

    return note


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("lists"), listings.scenario()) as made:
        made.behind.lists = listings.listing()
        with running(made) as up:
            yield up


@attack("A list without a key", "401")
def _(up: Service) -> Answer:
    return up.call("GET", "/v1/lists/r1")


@attack("A reviewer's key asks for a list", "403")
def _(up: Service) -> Answer:
    return up.call("GET", "/v1/lists/r1", None, up.secret("reviewer"))


@attack("Another caller reports clicks on a list", "404, as for one that there is not")
def _(up: Service) -> Answer:
    made = ask(up, "r1").json
    assert click(up, "no-such-list").status == 404
    return click(up, made["list_id"], made["places"][0]["item"], name="somebody-else")


@attack("Clicks on items that did not stand in the list", "422, and nothing is stored")
def _(up: Service) -> Answer:
    return click(up, ask(up, "r1").json["list_id"], "b999")


@attack("The same clicks again, with the same idempotency key", "201: the first answer again, and they count once")
def _(up: Service) -> Answer:
    made = ask(up, "r1").json
    first, again = (click(up, made["list_id"], made["places"][0]["item"], Idempotency_Key="k") for _ in range(2))
    assert first.json == again.json
    return again


@attack("101 places, or 101 items that were taken", "422")
def _(up: Service) -> Answer:
    assert ask(up, "r1", "?" + "&".join(["taken=b1"] * 101)).status == 422
    return ask(up, "r1", "?places=101")


@attack("A user's name that leads up or elsewhere (`..`, a slash, a script)", "200: a name like any other")
def _(up: Service) -> Answer:
    assert {ask(up, name).status for name in ("a%2Fb", "%3Cscript%3E", "a/../b")} == {200}
    return ask(up, "..%2F..%2Fetc%2Fpasswd")


@pytest.mark.parametrize("name", ATTACKS)
def test_the_answer_is_as_documented(name: str, up: Service) -> None:
    answer, attempt = ATTACKS[name]
    assert attempt(up).status == int(answer[:3])


def test_the_documentation_lists_these_attacks() -> None:
    shown = re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    table = shown[shown.index(("attack on lists", "answer")) + 2 :][: len(ATTACKS)]
    assert table == [(name, answer) for name, (answer, _) in ATTACKS.items()]
