"""Sessions, tokens, ways in and out: over HTTP, as a browser sends it and as an attacker does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from tests.service.serving import Answer, Service, running, scenario, service

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.database import writing
from loopbook.decisions.audit.entry import LogError
from loopbook.service import keys
from loopbook.service.pages import people, sessions
from loopbook.service.pages.rendering import DESK, NAVIGATION

FORM = "application/x-www-form-urlencoded"
HTML = "text/html,*/*;q=0.8"


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("people"), scenario()) as made, running(made) as up:
        yield up


def send(up: Service, path: str, cookie: str = "", site: str = "same-origin", **fields: str) -> Answer:
    headers = {"Content-Type": FORM, "Accept": HTML, "Cookie": cookie, "Sec-Fetch-Site": site}
    return up.call("POST", path, urlencode(fields).encode(), None, **headers)


def get(up: Service, path: str, cookie: str = "", **headers: str) -> Answer:
    return up.call("GET", path, None, None, Accept=HTML, Cookie=cookie, **headers)


def signed_in(up: Service, role: str, name: str = "") -> str:
    answer = send(up, "/sign-in", key=up.secret(role, name))
    assert answer.status == 303, answer.body
    return answer.headers["set-cookie"].partition(";")[0]


def token(page: Answer) -> str:
    found = re.search(rb'name="csrf" value="([\w-]{43})"', page.body)
    assert found
    return found[1].decode()


def test_a_browser_is_led_to_the_sign_in_and_back(up: Service) -> None:
    asked = get(up, "/decisions?action=alert")
    assert asked.status == 303 and asked.headers["location"] == "/sign-in?next=" + quote("/decisions?action=alert", "")
    shown = get(up, asked.headers["location"])
    assert shown.status == 200 and shown.headers["content-type"].startswith("text/html")
    answer = send(up, asked.headers["location"], key=up.secret("reviewer"))
    assert (answer.status, answer.headers["location"]) == (303, "/decisions?action=alert")
    made = answer.headers["set-cookie"].lower()
    assert "httponly" in made and "samesite=strict" in made and "path=/" in made and "domain" not in made
    assert get(up, "/decisions", answer.headers["set-cookie"].partition(";")[0]).status == 200


@pytest.mark.parametrize("role", ["caller", "reviewer", "admin"])
def test_each_page_is_for_the_roles_that_its_navigation_names(up: Service, role: str) -> None:
    cookie = signed_in(up, role)
    for path, (_, roles) in NAVIGATION.items():
        answer = get(up, path, cookie)
        assert answer.status == (404 if path in DESK else 200 if role in roles else 403), path
        assert b"</html>" in answer.body
        assert get(up, path).status == (404 if path in DESK else 303)


def test_a_wrong_key_begins_nothing_and_is_not_repeated(up: Service) -> None:
    wrong = "lb_000000000000_" + "x" * 43
    answer = send(up, "/sign-in", key=wrong)
    assert answer.status == 403 and "set-cookie" not in answer.headers and wrong.encode() not in answer.body


@pytest.mark.parametrize(("origin", "status"), [("own", 303), ("http://evil.example", 403), ("null", 403), ("", 403)])
def test_a_browser_that_tells_no_site_tells_its_origin(up: Service, origin: str, status: int) -> None:
    given = {"Origin": up.address if origin == "own" else origin} if origin else {}
    body = urlencode({"key": up.secret("reviewer")}).encode()
    assert up.call("POST", "/sign-in", body, None, Content_Type=FORM, **given).status == status


def test_what_changes_something_needs_the_sessions_own_token(up: Service) -> None:
    one, other = signed_in(up, "reviewer"), signed_in(up, "admin")
    theirs = token(get(up, "/", other))
    for given in ({}, {"csrf": ""}, {"csrf": theirs}, {"csrf": "é"}):
        assert send(up, "/sign-out", one, **given).status == 403
    assert get(up, "/", one).status == 200
    assert send(up, "/sign-out", one, csrf=token(get(up, "/", one))).status == 303
    assert get(up, "/", one).status == 303 and get(up, "/", other).status == 200


def test_a_session_ends_with_its_key_and_with_its_time(up: Service) -> None:
    cookie, late = signed_in(up, "reviewer", "short"), signed_in(up, "reviewer", "late")
    keys.revoke(up.engine, up.behind.name, "short", "test")
    up.app.state.people._keys.refresh()
    assert get(up, "/", cookie).status == 303
    with writing(up.engine) as connection:
        connection.execute(sessions.SESSIONS.update().values(ends=0.0))
    assert get(up, "/", late).status == 303
    signed_in(up, "reviewer")
    with up.engine.connect() as connection:
        assert len(list(connection.execute(sessions.SESSIONS.select()))) == 1, "what has ended is cleared away"


def test_who_signs_in_and_out_stands_in_the_log(up: Service) -> None:
    cookie = signed_in(up, "reviewer", "noted")
    assert send(up, "/sign-out", cookie, csrf=token(get(up, "/", cookie))).status == 303
    mark = reader.watermark(up.engine, up.behind.name)
    acts = reader.entries(up.engine, up.behind.name, until=mark, kinds=("admin",))
    assert [act.facts["act"] for act in acts if act.facts.get("by") == "noted"] == ["signed-in", "signed-out"]


def test_without_the_log_nobody_signs_in(up: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise LogError("The log's database did not take it.")

    monkeypatch.setattr(up.app.state.people.writer, "append", fail)
    answer = send(up, "/sign-in", key=up.secret("reviewer"))
    assert answer.status == 503 and "set-cookie" not in answer.headers and b"</html>" in answer.body


def test_the_database_holds_no_token_that_opens_anything(up: Service) -> None:
    value = signed_in(up, "reviewer").partition("=")[2]
    with up.engine.connect() as connection:
        kept = [str(row) for row in connection.execute(sessions.SESSIONS.select())]
    assert kept and not [row for row in kept if value in row]


def test_a_link_from_another_site_finds_who_is_signed_in(up: Service) -> None:
    answer = get(up, "/review", Sec_Fetch_Site="cross-site")
    assert answer.status == 200 and b'http-equiv="refresh"' in answer.body


def test_pages_have_a_strict_policy_and_data_keeps_its_own(up: Service) -> None:
    page, data = get(up, "/sign-in"), up.call("GET", "/healthz")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store" and page.headers["x-frame-options"] == "DENY"
    assert data.headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    assert not re.search(rb"<script(?![^>]* src=)|<style|\son\w+=| style=", page.body)


def test_files_are_kept_by_browsers_under_the_hash_of_their_content(up: Service) -> None:
    addresses = re.findall(rb'(?:href|src)="(/static/[^"]+)"', get(up, "/sign-in").body)
    assert len(addresses) >= 2
    for address in addresses:
        answer = up.call("GET", address.decode())
        assert answer.status == 200 and "immutable" in answer.headers["cache-control"]
    assert up.call("GET", "/static/0000000000000000/style.css").status == 404
    assert up.call("GET", "/static/x/..%2f..%2fpeople.py").status == 404


def test_a_program_is_answered_with_data(up: Service) -> None:
    answer = up.call("GET", "/review")
    assert answer.status == 401 and answer.json["status"] == 401
    assert get(up, "/no-such-page", signed_in(up, "admin")).status == 404
    assert b"</html>" in get(up, "/no-such-page").body


def test_the_cookie_goes_only_by_tls_where_there_is_some(up: Service) -> None:
    made = people.People(up.behind, up.engine, None, None, None, list, encrypted=True)  # type: ignore[arg-type]
    assert made._cookie.startswith("__Host-") and made._encrypted
