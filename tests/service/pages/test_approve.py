"""Approval in a browser: what is approved is in the next round, what is refused is not, and both can be taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests import browsing
from tests.operations.test_rounds import agent, run
from tests.service.pages.test_people import get, send, signed_in, token
from tests.service.serving import Service, running, service

from loopbook.decisions.audit import reader
from loopbook.operations import refusals
from loopbook.scenario import loading
from loopbook.store import snapshots
from loopbook.store.project import Project

__all__ = ["agent"]


@pytest.fixture
def up(agent: Project) -> Iterator[Service]:
    """Return a service beside a finished run that proposes an outcome, a rule and a criterion."""
    run()
    asked = loading.load("tiny", agent.scenarios, "standard")
    with service(agent.root, asked, profile="standard") as made, running(made) as up:
        yield up


def faults(page: Any) -> list[str]:
    return [*page.evaluate(browsing.SEEN), *page.evaluate(browsing.CONTRAST), *browsing.grave(page)]


def proposal(page: Any, title: str) -> Any:
    return page.locator("section.proposal", has=page.get_by_role("heading", name=re.compile(title)))


def test_what_an_admin_approves_the_next_round_holds(up: Service, agent: Project, browser: Any) -> None:
    context = browser.new_context(viewport={"width": browsing.WIDE, "height": 900}, locale="en-GB")
    page = context.new_page()
    page.goto(f"{up.address}/approve")
    page.get_by_label("API key").fill(up.secret("admin"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/approve")
    assert faults(page) == []
    proposal(page, "Rule:").get_by_label("No").check()
    page.get_by_role("button", name="Send answers").click()
    assert "Say why you refuse" in page.get_by_role("alert").inner_text()
    assert snapshots.history(agent, "tiny", "standard") == [] and refusals.standing(agent, "tiny", "standard") == {}
    proposal(page, "Learn from").get_by_label("Yes").check()
    proposal(page, "Learn from").get_by_label("Why").fill("checked ten of them")
    proposal(page, "A criterion").get_by_label("Yes").check()
    proposal(page, "Rule:").get_by_label("No").check()
    proposal(page, "Rule:").get_by_label("Why").fill("too wide <b>")
    page.keyboard.press("Enter")
    page.get_by_text("The current round is 1").wait_for()
    assert "The round has not run yet" in page.content()
    (sealed,) = snapshots.history(agent, "tiny", "standard")
    assert sealed.outcomes and not sealed.rules and len(sealed.requirement_changes) == 1
    assert {(one["by"], one["why"]) for one in sealed.approved} == {("a-admin", "checked ten of them"), ("a-admin", "")}

    after = run()
    assert after.round == 1 and after.stages["02_data"].metrics["total"] == 11, "02 has learnt the outcome"
    judged = next(one for one in after.criteria if one.id == "asked")
    page.goto(f"{up.address}/approve")
    history = page.get_by_role("table", name="From evidence to change").inner_text()
    assert after.run in history and f"asked: {judged.verdict}" in history and "It stays small" in history
    refused = proposal(page, "Rule:").inner_text()
    assert "Refused by a-admin" in refused and "too wide <b>" in refused
    assert faults(page) == []
    page.set_viewport_size({"width": browsing.PHONE, "height": 800})
    page.goto(f"{up.address}/approve?lang=zh")
    assert page.locator("html").get_attribute("lang") == "zh" and faults(page) == []
    page.get_by_role("button", name="撤回拒绝").click()
    page.wait_for_url("**/approve")
    assert refusals.standing(agent, "tiny", "standard") == {}
    page.get_by_role("button", name="撤回第 1 轮").click()
    page.get_by_text("尚未批准任何内容").wait_for()
    assert snapshots.current(agent, "tiny", "standard").round == 0
    context.close()
    acts = [one.facts["act"] for one in reader.entries(up.engine, up.behind.name, kinds=("admin",))]
    told = [act for act in acts if act.startswith(("proposals", "refusal", "approval"))]
    assert told == ["proposals-refused", "proposals-approved", "refusal-taken-back", "approval-taken-back"]


def test_what_is_stale_forged_or_not_for_them_changes_nothing(up: Service, agent: Project) -> None:
    cookie = signed_in(up, "admin")
    page = get(up, "/approve", cookie)
    answer = re.search(rb'name="(answer\.outcomes-[0-9a-f]{8})"', page.body)
    assert answer is not None
    yes = {answer[1].decode(): "yes"}
    stale = send(up, "/approve", cookie, csrf=token(page), run="20200101-000000", **yes)
    assert stale.status == 409 and b"has come meanwhile" in stale.body
    named = re.search(rb'name="run" value="([^"]+)"', page.body)
    assert named is not None
    known = named[1].decode()
    assert send(up, "/approve", cookie, csrf="x" * 43, run=known, **yes).status == 403
    assert send(up, "/approve", cookie, csrf=token(page), run=known).status == 409, "nothing was answered"
    assert send(up, "/approve/undo", cookie, csrf=token(page), round="7").status == 409
    assert send(up, "/approve/rule-00000000/unrefuse", cookie, csrf=token(page)).status == 404
    for role in ("caller", "reviewer"):
        other = signed_in(up, role)
        assert get(up, "/approve", other).status == 403
        assert send(up, "/approve", other, csrf=token(get(up, "/", other)), run=known, **yes).status == 403
    assert snapshots.history(agent, "tiny", "standard") == []
