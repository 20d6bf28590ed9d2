"""A run's pages: made again where what they are made from has changed, and nowhere else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.reports.conftest import Workshop, text, training_cells

from loopbook.reports import page, rendering, site
from loopbook.store import code
from loopbook.store.records import Run

FOLDER = "market-monitor/20261124-031200"


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The stages whose notebooks were turned into pages, in order; the real work is done."""
    found: list[str] = []
    real = page.page

    def noted(record, *rest):  # type: ignore[no-untyped-def]
        found.append(record.name)
        return real(record, *rest)

    monkeypatch.setattr(page, "page", noted)
    return found


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the program that makes pages, for a test to change."""
    copy = tmp_path / "program"
    shutil.copytree(rendering.HERE, copy)
    cached = (rendering.program, rendering.environment)
    monkeypatch.setattr(rendering, "HERE", copy)
    for each in cached:
        each.cache_clear()
    yield copy
    for each in cached:
        each.cache_clear()


def build(workshop: Workshop, run: Run) -> None:
    site.build([run], workshop.data, workshop.reports)


def test_a_notebook_that_was_only_touched_is_not_rendered_again(
    workshop: Workshop, good_run: Run, rendered: list[str]
) -> None:
    build(workshop, good_run)
    rendered.clear()
    for path in (*workshop.data.rglob("*.ipynb"), *workshop.notebooks.rglob("*.ipynb")):
        os.utime(path, (1, 1))
    build(workshop, good_run)
    assert rendered == []


def test_every_page_is_rendered_again_when_a_template_changed(
    workshop: Workshop, good_run: Run, rendered: list[str], program: Path
) -> None:
    build(workshop, good_run)
    rendered.clear()
    template = program / "templates" / "stage.html.j2"
    template.write_text(template.read_text(encoding="utf-8").replace("Back to", "Return to"), encoding="utf-8")
    for each in (rendering.program, rendering.environment):
        each.cache_clear()
    build(workshop, good_run)
    assert sorted(rendered) == sorted(good_run.stages)
    assert "Return to" in (workshop.reports / FOLDER / "04_optimization.html").read_text(encoding="utf-8")


def test_a_change_in_a_room_that_the_pages_import_renews_them_too() -> None:
    read = code.readings(sorted(code.members("loopbook.reports")))
    assert {name.split(".")[1] for name in read if "." in name} == {"reports", *rendering.ROOMS}


def test_a_new_title_renews_the_links_of_its_neighbours(workshop: Workshop, good_run: Run) -> None:
    build(workshop, good_run)
    workshop.commit("02_data", [text("# 2 · Rows and columns", "a")])
    build(workshop, good_run)
    assert "2 · Rows and columns" in (workshop.reports / FOLDER / "01_requirements.html").read_text(encoding="utf-8")


def test_a_rebuild_writes_what_a_first_build_writes(workshop: Workshop, good_run: Run) -> None:
    build(workshop, good_run)
    now = training_cells()
    now[3] = text("## 1 · Better words", "see")
    workshop.commit("03_training", now)
    build(workshop, good_run)
    folder = workshop.reports / FOLDER
    rebuilt = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    shutil.rmtree(workshop.reports)
    build(workshop, good_run)
    assert rebuilt == {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_file_to_mail_that_was_lost_or_cut_off_is_whole_again(workshop: Workshop, good_run: Run) -> None:
    build(workshop, good_run)
    single = workshop.reports / FOLDER / "report.html"
    whole = single.read_bytes()
    single.unlink()
    build(workshop, good_run)
    assert single.read_bytes() == whole
