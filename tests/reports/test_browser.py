"""The site in a real browser, from the disk with the network off: nothing leaves it, nothing runs but its script."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.browsing import PAPER, PHONE, WIDE, Visit, printed_width
from tests.decisions.conftest import two
from tests.reports import sweeping
from tests.reports.conftest import Workshop, failed, finished

from loopbook.decisions import what_if
from loopbook.reports import share, site
from loopbook.reports.unbroken import unbroken
from loopbook.scenario.decisions import Costs
from loopbook.store import records
from loopbook.store.project import Project

RUN = "market-monitor/latest"
SWEEP = "market-monitor/sweeps/20261124-031200"
PAGES = (
    "index.html",
    f"{RUN}/index.html",
    f"{RUN}/01_requirements.html",
    f"{RUN}/03_training-lstm.html",
    f"{RUN}/report.html",
    "market-monitor/20261125-031200/index.html",
    "market-monitor/20261125-031200/03_training-lstm.html",
    "market-monitor/sweeps/index.html",
    f"{SWEEP}/index.html",
    f"{SWEEP}/001.html",
    f"{SWEEP}/004.html",
)
SHARED = ("zip/index.html", "zip/03_training-lstm.html", "one/report.html")
LOOKS = ((WIDE, False), (PHONE, True))
"""Width and darkness of the windows that every page is looked at in."""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site over a good and a failed run and a sweep, full of hostile texts; the good run handed on beside it."""
    workshop = Workshop(tmp_path_factory.mktemp("site"))
    run = finished(workshop)
    sweeping.build(workshop.root, *sweeping.hostile())
    site.build([run, failed(workshop, run)], workshop.data, workshop.reports)
    return workshop.reports


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as whoever it is handed to has it: a zip unpacked in a fresh folder, and one file alone in another."""
    workshop = Workshop(tmp_path_factory.mktemp("sender"))
    project, run, fresh = Project(workshop.root), finished(workshop), tmp_path_factory.mktemp("reader")
    records.save(project, run)
    share.share(project, run, html=True, out=fresh / "one" / "report.html")
    with zipfile.ZipFile(share.share(project, run, out=workshop.root / "run.zip").path) as archive:
        archive.extractall(fresh / "unpacked")
    (fresh / "unpacked" / f"{run.scenario}-{run.run}").rename(fresh / "zip")
    shutil.rmtree(workshop.root)
    return fresh


@pytest.fixture(scope="module")
def visits(browser: Any, reports: Path, handed: Path) -> tuple[Visit, Visit]:
    """Visits to the site, and of somebody who has been handed a run."""
    return Visit(browser, reports), Visit(browser, handed)


@pytest.fixture
def visit(visits: tuple[Visit, Visit]) -> Iterator[Visit]:
    """A visit to the site."""
    yield visits[0]
    visits[0].leave()


@pytest.fixture
def reader(visits: tuple[Visit, Visit]) -> Iterator[Visit]:
    """A visit of somebody who has been handed a run."""
    yield visits[1]
    visits[1].leave()


@pytest.mark.parametrize(("width", "dark"), LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wrong_with_a_page_of_the_site(visit: Visit, name: str, width: int, dark: bool) -> None:
    assert visit.faults(name, width, dark) == []


@pytest.mark.parametrize(("width", "dark"), LOOKS)
@pytest.mark.parametrize("name", SHARED)
def test_nothing_is_wrong_with_a_page_that_was_handed_on(reader: Visit, name: str, width: int, dark: bool) -> None:
    assert reader.faults(name, width, dark) == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ('<p class="unbroken">' + "word " * 200 + "</p>", "the page is"),
        ('<img src="https://example.org/a.png" alt="x">', "request: https://example.org/a.png"),
        ('<img src="none.png" alt="x">', "broken picture"),
        ("<script>window.ran=1</script>", "console: Executing inline script violates"),
        ('<pre class="unbroken">' + "word " * 200 + "</pre>", "no keyboard scrolls PRE"),
        ('<font color="#bbbbbb">faint</font>', "contrast"),
        (
            '<svg width="350"><text class="unbroken" x="9" y="9">' + "word " * 30 + "</text></svg>",
            "cut off at the edge",
        ),
        ('<svg role="img" width="10" height="10"></svg>', "axe svg-img-alt"),
        ("<p>" + "since 2026-04-15 " * 20 + "</p>", "parted between two lines: 2026-04-15"),
        ("<p>" + "costs 65.08 EUR " * 20 + "</p>", "parted between two lines: 8 EUR"),
        ("<p>up by 31 %</p>", "a blank before the sign"),
        ("<table><tr>" + "<td><a>profile</a></td>" * 25 + "</tr></table>", "a word broken in a cell: profile"),
    ],
)
def test_a_visit_sees_what_is_wrong(visit: Visit, broken: str, said: str) -> None:
    path = visit.folder / RUN / "broken.html"
    whole = path.with_name("01_requirements.html").read_text(encoding="utf-8")
    path.write_text(whole.replace("</main>", f"{broken}</main>"), encoding="utf-8")
    found = visit.faults(f"{RUN}/broken.html", PHONE, axe=said.startswith("axe"))
    assert any(each.startswith(said) for each in found), found


def test_dates_and_amounts_stay_on_one_line_at_any_place(visit: Visit) -> None:
    path = visit.folder / RUN / "dates.html"
    whole = path.with_name("01_requirements.html").read_text(encoding="utf-8")
    said = [f"<p>{'x' * at} {'since 2026-04-15; costs 65.08 EUR (p = 0.002) in 33 s, ' * 5}</p>" for at in range(40)]
    cells = "<tr><td>2026-01-01 to 2026-03-31</td><td>1,372.12 to 8,864.8 EUR</td></tr>"
    text = unbroken(f"{''.join(said)}<table>{cells}</table>")
    path.write_text(whole.replace("</main>", f"{text}</main>"), encoding="utf-8")
    for width in (PHONE, WIDE):
        assert visit.faults(f"{RUN}/dates.html", width, axe=False) == []


def test_policy_stops_what_cleaning_would_have_missed(visit: Visit) -> None:
    path = visit.folder / "market-monitor/latest/01_requirements.html"
    attacked = path.with_name("attacked.html")
    attack = "<script>window.ran=1</script><img src=x onerror='window.ran=1'><img src='https://example.org/a.png'>"
    attacked.write_text(path.read_text(encoding="utf-8").replace("</main>", f"{attack}</main>"), encoding="utf-8")
    page = visit.open("market-monitor/latest/attacked.html")
    assert page.evaluate("window.ran") is None
    assert "https://example.org/a.png csp" in visit.blocked


def test_formulas_keep_within_their_line_on_a_phone(visit: Visit) -> None:
    page = visit.open("market-monitor/latest/03_training-lstm.html", width=390)
    boxes = page.evaluate("[...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().right)")
    assert boxes and all(right <= 390 for right in boxes)


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
    page.get_by_role("link", name="Market monitor", exact=True).click()
    page.locator("svg.ring a").first.click()
    assert page.title().startswith("1 · Requirements")
    page.locator("a[rel=next]").click()
    assert page.title().startswith("2 · Data")


def test_reader_walks_from_the_index_through_the_sweeps_to_a_point_and_back(visit: Visit) -> None:
    page = visit.open("index.html")
    page.get_by_role("link", name="Sweeps").click()
    page.locator("tbody a").first.click()
    page.get_by_role("link", name="001", exact=True).click()
    assert page.title().endswith("point 001 of sweep 20261124-031200")
    page.get_by_role("link", name="20261124-031200").click()
    assert page.get_by_role("heading", name="Settings, the best first").is_visible()
    assert visit.noted == visit.blocked == []


def test_what_if_is_moved_by_keyboard_and_says_what_the_decisions_module_says(visit: Visit, reports: Path) -> None:
    known = json.loads((reports.parent / "data" / "store" / "05_decisions" / "counts" / "what_if.json").read_text())
    counts, prices = [what_if.Bin(*row) for row in known["bins"]], Costs(**known["costs"])
    page = visit.open(f"{RUN}/index.html")
    cuts = sorted({0.0, known["threshold"], 1.0, *(row.probability for row in counts)})
    place, capacity = cuts.index(known["threshold"]), known["capacity"]

    def agrees(threshold: float, changed: Costs) -> None:
        wanted = what_if.effect(counts, two(changed), threshold, capacity)
        assert page.locator("output[name=shown_threshold]").text_content() == f"{threshold:.3f}"
        for name in ("cost", "recall", "precision", "reviews"):
            shown = page.locator(f"output[name={name}]").text_content()
            value = getattr(wanted, name)
            assert shown == "–" if value is None else float(shown.replace(",", "")) == pytest.approx(value, rel=6e-3)

    agrees(known["threshold"], prices)  # as the table has it, not the nearest step of a slider
    page.locator("input[name=threshold]").focus()
    for key, times in (("ArrowRight", 1), ("ArrowRight", 30), ("ArrowLeft", 50), ("Home", 1), ("End", 1)):
        for _ in range(times):
            page.keyboard.press(key)
        step = {"ArrowRight": times, "ArrowLeft": -times, "Home": -len(cuts), "End": len(cuts)}[key]
        place = min(max(place + step, 0), len(cuts) - 1)
        agrees(cuts[place], prices)
    page.locator("input[name=false_negative]").fill("90")
    agrees(cuts[place], prices.model_copy(update={"false_negative": 90.0}))
    page.locator("input[name=capacity]").focus()
    page.keyboard.press("Home")
    capacity = 0.0
    agrees(cuts[place], prices.model_copy(update={"false_negative": 90.0}))
    page.get_by_role("button", name="As it began").focus()
    page.keyboard.press("Enter")
    capacity = known["capacity"]
    page.wait_for_function("document.querySelector('output[name=shown_capacity]').textContent !== '0%'")
    agrees(known["threshold"], prices)
    assert not page.locator(".what-if table").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".what-if table").is_visible() and not page.locator(".what-if form").is_visible()
    page.context.close()


def test_whoever_has_the_zip_walks_through_all_its_stages_and_back(reader: Visit) -> None:
    page = reader.open("zip/index.html")
    page.locator("svg.ring a").first.click()
    titles = [page.title()]
    while page.locator("a[rel=next]").count():
        page.locator("a[rel=next]").click()
        titles.append(page.title())
    assert [title.partition(" · Market monitor")[0] for title in titles] == [
        "1 · Requirements", "2 · Data", "3 · Training · tfidf", "3 · Training · cnn", "3 · Training · lstm",
        "4 · Optimisation",
    ]  # fmt: skip
    page.get_by_role("link", name="Back to The run").click()
    page.get_by_role("link", name="03_training[lstm]").click()
    page.get_by_role("link", name="Market monitor", exact=True).click()
    assert page.url.endswith("/zip/index.html")
    assert reader.noted == reader.blocked == []


def test_whoever_has_the_one_file_finds_a_stage_unfolds_its_code_and_comes_back(reader: Visit) -> None:
    page = reader.open("one/report.html")
    page.get_by_role("navigation", name="Stages").get_by_role("link", name="3 · Training · lstm").click()
    top = "document.getElementById('03_training-lstm').getBoundingClientRect().top"
    assert 0 <= page.evaluate(top) < 100
    page.get_by_role("button", name="Show all code").click()
    assert page.locator("details.code:not([open])").count() == 0
    page.go_back()
    assert page.evaluate("scrollY") == 0
    assert reader.noted == reader.blocked == []


def test_a_wide_table_scrolls_in_its_own_box_by_keyboard(visit: Visit) -> None:
    page = visit.open(f"{SWEEP}/index.html", width=PHONE)
    page.locator(".scroll").first.focus()
    page.keyboard.press("ArrowRight")
    # wait_for_function needs eval, which the page's policy forbids; evaluate does not
    page.evaluate(
        "new Promise((moved) => { const box = document.querySelector('.scroll');"
        " const look = () => box.scrollLeft > 0 ? moved() : requestAnimationFrame(look); look(); })"
    )
    assert page.evaluate("scrollX") == 0


def test_pages_have_landmarks_and_pictures_say_what_they_show(visit: Visit) -> None:
    for name in PAGES:
        page = visit.open(name)
        assert page.get_by_role("main").count() == 1, name
        assert page.get_by_role("heading", level=1).count() == 1, name
        alts = page.evaluate("[...document.images].map(i => i.alt)")
        assert all(alt.startswith("Validation loss is lowest at epoch 6") for alt in alts), name


@pytest.mark.parametrize(
    "name", [f"{RUN}/index.html", f"{RUN}/report.html", f"{SWEEP}/index.html", f"{SWEEP}/001.html"]
)
def test_a_page_prints_and_nothing_is_lost_at_the_edge_of_the_paper(visit: Visit, name: str) -> None:
    page = visit.open(name)
    assert page.pdf(format="A4").startswith(b"%PDF")
    assert printed_width(page) <= 1.1 * PAPER, "a browser shrinks a little; the hostile sweep needs it"
    assert page.evaluate("getComputedStyle(document.querySelector('.skip')).display") == "none"


def test_long_tables_are_folded_on_a_phone_and_nowhere_else(visit: Visit) -> None:
    tables = "[...document.querySelectorAll('details.long table')]"
    seen = f"{tables}.map(table => table.checkVisibility({{contentVisibilityAuto: true}}))"
    wide, phone = (visit.open(f"{RUN}/index.html", width=width) for width in (WIDE, PHONE))
    assert set(wide.evaluate(seen)) == {True}
    assert set(phone.evaluate(seen)) == {False}
    phone.locator("details.long > summary").first.click()
    assert phone.evaluate(seen)[0]
    costs = phone.locator("input[name=false_negative]")
    assert not costs.is_visible() and wide.locator("input[name=false_negative]").is_visible()
    phone.locator(".what-if summary").click()
    assert costs.is_visible()
    phone.emulate_media(media="print")
    assert set(phone.evaluate(seen)) == {True}
