"""The site in a real browser, from the disk with the network off: nothing leaves it, nothing runs but its script."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.reports.conftest import Workshop, failed, finished

from loopbook.reports import site

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on this machine: install Debian's package chromium"
)

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PAGES = (
    "index.html",
    "market-monitor/latest/index.html",
    "market-monitor/latest/01_requirements.html",
    "market-monitor/latest/03_training-lstm.html",
    "market-monitor/latest/report.html",
    "market-monitor/20261125-031200/index.html",
    "market-monitor/20261125-031200/03_training-lstm.html",
)
CONTRAST = """() => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  const rgba = colour => { context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => { const [x, y, z] = [r, g, b].map(v => v / 255).map(
    v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const paper = element => { for (let e = element; e; e = e.parentElement) {
    const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
  const low = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = light(rgba(element.ownerSVGElement ? style.fill : style.color)), back = light(paper(element));
    const ratio = (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
    const name = `${element.tagName}.${element.className} ${element.textContent.slice(0, 30)}`;
    if (ratio < 4.5) low.push(`${name} ${ratio.toFixed(2)}`);
  }
  return low;
}"""


@dataclass
class Visit:
    """A browser window that notes all that a page should not do."""

    browser: Any
    reports: Path
    noted: list[str] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)

    def open(self, name: str, width: int = 1280, dark: bool = False, scripts: bool = True) -> Any:
        context = self.browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        context.set_offline(True)
        context.on("request", self._request)
        context.on("requestfailed", lambda request: self.blocked.append(f"{request.url} {request.failure}"))
        page = context.new_page()
        page.on("console", lambda message: self.noted.append(f"console: {message.text}"))
        page.on("dialog", lambda dialog: (self.noted.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: self.noted.append(f"error: {error}"))
        page.goto((self.reports / name).as_uri())
        return page

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:image/")):
            self.noted.append(f"request: {request.url[:200]}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site over a good and a failed run, full of hostile texts."""
    workshop = Workshop(tmp_path_factory.mktemp("site"))
    run = finished(workshop)
    site.build([run, failed(workshop, run)], workshop.data, workshop.reports)
    return workshop.reports


@pytest.fixture
def visit(browser: Any, reports: Path) -> Iterator[Visit]:
    """A visit to the site."""
    visiting = Visit(browser, reports)
    yield visiting
    for context in browser.contexts:
        context.close()


def test_no_request_leaves_the_machine_and_no_script_from_data_runs(visit: Visit) -> None:
    for name in PAGES:
        page = visit.open(name)
        assert page.evaluate("window.ran") is None, name
        broken = page.evaluate("[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src)")
        assert broken == [], name
    assert visit.noted == []


def test_policy_stops_what_cleaning_would_have_missed(visit: Visit) -> None:
    path = visit.reports / "market-monitor/latest/01_requirements.html"
    attacked = path.with_name("attacked.html")
    attack = "<script>window.ran=1</script><img src=x onerror='window.ran=1'><img src='https://example.org/a.png'>"
    attacked.write_text(path.read_text(encoding="utf-8").replace("</main>", f"{attack}</main>"), encoding="utf-8")
    page = visit.open("market-monitor/latest/attacked.html")
    assert page.evaluate("window.ran") is None
    assert "https://example.org/a.png csp" in visit.blocked


@pytest.mark.parametrize("name", PAGES)
def test_page_fits_a_phone(visit: Visit, name: str) -> None:
    page = visit.open(name, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_formulas_keep_within_their_line_on_a_phone(visit: Visit) -> None:
    page = visit.open("market-monitor/latest/03_training-lstm.html", width=390)
    boxes = page.evaluate("[...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().right)")
    assert boxes and all(right <= 390 for right in boxes)


@pytest.mark.parametrize("dark", [False, True])
def test_letters_stand_out_from_their_paper(visit: Visit, dark: bool) -> None:
    for name in PAGES:
        assert visit.open(name, dark=dark).evaluate(CONTRAST) == [], name


def test_dark_readers_get_a_dark_page(visit: Visit) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    assert visit.open("index.html", dark=True).evaluate(colour) != visit.open("index.html").evaluate(colour)


def test_code_is_folded_but_there_and_one_button_shows_it_all(visit: Visit) -> None:
    page = visit.open("market-monitor/latest/03_training-lstm.html")
    opened = "[...document.querySelectorAll('details.code')].map(d => d.open)"
    assert set(page.evaluate(opened)) == {False}
    page.get_by_role("button", name="Show all code").click()
    assert set(page.evaluate(opened)) == {True}
    assert page.get_by_text("fit = fitting.fit(stage)").is_visible()


def test_pages_are_whole_without_script(visit: Visit) -> None:
    page = visit.open("market-monitor/latest/03_training-lstm.html", scripts=False)
    assert page.get_by_role("button", name="Show all code").count() == 0
    page.locator("details.code summary").nth(2).click()
    assert page.get_by_text("fit = fitting.fit(stage)").is_visible()


def test_first_tab_skips_to_the_content(visit: Visit) -> None:
    page = visit.open("market-monitor/latest/index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_reader_walks_from_the_index_through_the_loop_to_the_next_stage(visit: Visit) -> None:
    page = visit.open("index.html")
    page.get_by_role("link", name="Market monitor").click()
    page.locator("svg.ring a").first.click()
    assert page.title().startswith("1 · Requirements")
    page.locator("a[rel=next]").click()
    assert page.title().startswith("2 · Data")


def test_pages_have_landmarks_and_pictures_say_what_they_show(visit: Visit) -> None:
    for name in PAGES:
        page = visit.open(name)
        assert page.get_by_role("main").count() == 1, name
        assert page.get_by_role("heading", level=1).count() == 1, name
        alts = page.evaluate("[...document.images].map(i => i.alt)")
        assert all(alt.startswith("Validation loss is lowest at epoch 6") for alt in alts), name


def test_page_prints(visit: Visit) -> None:
    page = visit.open("market-monitor/latest/report.html")
    assert page.pdf().startswith(b"%PDF")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('.skip')).display") == "none"


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_nothing_stands_in_the_way_of_a_keyboard_or_a_screen_reader(visit: Visit, width: int, dark: bool) -> None:
    from axe_playwright_python.sync_playwright import Axe

    for name in PAGES:
        found = Axe().run(visit.open(name, width=width, dark=dark)).response["violations"]
        grave = [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")]
        assert grave == [], name
