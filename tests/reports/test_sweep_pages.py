"""A sweep's pages: values as given, hostile text as text."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests.reports import sweeping
from tests.reports.sweeping import HOSTILES, grid
from tests.reports.test_security import Seen
from tests.reports.test_site import Links

from loopbook.comparison.sweep_ranking import Estimate
from loopbook.reports import sweep_pages
from loopbook.scenario.loading import given_values

FOLDER = "market-monitor/sweeps/20261124-031200"


def test_points_that_are_equal_are_said_to_be_and_get_no_interval() -> None:
    found = Estimate.of([0.1, 0.1, 0.1])
    assert sweep_pages.estimate_text(found) == "0.100 (equal in all 3 points)"
    assert sweep_pages.estimate_text(Estimate.of([0.1])) == "0.100 (one point, so no interval)"


def test_values_that_differ_are_never_told_as_the_same(tmp_path: Path) -> None:
    points = grid((0.0012, 1), (0.0014, 1))
    runs = {point.name: sweeping.run(point.name, {"roc_auc": 0.5}) for point in points}
    reports = sweeping.build(tmp_path, sweeping.sweep(points), runs)
    html = (reports / FOLDER / "index.html").read_text(encoding="utf-8")
    assert "learning_rate=0.0012<" in html and "learning_rate=0.0014<" in html


def test_the_command_of_a_point_gives_its_values_back() -> None:
    record, _ = sweeping.hostile()
    for point in record.points:
        words = shlex.split(sweep_pages.command(record, point))
        assert words[:3] == ["make", "SCENARIO=market-monitor", "PROFILE=smoke"] and len(words) == 4
        text = words[3].removeprefix("PARAMS=").replace("$$", "$")
        if " " not in "".join(point.given):
            assert given_values(text) == point.given
    (plain, *_) = grid((0.0012, 1))
    command = sweep_pages.command(record, plain.model_copy(update={"given": {"training.only": ["cnn"]}}))
    assert command == 'make SCENARIO=market-monitor PROFILE=smoke PARAMS="training.only=[cnn]"'


def test_hostile_text_stays_text_on_every_page_of_a_sweep(tmp_path: Path) -> None:
    record, runs = sweeping.hostile()
    reports = sweeping.build(tmp_path, record, runs)
    pages = sorted(reports.rglob("*.html"))
    assert len(pages) == 2 + len(runs)
    for path in pages:
        html = path.read_text(encoding="utf-8")
        seen, links = Seen(html), Links(path)
        assert html.count("<script") == 1 and not seen.tags & {"img", "iframe", "form"}, path.name
        assert not {name for name, _ in seen.attributes} & {"style", "onerror", "onmouseover"}
        for link in links.links:
            target = (path.parent / link.partition("#")[0]).resolve() if not link.startswith("#") else path
            assert reports.resolve() in target.parents, link
            assert target.is_file() or target == reports.resolve() / "index.html", link
    told = (reports / FOLDER / "index.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;window.ran=1&lt;/script&gt;" in told and "{{7*7}}" in told
    assert all(char not in told for char in "\x00\x1b\x85\u202e\ufffe")
    assert HOSTILES[2][:50] in told
