"""Ranking of a sweep's settings: in the right order, with right intervals, and no direction that nothing says."""

from __future__ import annotations

import pytest
from scipy import stats
from tests.reports import sweeping
from tests.reports.sweeping import grid

from loopbook.comparison import sweep_ranking
from loopbook.comparison.sweep_ranking import Estimate, VaryingMetric
from loopbook.statistics.metrics import HIGHER, LOWER, Direction


def test_an_estimate_is_the_mean_with_students_interval() -> None:
    values = [0.81, 0.84, 0.87]
    found = Estimate.of(values)
    low, high = stats.t.interval(0.95, 2, loc=0.84, scale=stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((0.84, low, high))


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
    table = sweep_ranking.rank(sweeping.sweep(points), runs)
    assert table.main == VaryingMetric("04_optimization cost_low", Direction("lower", "the acceptance criterion", 0.8))
    assert [each.values["training.learning_rate"] for each in table.settings] == [0.0014, 0.0012]
    assert {each.name.partition(" ")[2] for each in table.metrics} == {"cost_low", "roc_auc", "cost"}


def test_a_direction_is_claimed_only_where_a_criterion_or_the_registry_gives_it() -> None:
    points = grid((0.0012, 1), (0.0014, 1))
    found = [{"acts": 3, "recall": 0.5, "log_loss": 0.4}, {"acts": 4, "recall": 0.6, "log_loss": 0.3}]
    runs = {point.name: sweeping.run(point.name, numbers) for point, numbers in zip(points, found, strict=True)}
    metrics = sweep_ranking.rank(sweeping.sweep(points), runs).metrics
    assert {metric.name.partition(" ")[2]: metric.direction for metric in metrics} == {
        "acts": None, "recall": HIGHER, "log_loss": LOWER
    }  # fmt: skip


def test_settings_nearer_to_what_a_criterion_equals_come_first() -> None:
    points = grid((0.0012, 1), (0.0014, 1), (0.0016, 1))
    wanted = (sweeping.criterion("acts", "Just so.", comparison="=="),)  # 0.8
    runs = {
        point.name: sweeping.run(point.name, {"acts": acts}, criteria=wanted)
        for point, acts in zip(points, (0.2, 1.5, 0.7), strict=True)
    }
    table = sweep_ranking.rank(sweeping.sweep(points), runs)
    assert [setting.estimates["04_optimization acts"].mean for setting in table.settings] == [0.7, 0.2, 1.5]


RECORD = {"record_test_roc_auc": 0.95, "record_test_roc_auc_low": 0.9}


@pytest.mark.parametrize("beside", [{}, RECORD], ids=["before", "after"])
@pytest.mark.parametrize("names", [("majority", "tfidf"), ("cnn", "lstm"), ("a b", "cnn, tuned")])
def test_settings_are_judged_by_their_own_candidates_before_and_after_an_approval(
    names: tuple[str, str], beside: dict[str, float]
) -> None:
    points = grid((0.0012, 1), (0.0014, 1))
    runs = {
        point.name: sweeping.run(point.name, {"test_roc_auc": value, **beside}, candidate=name)
        for point, name, value in zip(points, names, (0.5, 0.8), strict=True)
    }
    table = sweep_ranking.rank(sweeping.sweep(points), runs)
    assert [setting.values["training.learning_rate"] for setting in table.settings] == [0.0014, 0.0012]
    assert table.main is not None and table.main.name == "04_optimization test_roc_auc"
    one_name = "03_training test_roc_auc"
    assert one_name in {metric.name for metric in table.metrics}, "under one name, whatever the candidate is called"
    assert not any("record" in metric.name for metric in table.metrics) and not any(
        "record" in name for name in table.same
    )
    line = table.lines.get("04_optimization test_roc_auc")
    assert (line.mean if line else None) == beside.get("record_test_roc_auc")


def test_of_several_candidates_a_point_each_keeps_its_name() -> None:
    one, two = (sweeping.run("1", {"roc_auc": 0.7}, candidate=name) for name in ("cnn", "lstm"))
    both = one.model_copy(update={"stages": one.stages | two.stages})
    assert {name for name in sweep_ranking.measured(both) if name.startswith("03")} == {
        "03_training[cnn] roc_auc", "03_training[lstm] roc_auc"
    }  # fmt: skip


@pytest.mark.parametrize("primary", ["roc_auc", "macro_f1", "r2"])
@pytest.mark.parametrize("record", [{}, {"validation": 0.85, "test": 0.75}])
def test_validation_chooses_and_the_luckiest_on_test_does_not_come_first(
    record: dict[str, float], primary: str
) -> None:
    beside = {f"record_{split}_{primary}": value for split, value in record.items()}
    points = grid((0.0012, 1), (0.0014, 1), (0.0016, 1))
    found = [(0.80, 0.70), (0.81, 0.71), (0.79, 0.90)]  # the last has been lucky on test
    wanted = (sweeping.criterion(f"test_{primary}", "Is good."),)
    runs = {
        point.name: sweeping.run(
            point.name, {f"validation_{primary}": chosen, f"test_{primary}": judged, **beside}, criteria=wanted
        )
        for point, (chosen, judged) in zip(points, found, strict=True)
    }
    table = sweep_ranking.rank(sweeping.sweep(points), runs)
    assert table.main is not None and table.main.name == f"04_optimization validation_{primary}"
    assert [setting.values["training.learning_rate"] for setting in table.settings] == [0.0014, 0.0012, 0.0016]
    assert f"04_optimization test_{primary}" in {metric.name for metric in table.metrics}, "it stands beside"
    line = table.lines.get(table.main.name)
    assert (line.mean if line else None) == record.get("validation")


def test_what_only_the_watch_measures_orders_where_nothing_is_chosen() -> None:
    points = grid((0.0012, 1), (0.0014, 1))
    same = {"validation_roc_auc": 0.8, "test_roc_auc": 0.7}
    wanted = (sweeping.criterion("acts", "Many.", comparison=">="),)
    runs = {
        point.name: sweeping.run(point.name, {**same, "acts": acts}, criteria=wanted)
        for point, acts in zip(points, (1, 2), strict=True)
    }
    table = sweep_ranking.rank(sweeping.sweep(points), runs)
    assert table.main is not None and table.main.name == "04_optimization acts"
    assert [setting.rank for setting in table.settings if setting.values["training.learning_rate"] == 0.0014] == [1]
