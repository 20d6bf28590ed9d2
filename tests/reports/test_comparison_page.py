"""The page of a comparison, full of hostile texts, in a real browser: on a screen, a phone and on paper."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console
from tests.browsing import CONTRAST, PAPER, PHONE, SEEN, WIDE, Visit, grave, printed_width
from tests.reports.conftest import HOSTILE, Workshop, code, finished, training_cells

from loopbook.operations import comparing
from loopbook.reports import share, site
from loopbook.store import content, records
from loopbook.store.keys import PARTS
from loopbook.store.project import Project
from loopbook.store.records import CriterionRecord, ParameterRecord, Run

LONG = "a-name-without-end-" * 12
PAGE = "index.html"


def hostile(workshop: Workshop, like: Run, name: str, seed: int, share: float, cells: list[Any]) -> Run:
    """Save a run whose every text is hostile: parameters, metrics, criteria, columns, code."""
    key = f"{seed:020d}"
    training = workshop.stage("03_training", cells, "lstm", key=key).model_copy(
        update={
            "parameters": (
                ParameterRecord(name=HOSTILE, value=f"{HOSTILE} {seed}", origin="given"),
                ParameterRecord(name="long", value=f"{LONG}{seed}", origin="given"),
            ),
            "metrics": {HOSTILE: share, LONG: share, "epochs": seed, "a_count_that_no_seed_moves": 3.0},
        }
    )
    parts = {
        "about": {}, "given": {}, "inputs": {}, "modules": {}, "resources": {}, "packages": {},
        "cells": {HOSTILE: [["", 1, 1, str(len(cells))]]}, "settings": {"training": {"seed": seed, "note": HOSTILE}},
    }  # fmt: skip
    Path(workshop.data / str(training.notebook)).with_name(PARTS).write_text(json.dumps(parts))
    frame = pd.DataFrame(
        {HOSTILE: [HOSTILE, f"{HOSTILE}{seed}", "x"] * 40, LONG: [float(at + seed) for at in range(120)]}
    )
    place = content.save(frame, workshop.data / "store" / "05_decisions" / key / "decisions")
    decisions = workshop.stage("05_decisions", [code("x", "x")], key=key).model_copy(
        update={"artifacts": {"decisions": place.relative_to(workshop.data).as_posix()}}
    )
    criteria = tuple(
        CriterionRecord(
            id=metric, story=HOSTILE, text=f"{HOSTILE} {LONG}", stage=training.name, metric=metric, comparison=">=",
            threshold=0.5, value=share, met=share > 0.5,
        )
        for metric in (HOSTILE, LONG, "a_count_that_no_seed_moves")
    )  # fmt: skip
    stages = {**like.stages, training.name: training, decisions.name: decisions}
    fields = {
        "run": name, "title": HOSTILE, "criteria": criteria, "stages": stages, "status": "good",
        "resolved": {"training": {"seed": seed, "note": HOSTILE}},
    }  # fmt: skip
    made = like.model_copy(update=fields)
    records.save(Project(workshop.root), made)
    return made


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A comparison of hostile runs with a regression: its folder, and what the terminal showed."""
    workshop = Workshop(tmp_path_factory.mktemp("compared"))
    like, told = finished(workshop), io.StringIO()
    for at in range(5):
        hostile(workshop, like, f"20260101-00000{at}", 100 + at, 0.9 + at / 1000, training_cells())
    a = hostile(workshop, like, "20260102-000000", 7, 0.9, training_cells())
    other = [*training_cells("Another finding"), code(f"print({HOSTILE!r})", "hostile")]
    b = hostile(workshop, like, "20260103-000000", 8, 0.4, other)
    project, folder = Project(workshop.root), workshop.root / "page"
    worse = comparing.run(project, a.run, b.run, folder, Console(file=told, width=200), Console(file=io.StringIO()))
    assert worse
    return folder, told.getvalue()


@pytest.fixture
def visit(browser: Any, compared: tuple[Path, str]) -> Iterator[Visit]:
    """A visit to the comparison."""
    yield Visit(browser, compared[0])
    for context in browser.contexts:
        context.close()


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (WIDE, True), (PHONE, False), (PHONE, True)])
def test_nothing_runs_leaves_is_cut_off_or_hard_to_read(visit: Visit, width: int, dark: bool) -> None:
    assert visit.faults(PAGE, width=width, dark=dark) == []


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_what_is_folded_is_no_worse(visit: Visit, width: int, dark: bool) -> None:
    page = visit.open(PAGE, width=width, dark=dark)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert [*page.evaluate(SEEN), *page.evaluate(CONTRAST), *grave(page), *visit.noted] == []


def test_hostile_texts_are_shown_as_they_are_in_every_section(visit: Visit) -> None:
    page = visit.open(PAGE)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    for section in ("metrics", "criteria", "parameters", "data", "code"):
        shown = page.locator(f"section[aria-labelledby={section}]").inner_text()
        assert "<script>window.ran=1;alert('x')</script>" in shown, section
        assert "\u202e" not in shown, section


def test_figures_stand_side_by_side_on_a_screen_and_on_paper_and_below_each_other_on_a_phone(visit: Visit) -> None:
    places = "[...document.querySelector('.panels.two').children].map(each => each.getBoundingClientRect().toJSON())"
    for width in (WIDE, PAPER):
        page = visit.open(PAGE, width=width)
        if width == PAPER:
            page.emulate_media(media="print")
        a, b = page.evaluate(places)
        assert a["top"] == b["top"] and a["right"] <= b["left"], width
    a, b = visit.open(PAGE, width=PHONE).evaluate(places)
    assert a["left"] == b["left"] and a["bottom"] <= b["top"]


def test_the_drawing_and_the_table_below_it_keep_apart(visit: Visit) -> None:
    page = visit.open(PAGE)
    drawing, table = (
        page.locator(f"section[aria-labelledby=metrics] {each}").first.bounding_box() for each in (".spread", ".scroll")
    )
    assert drawing["y"] + drawing["height"] + 8 <= table["y"]


def test_a_regression_is_marked_in_the_drawing_and_in_the_table(visit: Visit) -> None:
    page = visit.open(PAGE)
    assert page.locator(".bar.chosen").count() == 2
    assert page.get_by_text("✗ regression").count() == 3  # at the top, and each of the two
    assert "2 of 5 judged metrics" in page.locator(".lead").inner_text()


def test_page_prints(visit: Visit) -> None:
    page = visit.open(PAGE)
    assert page.pdf().startswith(b"%PDF")
    assert printed_width(page) <= PAPER


def test_the_terminal_shows_the_verdict_first_and_no_controls(compared: tuple[Path, str]) -> None:
    first, second = compared[1].splitlines()[:2]
    assert first == "REGRESSION: B is worse than A beyond the band in 2 of 5 judged metrics."
    assert ": A 0.9000, B 0.4000, worse by 0.5000 (more is better; band ±" in second
    assert "\u202e" not in compared[1]


def test_a_runs_page_has_the_command_that_compares_it_and_what_is_mailed_has_not(workshop: Workshop) -> None:
    run = finished(workshop).model_copy(update={"before": "20261123-031200"})
    site.build([run], workshop.data, workshop.reports)
    command = f"make compare A=market-monitor/20261123-031200 B=market-monitor/{run.run}"
    folder = workshop.reports / run.scenario / run.run
    assert command in (folder / "index.html").read_text()
    assert "make compare" not in (folder / "report.html").read_text()
    shared = share.share(Project(workshop.root), run, html=True, out=workshop.root / "report.html")
    assert "make compare" not in shared.path.read_text()
