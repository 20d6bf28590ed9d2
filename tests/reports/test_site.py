"""The site: complete, rebuilt only where something changed, with the last good run on top."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from tests.reports.conftest import HOSTILE, Workshop, text, training_cells
from tests.reports.test_security import Seen

from loopbook.comparison.standing import open_alerts, standing
from loopbook.reports import site
from loopbook.store.records import Run

RUN, FAILED = "market-monitor/20261124-031200", "market-monitor/20261125-031200"


@pytest.fixture
def reports(workshop: Workshop, good_run: Run, failed_run: Run) -> Path:
    """A site over a good and a failed run."""
    site.build([good_run, failed_run], workshop.data, workshop.reports)
    return workshop.reports


class Links(HTMLParser):
    """Ids and addresses of a page, and how its headings follow."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        assert "style" not in values and not any(name.startswith("on") for name in values)


def pages(reports: Path) -> list[Path]:
    return sorted(reports.rglob("*.html"))


def test_run_has_its_pages_figures_record_and_one_file_to_mail(reports: Path) -> None:
    made = {path.relative_to(reports / RUN).as_posix() for path in (reports / RUN).rglob("*") if path.is_file()}
    assert made >= {
        "index.html", "run.json", "report.html", "01_requirements.html", "02_data.html", "03_training-tfidf.html",
        "03_training-cnn.html", "03_training-lstm.html", "04_optimization.html",
        "figures/03_training-lstm-plot-3.svg",
    }  # fmt: skip


def test_run_record_is_the_stable_contract(reports: Path) -> None:
    record = json.loads((reports / RUN / "run.json").read_text(encoding="utf-8"))
    assert {"scenario", "run", "profile", "round", "status", "started", "seconds", "stages", "champion", "criteria",
            "revision", "versions"} <= set(record)  # fmt: skip
    assert record["stages"]["03_training[lstm]"]["metrics"]["roc_auc"] == 0.93


def test_every_link_leads_somewhere(reports: Path) -> None:
    for path in pages(reports):
        found = Links(path)
        assert len(found.ids) == len(set(found.ids)), path
        for link in found.links:
            if link.startswith(("https:", "data:")):
                continue
            file, _, part = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            assert target.is_file(), f"{path}: {link}"
            if part:
                assert part in Links(target).ids, f"{path}: {link}"


def test_headings_descend_one_level_at_a_time(reports: Path) -> None:
    for path in pages(reports):
        headings = Links(path).headings
        assert headings[0] == 1 and headings.count(1) == 1, path
        assert all(after - before <= 1 for before, after in pairwise(headings)), path


def test_no_text_from_data_becomes_markup(reports: Path) -> None:
    for path in pages(reports):
        html = path.read_text(encoding="utf-8")
        assert "window.ran=1</script>" not in html.replace("&lt;/script&gt;", ""), path
        assert "onerror" not in [name for name, _ in Seen(html).attributes]
        assert "\u202e" not in html
        assert re.findall(r"<script[^>]*>", html) in (
            [], ['<script src="../../assets/site.js" defer>'], ['<script src="assets/site.js" defer>']
        )  # fmt: skip


def test_no_page_names_the_machine(reports: Path, workshop: Workshop) -> None:
    for path in pages(reports):
        html = path.read_text(encoding="utf-8")
        assert str(workshop.root) not in html and "/srv" not in html and "/opt" not in html, path


def test_one_file_to_mail_needs_nothing_beside_it(reports: Path) -> None:
    links = Links(reports / RUN / "report.html").links
    assert all(link.startswith(("#", "data:image/", "https://example.org")) for link in links)
    assert sum(link.startswith("data:image/svg") for link in links) == 3


def test_latest_is_the_last_good_run_and_says_that_a_newer_one_failed(reports: Path) -> None:
    html = (reports / "market-monitor/latest/index.html").read_text(encoding="utf-8")
    assert "The run of 25 November 2026, 03:12 UTC failed at 03_training[lstm]; this is the last good one" in html
    assert json.loads((reports / "market-monitor/latest/run.json").read_text())["run"] == "20261124-031200"
    assert "this is the last good one" not in (reports / RUN / "index.html").read_text(encoding="utf-8")


def test_notice_goes_when_a_good_run_follows(reports: Path, workshop: Workshop, good_run: Run, failed_run: Run) -> None:
    newer = good_run.model_copy(update={"run": "20261126-031200"})
    site.build([good_run, failed_run, newer], workshop.data, workshop.reports)
    html = (reports / "market-monitor/latest/index.html").read_text(encoding="utf-8")
    assert "this is the last good one" not in html
    assert json.loads((reports / "market-monitor/latest/run.json").read_text())["run"] == "20261126-031200"


def test_failed_stage_shows_the_error_at_its_cell(reports: Path) -> None:
    html = (reports / FAILED / "03_training-lstm.html").read_text(encoding="utf-8")
    assert 'href="#03_training-lstm-cell-plot"' in html and 'id="03_training-lstm-cell-plot"' in html
    assert "src/loopbook/models/training/fitting.py:31" in html and "epoch 1 of 60" in html


def test_only_failed_runs_have_no_latest(workshop: Workshop, failed_run: Run) -> None:
    site.build([failed_run], workshop.data, workshop.reports)
    assert not (workshop.reports / "market-monitor/latest").exists()
    assert "20261125-031200/index.html" in (workshop.reports / "index.html").read_text(encoding="utf-8")


def test_the_index_says_where_each_agent_stands_and_what_to_do(workshop: Workshop, good_run: Run) -> None:
    index = site.build([good_run], workshop.data, workshop.reports)
    found = standing(good_run, open_alerts(good_run, workshop.data))
    said = unescape(index.read_text(encoding="utf-8"))
    assert found.sentence in said and "What to do next" in said and found.steps[-1] in said
    smoke = good_run.model_copy(update={"profile": "smoke"})
    cell = '<td class="n" data-label="Criteria met">not judged</td>'
    assert cell not in said and cell in site.build([smoke], workshop.data, workshop.reports).read_text(encoding="utf-8")


def test_site_without_runs_says_what_to_type(workshop: Workshop) -> None:
    assert "make" in site.build([], workshop.data, workshop.reports).read_text(encoding="utf-8")


def test_nothing_is_written_twice(reports: Path, workshop: Workshop, good_run: Run, failed_run: Run) -> None:
    before = {path: path.stat().st_mtime_ns for path in reports.rglob("*") if path.is_file()}
    site.build([good_run, failed_run], workshop.data, workshop.reports)
    assert before == {path: path.stat().st_mtime_ns for path in reports.rglob("*") if path.is_file()}


def test_new_words_in_a_notebook_renew_its_page_and_no_figure(
    reports: Path, workshop: Workshop, good_run: Run, failed_run: Run
) -> None:
    before = {path: path.stat().st_mtime_ns for path in reports.rglob("*") if path.is_file()}
    now = training_cells()
    now[3] = text("## 1 · Better words", "see")
    workshop.commit("03_training", now)
    site.build([good_run, failed_run], workshop.data, workshop.reports)
    changed = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert reports / RUN / "03_training-lstm.html" in changed
    assert reports / RUN / "02_data.html" not in changed
    assert not [path for path in changed if path.suffix == ".svg"]


def test_missing_page_is_made_again(reports: Path, workshop: Workshop, good_run: Run, failed_run: Run) -> None:
    (reports / RUN / "02_data.html").unlink()
    site.build([good_run, failed_run], workshop.data, workshop.reports)
    assert (reports / RUN / "02_data.html").is_file()


def test_only_the_named_agent_is_built_but_the_index_is_over_all(workshop: Workshop, good_run: Run) -> None:
    other = good_run.model_copy(update={"scenario": "press-monitor", "title": "Press monitor"})
    index = site.build([good_run, other], workshop.data, workshop.reports, only="press-monitor")
    assert (workshop.reports / "press-monitor/latest/index.html").is_file()
    assert not (workshop.reports / "market-monitor").exists()
    assert {"Market monitor", "Press monitor"} <= set(re.findall(r"(Market monitor|Press monitor)", index.read_text()))


def test_page_whose_notebook_left_the_store_is_kept(reports: Path, workshop: Workshop, good_run: Run) -> None:
    page = reports / RUN / "03_training-lstm.html"
    before = page.read_bytes()
    (workshop.data / str(good_run.stages["03_training[lstm]"].notebook)).unlink()
    site.build([good_run], workshop.data, workshop.reports)
    assert page.read_bytes() == before
    assert "03_training-lstm.html" in (reports / RUN / "index.html").read_text(encoding="utf-8")


def test_hostile_names_and_broken_characters_break_no_page(workshop: Workshop) -> None:
    stage = workshop.stage(
        "04_optimization", [text("# \ud800 " + HOSTILE, "a")], "../<b>",
        metrics={HOSTILE: "x" * 1_000_000, "champion": HOSTILE},
    )  # fmt: skip
    run = workshop.run(stage, title=HOSTILE, description=HOSTILE, champion=HOSTILE)
    site.build([run], workshop.data, workshop.reports)
    inside = {path.resolve() for path in workshop.reports.rglob("*.html")}
    assert inside and all(workshop.reports.resolve() in path.parents for path in inside)
    for path in inside:
        assert path.stat().st_size < 200_000, path
        assert "onerror" not in [name for name, _ in Seen(path.read_text(encoding="utf-8")).attributes]


def test_the_index_links_to_the_sweeps_of_an_agent_that_has_some(workshop: Workshop, good_run: Run) -> None:
    link = "market-monitor/sweeps/index.html"
    assert link not in site.build([good_run], workshop.data, workshop.reports).read_text(encoding="utf-8")
    (workshop.reports / "market-monitor/sweeps").mkdir()
    (workshop.reports / link).write_text("<!doctype html><title>Sweeps</title><h1>Sweeps</h1>", encoding="utf-8")
    index = site.build([good_run], workshop.data, workshop.reports)
    assert link in Links(index).links
