"""Pages in Chromium: nothing serious for axe, nothing cut off or faint, wide and on a phone, in both languages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests import browsing
from tests.service.serving import Service, running, scenario, service


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("looks"), scenario()) as made, running(made) as up:
        up.decide(up.example)
        yield up


def faults(page: Any) -> list[str]:
    return [*page.evaluate(browsing.SEEN), *page.evaluate(browsing.CONTRAST), *browsing.grave(page)]


@pytest.mark.parametrize(
    ("locale", "width", "dark", "word"),
    [("en-GB", browsing.WIDE, False, "What there is to do"), ("zh-CN", browsing.PHONE, True, "待办事项")],
)
def test_whoever_signs_in_can_read_try_and_say(
    up: Service, browser: Any, locale: str, width: int, dark: bool, word: str
) -> None:
    window = {"width": width, "height": 900}
    context = browser.new_context(viewport=window, color_scheme="dark" if dark else "light", locale=locale)
    page, noted = context.new_page(), []
    page.on("console", lambda message: noted.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: noted.append(str(error)))
    page.on("request", lambda request: noted.append(request.url) if not request.url.startswith(up.address) else None)
    page.goto(f"{up.address}/try")
    found = faults(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.fill("#key", up.secret("admin"))
    page.keyboard.press("Enter")
    page.fill("textarea", "<script>window.ran = 1</script> Regulator opens fraud inquiry into Acme.")
    page.click("form.sheet button")
    page.wait_for_selector(".decided")
    assert page.evaluate("window.ran") is None
    found += faults(page)
    for path in ("/questionnaire", "/help", "/no-such-page", "/"):
        page.goto(up.address + path)
        found += faults(page)
    assert page.text_content("h1") == word
    page.click(".tongues a:not([aria-current])")
    page.goto(f"{up.address}/")
    assert page.text_content("h1") != word, "what was chosen by hand stays chosen"
    page.click(".who button")
    page.wait_for_url("**/sign-in")
    assert found == [] and [note for note in noted if "404" not in note and "data:," not in note] == []
    context.close()
