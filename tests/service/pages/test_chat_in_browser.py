"""Customers and people of the desk in real browsers: clarified, cited, handed over, taken over, rated; axe, phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests import browsing
from tests.service import desks
from tests.service.serving import Service, running, service

from loopbook.decisions.audit import reader
from loopbook.desk import records
from loopbook.desk.records import Recorded

pytestmark = pytest.mark.skipif(browsing.BROWSER is None, reason="there is no Chromium")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("chat"), desks.scenario(), desk=desks.desk()) as made, running(made) as up:
        yield up


class Window:
    """A browser window that notes what a page should not do."""

    def __init__(self, up: Service, browser: Any, role: str, locale: str, width: int, dark: bool) -> None:
        scheme = "dark" if dark else "light"
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, locale=locale, reduced_motion="reduce"
        )
        context.set_default_timeout(60_000)  # how long a page takes says how busy the machine is
        self.page, self.noted = context.new_page(), []
        self.page.on("pageerror", lambda error: self.noted.append(str(error)))
        self.page.on("console", lambda message: self._note(message.text) if message.type == "error" else None)
        self.page.on("request", lambda request: None if request.url.startswith(up.address) else self._note(request.url))
        self.page.goto(f"{up.address}/{'desk' if role == 'reviewer' else 'chat'}")
        self.page.fill("#key", up.secret(role))
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector("h1")

    def _note(self, text: str) -> None:
        if "status of 422" not in text and not text.startswith("data:"):
            self.noted.append(text)

    def say(self, text: str, line: int) -> None:
        """Write, and send by the keyboard; wait for the line that answers."""
        self.page.fill("#text", text)
        self.page.keyboard.press("Enter")
        self.page.wait_for_selector(f".talk > ol > li:nth-child({line})")

    def faults(self) -> list[str]:
        page = self.page
        return [*page.evaluate(browsing.SEEN), *page.evaluate(browsing.CONTRAST), *browsing.grave(page), *self.noted]

    def recorded(self, up: Service) -> Recorded:
        found = records.of(reader.about(up.engine, self.page.url.rsplit("/", 1)[-1].partition("#")[0]))
        assert found is not None
        return found


def lines(window: Window) -> list[str]:
    return [" ".join(line.inner_text().split()) for line in window.page.query_selector_all(".talk > ol > li")]


@pytest.mark.parametrize(
    ("locale", "width", "dark", "which", "person"),
    [
        ("en-GB", browsing.WIDE, False, "Which of these do you mean?", "A person of the desk"),
        ("zh-CN", browsing.PHONE, True, "您指的是哪一项？", "人工客服"),
    ],
)
def test_a_customer_is_asked_back_answered_with_sources_handed_over_and_rates(
    up: Service, browser: Any, locale: str, width: int, dark: bool, which: str, person: str
) -> None:
    ann = Window(up, browser, "caller", locale, width, dark)
    found = ann.faults()

    # Two intents are close: the desk asks back, and a click says which.
    ann.say(desks.unsure("<img src=x onerror='window.ran=1'> "), 2)
    assert which in lines(ann)[1], lines(ann)
    found += ann.faults()
    chosen = ann.page.inner_text("form.options button")
    ann.page.click("form.options button")
    ann.page.wait_for_selector(".talk > ol > li:nth-child(4)")
    assert lines(ann)[2].endswith(chosen) and ann.recorded(up).conversation.turns[1].question == chosen
    assert ann.page.evaluate("window.ran") is None, "what a customer writes is shown, and never run"

    # A person is asked for; who is at the desk sees it, takes it over, and writes.
    if ann.recorded(up).state == "desk":  # an answer was at hand
        ann.page.click("button[name=person]")
    ann.page.wait_for_selector("#standing[data-wait]")
    found += ann.faults()
    bob = Window(up, browser, "reviewer", locale, width, dark)
    found += bob.faults()
    bob.page.click("ol.queue button.main")
    bob.page.wait_for_selector("#text")
    found += bob.faults()
    before = len(lines(bob))
    bob.say("Good day. Your new card is on its way.", before + 1)
    ann.page.wait_for_selector("li.person")  # it appears by itself
    assert person in lines(ann)[-1] and "on its way" in lines(ann)[-1]
    ann.say("Thank you!", before + 2)
    assert ann.recorded(up).state == "waits", "the desk stays silent"
    bob.page.wait_for_selector(f".talk > ol > li:nth-child({before + 2})")
    bob.page.click("button[name=resolved][value=yes]")
    bob.page.wait_for_selector("#queue")
    found += bob.faults()

    # It is over; the customer rates it, and finds it again.
    ann.page.wait_for_function("() => !document.querySelector('#standing[data-wait]')")
    ann.page.check("input[name=rating][value='4']")
    ann.page.fill("#comment", "quick")
    ann.page.click("form.rate button")
    ann.page.wait_for_selector(".rated")
    found += ann.faults()
    told = ann.recorded(up)
    assert (told.state, told.rating, told.entries[-2].facts["resolved"]) == ("closed", 4, True)
    ann.page.goto(f"{up.address}/chat")
    assert ann.page.query_selector(f"a[href='/chat/{told.id}']") is not None
    found += ann.faults()
    assert found == []
    ann.page.context.close()
    bob.page.context.close()


def test_an_answer_shows_each_sentence_with_its_source(up: Service, browser: Any) -> None:
    ann = Window(up, browser, "caller", "en-GB", browsing.PHONE, False)
    ann.say(desks.cited(), 2)
    reply = ann.recorded(up).conversation.turns[-1].reply
    assert reply.act == "answer" and reply.citations, reply
    ann.page.click("details.sources summary")
    shown = ann.page.inner_text("details.sources")
    for citation in reply.citations:
        assert citation.passage.address in shown and citation.sentence in citation.passage.text
    assert ann.page.query_selector("sup a[href^='#source-']") is not None
    assert ann.faults() == []
    ann.page.context.close()


def test_without_a_script_the_same_is_done_by_forms(up: Service, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{up.address}/chat")
    page.fill("#key", up.secret("caller"))
    page.click("form button")
    page.fill("#text", desks.unsure())
    page.click("form.say button.main")
    assert len(page.query_selector_all(".talk > ol > li")) == 2
    page.click("form.options button")
    assert len(page.query_selector_all(".talk > ol > li")) == 4
    page.goto(f"{up.address}/chat")
    page.click("button[name=person]")
    assert page.query_selector("#standing[data-wait]") is not None
    page.click("form.end button")
    assert page.query_selector("#text") is None, "it is over"
    context.close()


def test_two_people_cannot_take_the_same_customer_and_a_lapsed_one_is_free_again(up: Service) -> None:
    talks = up.app.state.talks
    customer = up.app.state.people._keys
    up.secret("caller"), up.secret("reviewer", "bob"), up.secret("reviewer", "eve")
    customer.refresh()
    callers = {who.name: who for _, who in customer._known.values()}
    found = talks.open(callers["a-caller"], "en")
    with pytest.raises(Exception, match="waits for nobody"):
        talks.take(found.id, callers["bob"])
    up.call("POST", f"/v1/conversations/{found.id}/turns", {"text": "help", "person": True}, up.secret("caller"))
    lease = talks.take(found.id, callers["bob"])
    assert talks.take(found.id, callers["bob"]) == lease
    with pytest.raises(Exception, match="Somebody else has taken"):
        talks.take(found.id, callers["eve"])
    with pytest.raises(Exception, match="somebody else has taken"):
        talks.write(found.id, callers["eve"], "I am faster", "0" * 32)
    with pytest.raises(Exception, match="harmful"):
        talks.write(found.id, callers["bob"], "you are a complete idiot", lease.token)
    talks.leases.release([lease.token])  # as if its time had run out
    talks.write(found.id, callers["bob"], "Nobody has taken it meanwhile", lease.token)
    talks.leases.release([lease.token])
    talks.take(found.id, callers["eve"])
    with pytest.raises(Exception, match="somebody else has taken"):
        talks.write(found.id, callers["bob"], "Too late", lease.token)
    assert [stored.facts["event"] for stored in talks.read(found.id, callers["eve"]).entries].count("wrote") == 1
