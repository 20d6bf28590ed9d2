"""Attacks on the pages: each row of the table in docs/service-security.md, sent to a running server."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.service.pages.test_people import get, send, signed_in, token
from tests.service.serving import Answer, Service, running, scenario, service

from loopbook.service import keys
from loopbook.service.pages import sessions

PAGE = Path(__file__).resolve().parents[3] / "docs" / "service-security.md"
ATTACKS: dict[str, tuple[str, Callable[[Service], Answer]]] = {}


def attack(name: str, answer: str) -> Callable[[Callable[[Service], Answer]], None]:
    def note(how: Callable[[Service], Answer]) -> None:
        assert name not in ATTACKS
        ATTACKS[name] = answer, how

    return note


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    asked = scenario(body_bytes=20_000)
    with service(tmp_path_factory.mktemp("attacks"), asked) as made, running(made) as up:
        yield up


def led_to_sign_in(answer: Answer) -> Answer:
    assert answer.headers["location"].startswith("/sign-in?next=%2F")
    return answer


@attack("A page without a session", "303 to `/sign-in`")
def _(target: Service) -> Answer:
    return led_to_sign_in(get(target, "/decisions?action=alert"))


@attack("A made-up session", "303 to `/sign-in`")
def _(target: Service) -> Answer:
    name = signed_in(target, "admin").partition("=")[0]
    return led_to_sign_in(get(target, "/approve", f"{name}={'x' * 43}"))


@attack("A session of another agent in the same database", "303 to `/sign-in`")
def _(target: Service) -> Answer:
    name = signed_in(target, "admin").partition("=")[0]
    value = sessions.begin(target.engine, "another/agent", target.secret("admin").split("_")[1], 60)
    return led_to_sign_in(get(target, "/approve", f"{name}={value}"))


@attack("A session whose key was revoked", "303 to `/sign-in`, at most 2 seconds after, in every worker")
def _(target: Service) -> Answer:
    cookie = signed_in(target, "admin", "leaver")
    assert get(target, "/approve", cookie).status == 200
    keys.revoke(target.engine, target.behind.name, "leaver", "test")
    target.app.state.people._keys.refresh()
    return led_to_sign_in(get(target, "/approve", cookie))


@attack("A session that was signed out, its cookie kept", "303 to `/sign-in`")
def _(target: Service) -> Answer:
    cookie = signed_in(target, "reviewer", "kept")
    assert send(target, "/sign-out", cookie, csrf=token(get(target, "/", cookie))).status == 303
    return led_to_sign_in(get(target, "/", cookie))


@attack("A session that was fixed before the sign-in", "303, and a new one: the old opens nothing")
def _(target: Service) -> Answer:
    name = signed_in(target, "admin").partition("=")[0]
    fixed = f"{name}={'f' * 43}"
    answer = send(target, "/sign-in", fixed, key=target.secret("admin"))
    assert answer.headers["set-cookie"].partition(";")[0] != fixed and get(target, "/", fixed).status == 303
    return answer


@attack("A `next` that leads to another site", "303 to the first page")
def _(target: Service) -> Answer:
    for away in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:a()", "/\r\nX: y"):
        answer = send(target, f"/sign-in?{urlencode({'next': away})}", key=target.secret("reviewer"))
        assert answer.headers["location"] == "/" and "x" not in answer.headers
    return answer


@attack("A reviewer opens or sends the page of an admin", "403")
def _(target: Service) -> Answer:
    return get(target, "/approve", signed_in(target, "reviewer"))


@attack("A caller opens what was decided for others", "403")
def _(target: Service) -> Answer:
    return get(target, "/decisions", signed_in(target, "caller"))


@attack("Another site sends a form for somebody who is signed in (CSRF)", "403")
def _(target: Service) -> Answer:
    cookie = signed_in(target, "admin")
    return send(target, "/sign-out", cookie, site="cross-site")


@attack("A form with the token of another session", "403")
def _(target: Service) -> Answer:
    one, other = signed_in(target, "reviewer"), signed_in(target, "admin")
    assert send(target, "/sign-out", one, csrf="é").status == 403
    return send(target, "/sign-out", one, csrf=token(get(target, "/", other)))


@attack("JSON from a page without its token", "403")
def _(target: Service) -> Answer:
    return target.call("POST", "/review/next", {}, None, Cookie=signed_in(target, "reviewer"))


@attack("Another site signs a browser in with its own key (login CSRF)", "403, and no cookie")
def _(target: Service) -> Answer:
    answer = send(target, "/sign-in", site="cross-site", key=target.secret("caller"))
    assert "set-cookie" not in answer.headers
    return answer


@attack("A script in an address, in what is tried, in a comment", "200 or 404: text that no browser runs")
def _(target: Service) -> Answer:
    cookie, script = signed_in(target, "admin"), "<script>ran=1</script>\"'><img src=x onerror=ran=1>"
    csrf = token(get(target, "/try", cookie))
    made = send(target, "/try", cookie, csrf=csrf, **{"field.text": script})
    pages = [get(target, made.headers["location"], cookie)]
    fields = {f"item{number}": "3" for number in range(1, 10)} | {"comment": script}
    pages.append(send(target, "/questionnaire", cookie, csrf=csrf, **fields))
    pages.append(get(target, f"/sign-in?{urlencode({'next': '/' + script, 'lang': script})}"))
    pages.append(get(target, f"/?{urlencode({script: script})}", cookie))
    for page in pages:
        assert b"<script>ran" not in page.body and b"<img" not in page.body
        assert "script-src 'self'" in page.headers["content-security-policy"]
    return pages[0]


@attack("A page in a frame of another site", "200, and no browser shows it (frame-ancestors, X-Frame-Options)")
def _(target: Service) -> Answer:
    answer = get(target, "/sign-in")
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"
    return answer


@attack("A path under `/static` that leads elsewhere", "404")
def _(target: Service) -> Answer:
    for path in ("/static/0000000000000000/style.css", "/static/x/..%2f..%2fpeople.py", "/static/../people.py"):
        assert target.call("GET", path).status == 404
    return target.call("GET", "/static/x/people.py")


@attack("A form of 10 MB", "413")
def _(target: Service) -> Answer:
    lines = ("POST /sign-in HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/x-www-form-urlencoded")
    head = "\r\n".join((*lines, "Sec-Fetch-Site: same-origin", "Content-Length: 10000000", "", ""))
    return target.raw(head.encode(), b"key=" + b"x" * 1_000)


@attack("A form of 10,000 fields, or of bytes that are none", "400")
def _(target: Service) -> Answer:
    cookie = signed_in(target, "admin")
    headers = {"Content_Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    assert target.call("POST", "/sign-out", b"a&" * 9_000, None, **headers).status in (400, 403)
    assert target.call("POST", "/sign-out", b"a=1&" * 4_000, None, **headers).status == 400
    return target.call("POST", "/sign-out", b"csrf=\xff\xfe", None, **headers)


@attack("Guessing keys at the sign-in", "429 after 30 attempts, then one a second for each address")
def _(target: Service) -> Answer:
    answers = [send(target, "/sign-in", key="guess")]
    while answers[-1].status == 403 and len(answers) < 300:  # one a second comes back meanwhile
        answers.append(send(target, "/sign-in", key="guess"))
    assert int(answers[-1].headers["retry-after"]) >= 1
    return answers[-1]


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_on_a_page_is_answered_as_documented(target: Service, name: str) -> None:
    documented, how = ATTACKS[name]
    answer = how(target)
    assert answer.status in [int(status) for status in re.findall(r"\b[1-5]\d\d\b", documented)], answer
    assert target.call("GET", "/sign-in").status == 200, "and the others are served"


def test_the_page_has_the_same_table() -> None:
    shown = re.findall(r"^\| (.+?) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    table = shown[shown.index(("attack on a page", "answer")) + 2 :][: len(ATTACKS)]
    assert table == [(name, answer) for name, (answer, _) in ATTACKS.items()]
