"""A sweep's pages: settings in the right order with right intervals, values as given, hostile text as text."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from scipy import stats
from tests.reports import sweeping
from tests.reports.sweeping import HOSTILES
from tests.reports.test_security import Seen
from tests.reports.test_site import Links

from loopbook.reports import sweep as comparing
from loopbook.reports import sweep_pages
from loopbook.scenario.loading import given_values
from loopbook.store.sweep_records import Point

FOLDER = "market-monitor/sweeps/20261124-031200"


def grid(*settings: tuple[float, int]) -> tuple[Point, ...]:
    """Return a point for each learning rate and seed."""
    return tuple(
        Point(name=f"{at:03d}", values=(values := {"training.learning_rate": rate, "training.seed": seed}),
              given=values, status="good")
        for at, (rate, seed) in enumerate(settings, start=1)
    )  # fmt: skip


def test_an_estimate_is_the_mean_with_students_interval() -> None:
    values = [0.81, 0.84, 0.87]
    found = comparing.Estimate.of(values)
    low, high = stats.t.interval(0.95, 2, loc=0.84, scale=stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((0.84, low, high))


def test_points_that_are_equal_are_said_to_be_and_get_no_interval() -> None:
    found = comparing.Estimate.of([0.1, 0.1, 0.1])
    assert found.told == "0.100 (equal in all 3 points)"
    assert comparing.Estimate.of([0.1]).told == "0.100 (one point, so no interval)"


def test_the_order_is_the_criterions_and_ends_of_intervals_are_no_metrics_of_their_own() -> None:
    points = grid((0.0012, 1), (0.0014, 1))
    metrics = [
        {"roc_auc": 0.9, "roc_auc_low": 0.8, "roc_auc_high": 0.95, "cost": 3.0, "cost_low": 2.5},
        {"roc_auc": 0.8, "roc_auc_low": 0.7, "roc_auc_high": 0.85, "cost": 2.0, "cost_low": 1.5},
    ]
    wanted = (sweeping.criterion("cost_low", "Cheap.", comparison="<="),)
    runs = {
        point.name: sweeping.run(point.name, found, criteria=wanted)
        for point, found in zip(points, metrics, strict=True)
    }
    table = comparing.compared(sweeping.sweep(points), runs)
    assert table.main == comparing.Metric("04_optimization cost_low", False, "the acceptance criterion")
    assert [each.values["training.learning_rate"] for each in table.settings] == [0.0014, 0.0012]
    assert {each.name.partition(" ")[2] for each in table.metrics} == {"cost_low", "roc_auc", "cost"}


def test_a_direction_is_claimed_only_of_metrics_whose_criterion_or_name_says_it() -> None:
    points = grid((0.0012, 1), (0.0014, 1))
    found = [{"acts": 3, "recall": 0.5, "log_loss": 0.4}, {"acts": 4, "recall": 0.6, "log_loss": 0.3}]
    runs = {point.name: sweeping.run(point.name, each) for point, each in zip(points, found, strict=True)}
    told = {each.name.partition(" ")[2]: each for each in comparing.compared(sweeping.sweep(points), runs).metrics}
    assert {name: (each.higher, each.by) for name, each in told.items()} == {
        "acts": (True, ""), "recall": (True, "its name"), "log_loss": (False, "its name")
    }  # fmt: skip


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
