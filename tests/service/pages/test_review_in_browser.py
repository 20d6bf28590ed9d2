"""Reviewers in real browsers at a real service, by keyboard alone; it is killed in the middle, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests import browsing
from tests.service.pages.reviewers import TEXTS
from tests.service.started import Service

from loopbook.decisions.audit import reader, verify
from loopbook.decisions.audit.database import connect
from loopbook.feedback import reviewing
from loopbook.service import keys
from loopbook.service.client import Client
from loopbook.store.project import Project

pytestmark = pytest.mark.skipif(browsing.BROWSER is None, reason="there is no Chromium")

EVERYBODY_TWICE = "service.review_twice=1.0 service.review_known=0.0"


@dataclass
class Person:
    """A reviewer at a browser of their own, with a keyboard and no mouse."""

    page: Any
    key: str
    noted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.noted.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self.noted.append(f"dialog: {dialog.message}"))

    def sign_in(self, address: str, language: str = "en") -> None:
        self.page.goto(f"{address}/review?lang={language}")
        for _ in range(20):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("document.activeElement.id") == "key":
                break
        self.page.keyboard.type(self.key)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("#status")

    @property
    def item(self) -> str | None:
        """The decision that is shown."""
        form = self.page.query_selector("form.answer")
        return form.get_attribute("action").rsplit("/", 1)[-1] if form else None

    @property
    def token(self) -> str:
        return str(self.page.query_selector("[name=token]").get_attribute("value"))

    def press(self, *names: str) -> None:
        """Press keys, and wait until the page shows what came of the last."""
        for name in names[:-1]:
            self.page.keyboard.press(name)
        before = self.page.inner_html("main")
        self.page.keyboard.press(names[-1])
        self.page.wait_for_function("before => document.querySelector('main').innerHTML !== before", arg=before)
        self.page.wait_for_selector("main:not([aria-busy])")

    def answers(self) -> list[str]:
        """What stands under the last answers, the latest first."""
        return [" ".join(each.inner_text().split()) for each in self.page.query_selector_all(".answers li p")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=browsing.BROWSER, args=browsing.ARGUMENTS)
        yield found
        found.close()


def person(browser: Any, engine: Any, agent: str, name: str, width: int = browsing.WIDE, dark: bool = False) -> Person:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    context.set_default_timeout(120_000)  # how long a page takes says how busy the machine is
    return Person(context.new_page(), keys.create(engine, agent, name, "reviewer", "test"))


def faults(shown: Person) -> list[str]:
    page = shown.page
    return [*page.evaluate(browsing.SEEN), *page.evaluate(browsing.CONTRAST), *browsing.grave(page), *shown.noted]


def test_reviewers_at_work_by_keyboard_while_the_service_is_killed(browser: Any, own: Project) -> None:
    engine = connect(own)
    with Service(own, engine, "market-monitor", params=EVERYBODY_TWICE) as service:
        with Client(service.address, service.key) as client:
            decided = client.decide([{"id": f"row-{at}", "fields": {"text": text}} for at, text in enumerate(TEXTS)])
        ids = {each["decision_id"] for each in decided}
        ann, bob = (person(browser, engine, service.agent, name) for name in ("ann", "bob"))
        eve = person(browser, engine, service.agent, "eve", browsing.PHONE, dark=True)

        # Two at once never have the same; what moved the score is marked on demand; all by keys.
        ann.sign_in(service.address)
        bob.sign_in(service.address)
        assert ann.item in ids and bob.item in ids and ann.item != bob.item
        ann.press("w")
        assert ann.page.query_selector("blockquote mark") and faults(ann) == []
        first = ann.item
        ann.press("1")  # the first class
        assert "ignore" in ann.answers()[0]
        assert ann.item in ids - {first, bob.item}

        # A comment is written, left and sent along; skipping; undo gives the item back.
        commented = ann.item
        ann.page.keyboard.press("c")
        ann.page.keyboard.type("not sure about this one s")
        ann.page.keyboard.press("Escape")
        ann.press("a")
        skipped = ann.item
        ann.press("s")
        assert "skipped" in ann.answers()[0]
        ann.press("u")
        assert ann.item == skipped and len(ann.answers()) == 2
        ann.press("u")
        assert len(ann.answers()) == 1 and ann.item in (skipped, commented)
        ann.press("a")
        ann.press("a")
        assert len(ann.answers()) == 3

        # The second disagrees, a third decides, and the first sees it.
        while bob.item != first:
            bob.press("s")
        bob.press("2")
        assert "Somebody else will look at it too" in bob.answers()[0]
        eve.sign_in(service.address, "zh")
        while eve.item != first:
            eve.press("s")
        assert faults(eve) == [], "on a phone, dark, in Chinese"
        eve.press("2")
        assert "由您裁定" in eve.answers()[0] and "已定：alert" in eve.answers()[0]
        for _ in range(20):  # a worker goes for a second by what it has read of the log
            ann.page.reload()
            told = any("Settled: alert. Others said: alert, alert" in line for line in ann.answers())
            if told:
                break
            ann.page.wait_for_timeout(250)
        assert told, "\n".join(ann.answers())

        # Killed with an answer on its way: the page keeps it, sends it again, and it is stored once.
        before = _reviews(engine, ids)
        item = ann.item
        port = service.port
        service.kill()
        ann.page.keyboard.press("a")
        ann.page.wait_for_function("() => document.getElementById('status').textContent.includes('sent again')")
    with Service(own, engine, "market-monitor", params=EVERYBODY_TWICE, port=port) as service:
        gone = "item => !document.querySelector(`form.answer[action$='${item}']`)"
        ann.page.wait_for_function(gone, arg=item)
        assert len(ann.answers()) == 4
        after = _reviews(engine, ids)
        assert before < after and [review[0] for review in after - before] == [item]
        bob.page.reload()
        assert len(bob.answers()) >= 1, "nobody has to sign in again"
    assert verify.verify(engine, own.state / "log", []).holds
    assert not ann.noted and not bob.noted and not eve.noted
    engine.dispose()


def _reviews(engine: Any, ids: set[str]) -> set[tuple[str, str, str]]:
    found = (review for id in ids for review in reviewing.standing_reviews(reader.about(engine, id)))
    return {(review.decision_id, review.reviewer, review.verdict) for review in found}
