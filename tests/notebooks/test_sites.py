"""The sites of scenarios in a browser, as their notebooks really fill them: screen, dark phone and paper."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.browsing import PHONE, WIDE, Visit
from tests.smoke import Place, Ran

RUNS = {
    "market-monitor": "ran",
    "clinic-triage": "clinic",
    "press-monitor": "press",
    "airline-monitor": "airline",
    "banking-desk": "banking",
    "credit-risk": "credit",
    "plant-watch": "plant",
    "book-shop": "shop",
}
"""Scenarios, and the fixture that has run each once in the smoke profile for all tests."""
LARGEST = 400_000  # bytes of a stage's page, its figures apart
TALLEST = 6_500  # CSS pixels of a page on a phone, what is folded there folded


@pytest.fixture(params=RUNS)
def site(request: pytest.FixtureRequest, browser: Any) -> Visit:
    """Return a visit to the newest run of a scenario; its folder is that of the whole site."""
    where: Place = request.getfixturevalue(RUNS[request.param])[0]
    return Visit(browser, where.folder / "reports")


def pages(site: Visit) -> list[str]:
    """Return the newest run's own page and its stages' pages."""
    found = sorted(site.folder.glob("*/latest/*.html"))
    return [path.relative_to(site.folder).as_posix() for path in found if path.name != "report.html"]


def test_nothing_is_wrong_with_any_page_on_a_screen_on_a_dark_phone_and_on_paper(site: Visit) -> None:
    found: dict[str, list[str]] = {}
    for name in pages(site):
        found[name] = site.faults(name, axe=False, paper=True) + site.faults(name, PHONE, dark=True)
    assert len(found) >= 8
    assert {name: faults for name, faults in found.items() if faults} == {}


def test_a_stages_page_is_small_besides_its_figures(site: Visit) -> None:
    sizes = {name: (site.folder / name).stat().st_size for name in pages(site)}
    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}


def test_a_page_is_short_on_a_phone_and_no_table_of_it_is_cut_on_a_screen(site: Visit) -> None:
    page = site.open("index.html")
    tables = "[...document.querySelectorAll('.scroll')].filter(box => box.checkVisibility())"
    tall, cut = {}, {}
    for name in pages(site):
        page.set_viewport_size({"width": WIDE, "height": 900})
        page.goto((site.folder / name).as_uri())
        cut[name] = page.evaluate(
            f"{tables}.filter(box => box.scrollWidth > box.clientWidth + 1).map(box => box.innerText)"
        )
        page.set_viewport_size({"width": PHONE, "height": 900})
        tall[name] = page.evaluate("document.documentElement.scrollHeight")
    assert {name: height for name, height in tall.items() if height > TALLEST} == {}
    assert {name: tables for name, tables in cut.items() if tables} == {}


def follow(page: Any, link: Any) -> None:
    """Click a link, and wait until the page behind it is whole."""
    with page.expect_navigation():
        link.click()


def test_a_reader_walks_from_the_index_through_all_stages_and_back(site: Visit) -> None:
    page = site.open("index.html")
    follow(page, page.locator("h2 a").first)
    front = page.url
    follow(page, page.locator("svg.ring a").first)
    seen = [page.title()]
    while page.locator("a[rel=next]").count():
        follow(page, page.locator("a[rel=next]"))
        seen.append(page.title())
    assert len(set(seen)) == len(pages(site)) - 1 and seen[-1].startswith("7 · Feedback")
    follow(page, page.locator(".around a:last-child"))
    assert page.url == front
    assert site.noted == site.blocked == []
    page.context.close()


def test_a_real_run_that_is_handed_on_is_whole_and_asks_for_nothing(ran: Ran, browser: Any, tmp_path: Path) -> None:
    for words in (["--html", "--out", f"{tmp_path}/one.html"], ["--out", f"{tmp_path}/run.zip"]):
        done = ran[0].python("-m", "loopbook", "share", *words, "--", "market-monitor/smoke")
        assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        archive.extractall(tmp_path)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    reader = Visit(browser, tmp_path)
    assert reader.faults("one.html", PHONE, dark=True) == []
    assert reader.faults("one.html", axe=False) == []
    assert reader.faults(f"{folder.name}/index.html") == []
    page = reader.open(f"{folder.name}/index.html")
    page.get_by_role("table", name="Stages of this run").get_by_role("link", name="05_decisions").click()
    assert page.title().startswith("5 · Decisions")
    page.get_by_role("navigation", name="Where you are").get_by_role("link").click()
    assert page.url.endswith("/index.html")
    assert reader.noted == reader.blocked == []
    page.context.close()
