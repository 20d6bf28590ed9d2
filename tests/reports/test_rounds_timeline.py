"""The rounds that led to a run are told in order, with what was changed and why, and drawn in proportion."""

from __future__ import annotations

from typing import Any

import pytest
from tests.reports.conftest import HOSTILE, Workshop

from loopbook.reports import rounds_timeline, site
from loopbook.store.records import Approval, CriterionRecord, Run


def criterion(met: bool) -> CriterionRecord:
    return CriterionRecord(
        id="c", story="s", text="t", stage="05", metric="m", comparison=">=", threshold=0, value=1, met=met
    )


@pytest.fixture
def told(workshop: Workshop) -> list[Run]:
    """Three rounds; the second ran twice, and a run of another profile and a failed one lie between."""

    def run(number: int, minute: int, auc: float, cost: float, **fields: Any) -> Run:
        metrics = {"stream_roc_auc": auc, "stream_roc_auc_first_round": 0.8, "cost_per_decision": cost}
        metrics |= {"rounds_gain": auc - 0.8, "rounds_gain_low": auc - 0.82, "rounds_gain_high": auc - 0.78}
        stage = workshop.stage("05_decisions", [], metrics=metrics)
        approved = Approval(id="labels-1", kind="labels", title=f"Labels {HOSTILE}", reason="They are right.", by="ann")
        values: dict[str, Any] = {"approved": (approved,) if number else (), "criteria": (criterion(number > 0),)}
        started = f"2026-11-24T03:{minute:02d}:00+00:00"
        return workshop.run(
            stage, name=f"20261124-03{minute:02d}00", round=number, started=started, **(values | fields)
        )

    return [
        run(0, 1, 0.8, 3.0),
        run(1, 2, 0.82, 2.5),
        run(1, 3, 0.83, 2.4),
        run(1, 4, 0.9, 1.0, profile="smoke"),
        run(2, 5, 0.7, 9.0, status="failed"),
        run(2, 6, 0.88, 2.0),
    ]


def test_the_way_is_the_last_good_run_of_each_round(told: list[Run]) -> None:
    found = rounds_timeline.timeline(told, told[-1])
    assert found is not None
    assert [run.run[-4:-2] for run in found.runs] == ["01", "03", "06"]
    assert [panel["title"].split(",")[0] for panel in found.panels] == [
        "Acceptance criteria met",
        "ROC AUC on the round's own rows",
        "Cost a decision on the round's own rows",
    ]


def test_the_quality_is_the_primary_metric_of_the_runs_task(told: list[Run]) -> None:
    def sorting(run: Run) -> Run:
        stages = {
            name: stage.model_copy(
                update={"metrics": {key.replace("roc_auc", "macro_f1"): v for key, v in stage.metrics.items()}}
            )
            for name, stage in run.stages.items()
        }
        return run.model_copy(update={"stages": stages, "resolved": {"task": {"type": "multiclass"}}})

    way = [sorting(run) for run in told]
    found = rounds_timeline.timeline(way, way[-1])
    assert found is not None and found.primary.title == "macro F1"
    assert found.panels[1]["title"] == "macro F1 on the round's own rows"


def test_a_first_round_has_no_way(told: list[Run]) -> None:
    assert rounds_timeline.timeline(told, told[0]) is None
    assert rounds_timeline.timeline([told[-1]], told[-1]) is None


def test_points_lie_in_proportion_and_say_their_value(told: list[Run]) -> None:
    found = rounds_timeline.timeline(told, told[-1])
    assert found is not None
    quality = found.panels[1]
    high, middle, low = (y for _, y, _ in reversed(quality["series"][0]["points"]))
    assert (low - middle) / (low - high) == pytest.approx(3 / 8, abs=0.01)
    assert len({y for _, y, _ in quality["series"][1]["points"]}) == 1
    assert quality["alt"] == "ROC AUC on the round's own rows: round 0: 0.800; round 1: 0.830; round 2: 0.880."
    places = [x for x, *_ in quality["series"][0]["points"]]
    assert places == sorted(places)


def test_the_index_and_the_run_show_the_rounds_and_nothing_of_it_is_markup(workshop: Workshop, told: list[Run]) -> None:
    site.build(told, workshop.data, workshop.reports, None, workshop.notebooks)
    pages = [workshop.reports / "index.html", workshop.reports / told[-1].scenario / told[-1].run / "index.html"]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "They are right. Approved by ann." in text
        assert "<script>window" not in text
        assert text.count('<svg class="chart"') == 3
    first = workshop.reports / told[0].scenario / told[0].run / "index.html"
    assert "The rounds so far" not in first.read_text(encoding="utf-8")


def test_sparklines_tell_how_numbers_went_over_the_runs(told: list[Run]) -> None:
    good = [run for run in told if run.good and run.profile == "standard"]
    found = {name: (last, drawn["alt"]) for name, last, drawn in rounds_timeline.sparks(good)}
    assert found["Cost per decision"] == (
        "2",
        "Cost per decision over 4 runs: from 3 to 2, lowest 2, highest 3.",
    )
    assert found["Criteria met"][0] == "1"
    assert rounds_timeline.sparks(good[:1]) == ()
