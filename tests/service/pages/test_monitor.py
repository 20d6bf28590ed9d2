"""The live monitor: what is being decided is held against the test; incidents are acknowledged and silenced."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine
from tests import browsing
from tests.service.behind import Prototyped
from tests.service.pages.test_people import get, send, signed_in, token
from tests.service.serving import Service, running

from loopbook.decisions.audit import entry
from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.replay import Budget
from loopbook.operations import incidents
from loopbook.service import app, live
from loopbook.service.agent import Served
from loopbook.service.metrics import Metrics
from loopbook.service.pages.live_look import Looks
from loopbook.store.lookup import artifact, newest
from loopbook.store.project import Project

SCENARIO = "market-monitor"


@pytest.fixture
def up(own: Project, engine: Engine) -> Iterator[Service]:
    """Return a service whose agent has decided the run's stream; it is checked as the real one is."""
    agent = Served.load(own, SCENARIO, "smoke")
    stream = pd.read_parquet(artifact(own, agent.run, "stream"))
    asked = [
        {"id": row.row_id, "time": row.time.to_pydatetime(), "fields": {"text": row.text},
         "attributes": {"company": row.company}}
        for row in stream.itertuples()
    ]  # fmt: skip
    with Writer(engine, agent.name) as writer:
        behind = Prototyped(agent.scenario, writer, own)
        behind.checked = lambda found: live.check(agent, found)  # type: ignore[method-assign,assignment]
        behind.about = lambda: {"versions": dict(agent.versions), "since": None, "card": None}  # type: ignore[method-assign,assignment]
        writer.append(agent.decide(agent.prepare(asked), Budget(agent.agent.capacity))).result()
        writer.append([entry.admin("alert-began", what="latency", text="99% took <9 s>")]).result()
        metrics = Metrics(60)
        made = Service(agent.scenario, engine, behind, metrics, app.create_app(behind, engine, writer, metrics))
        with running(made) as up:
            yield up


def until(what: Callable[[], Any]) -> Any:
    for _ in range(600):
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come")


def test_a_look_is_computed_once_for_all_workers_and_incidents_are_answered(
    up: Service, own: Project, browser: Any
) -> None:
    workers = [Looks(up.app.state.people) for _ in range(2)]
    assert workers[0].latest() == (None, True) and workers[1].latest() == (None, True), "nobody waits for it"
    look = until(lambda: workers[1].latest()[0])
    assert workers[0].latest() == (look, False) and not look.failed
    assert look.decisions == look.checked == sum(one["number"] for one in look.shares)
    assert sum(one["share"] for one in look.shares) == pytest.approx(1)
    assert all(one["low"] <= one["share"] <= one["high"] for one in look.shares)
    run = newest(own, SCENARIO, "smoke")
    assert {one["sentence"] for one in look.found} >= {one.title for one in incidents.known(own, run) if one.title}

    context = browser.new_context(viewport={"width": browsing.WIDE, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.goto(f"{up.address}/monitor")
    page.get_by_label("API key").fill(up.secret("reviewer"))
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Incidents of the latest run").wait_for()
    assert "99% took <9 s>" in page.locator("#part-service").inner_text()
    assert [*page.evaluate(browsing.SEEN), *page.evaluate(browsing.CONTRAST), *browsing.grave(page)] == []
    page.get_by_role("button", name="Acknowledge").first.click()
    page.get_by_text("acknowledged").first.wait_for()
    first = page.locator("article", has=page.get_by_role("button", name="Silence")).last
    first.get_by_label("Until").fill("2999-01-31")
    first.get_by_label("Why").fill("known to <ops>")
    first.get_by_role("button", name="Silence").click()
    page.get_by_text("a-reviewer, 2999-01-31, known to <ops>").wait_for()
    page.set_viewport_size({"width": browsing.PHONE, "height": 800})
    page.goto(f"{up.address}/monitor?lang=zh")
    assert [*page.evaluate(browsing.SEEN), *page.evaluate(browsing.CONTRAST), *browsing.grave(page)] == []
    context.close()
    states = {one.state for one in incidents.known(own, run)}
    assert "silenced" in states


def test_what_cannot_be_said_is_refused_with_the_reason(up: Service) -> None:
    cookie = signed_in(up, "reviewer")
    page = get(up, "/monitor", cookie)
    found = re.search(rb'action="(/monitor/incidents/[0-9a-f]+)"', page.body)
    assert found is not None
    address, csrf = found[1].decode(), token(page)
    assert send(up, address, cookie, csrf="x" * 43, event="acknowledged").status == 403
    bare = send(up, address, cookie, csrf=csrf, event="silenced", until="", reason="")
    assert bare.status == 422 and b"needs a last day and a reason" in bare.body
    assert send(up, address, cookie, csrf=csrf, event="silenced", until="soon", reason="x").status == 422
    assert send(up, "/monitor/incidents/00000000", cookie, csrf=csrf, event="acknowledged").status == 422
    assert get(up, "/monitor", signed_in(up, "caller")).status == 403
