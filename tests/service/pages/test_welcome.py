"""The first page: what a role has to do, how to begin, and nothing of others' decisions for who may not see them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.service.pages.test_people import get, signed_in
from tests.service.serving import Service, running, scenario, service


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("welcome"), scenario()) as made, running(made) as up:
        up.app.state.people.alerts = lambda: ["99 % of answers took up to <3> s"]
        yield up


def test_a_reviewer_is_told_what_waits_and_how_to_begin(up: Service) -> None:
    cookie = signed_in(up, "reviewer")
    assert b"nothing for you to review" in get(up, "/", cookie).body
    for number in range(3):
        assert up.decide({**up.example, "id": f"row-{number}"}).status == 200
    page = ""
    while "3 decisions can be reviewed" not in page:  # a worker goes by what it has read within the last second
        page = get(up, "/", cookie).body.decode()
    assert "The first time here?" in page and 'href="/review"' in page and "&lt;3&gt;" in page
    assert 'href="/approve"' not in page and 'href="/try"' not in page


def test_a_caller_is_led_to_try_and_told_nothing_of_the_service(up: Service) -> None:
    page = get(up, "/", signed_in(up, "caller")).body.decode()
    assert 'href="/try"' in page and "99 %" not in page and "can be reviewed" not in page and "24 hours" not in page


@pytest.mark.parametrize(("accepted", "title"), [("en", "How to use these pages"), ("zh-CN", "如何使用这些页面")])
def test_help_is_there_in_both_languages(up: Service, accepted: str, title: str) -> None:
    page = get(up, "/help", signed_in(up, "caller"), Accept_Language=accepted).body.decode()
    assert title in page and f'lang="{accepted[:2]}"' in page
