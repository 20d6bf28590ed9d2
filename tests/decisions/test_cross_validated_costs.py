"""Policies over repeated cross-validation: each judged on rows that it was not built from, in money, by fold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.decisions.conftest import PRICES

from loopbook.decisions import building, costs, cross_validated_costs
from loopbook.decisions.building import Plan
from loopbook.decisions.replay import replay, simulated_verdicts
from loopbook.scenario.decisions import DecisionsSettings
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Task
from loopbook.statistics.intervals import student


@pytest.fixture(scope="module")
def dealt(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the true probabilities as if they had come out of three folds, twice."""
    random = np.random.default_rng(2)
    parts = []
    for repeat in (0, 1):
        fold = random.permutation(len(frame)) % 3
        parts.append(frame[["row_id", "label"]].assign(repeat=repeat, fold=fold, probability=frame["p"], baseline=0.5))
    return pd.concat(parts, ignore_index=True).sort_values(["repeat", "fold"], ignore_index=True)


@pytest.fixture(scope="module")
def plan(task: Task, settings: DecisionsSettings) -> Plan:
    return Plan.of(task, settings)


@pytest.fixture(scope="module")
def judged(plan: Plan, frame: pd.DataFrame, dealt: pd.DataFrame) -> pd.DataFrame:
    return cross_validated_costs.judge(plan, [frame], dealt)


def test_each_fold_is_judged_by_policies_of_the_other_folds(
    plan: Plan, frame: pd.DataFrame, dealt: pd.DataFrame, judged: pd.DataFrame
) -> None:
    assert len(judged) == 2 * 3 * len(plan.names)
    part = dealt[dealt["repeat"] == 1]
    rows = frame.set_index("row_id", drop=False).rename_axis(None).loc[part["row_id"]].reset_index(drop=True)
    held = part["fold"].to_numpy() == 2
    policy = building.build(plan, rows[~held], rows["p"][~held])["review"]
    said = simulated_verdicts(rows, plan.settings.costs.review_error, 1)
    came = replay(policy, rows[held], rows["p"][held], plan.settings, said)
    mine = judged[(judged["repeat"] == 1) & (judged["fold"] == 2) & (judged["policy"] == "review")].iloc[0]
    recomputed = costs.realised(plan.settings.costs, came.acted, rows["label"][held], came.reviewed)
    assert mine["cost"] == pytest.approx(recomputed.mean())
    assert mine["reviews"] == came.reviewed.sum() > 0


def test_the_table_holds_costs_by_fold_and_the_difference_to_the_best_threshold(judged: pd.DataFrame) -> None:
    shown = cross_validated_costs.table(judged, PRICES)
    by_fold = judged.pivot(index=["repeat", "fold"], columns="policy", values="cost")
    single = by_fold[["fixed", "threshold", "tuned"]].mean().idxmin()
    assert cross_validated_costs.best(judged, ("fixed", "threshold", "tuned")) == single
    apart = student((by_fold["review"] - by_fold[single]).to_numpy(), 3)
    assert shown.loc["review", ["difference", "difference_low", "difference_high"]].tolist() == pytest.approx([*apart])
    assert shown.loc["review", "ratio"] == pytest.approx(by_fold["review"].mean() / by_fold[single].mean())
    assert shown.loc["always", "recall"] == 1.0 and shown.loc["never", "recall"] == 0.0
    assert shown.loc["review", "review_share"] <= 0.2
    assert shown["cost"].is_monotonic_increasing
    # Probabilities are right by construction here, so asking where it is expected to pay does pay.
    assert shown.loc["review", "ratio"] < 1


def test_the_figures_are_those_of_the_table(judged: pd.DataFrame) -> None:
    shown, flat = cross_validated_costs.table(judged, PRICES), cross_validated_costs.figures(judged, PRICES, "review")
    assert flat["cv_cost"] == flat["cv_review_cost"] == shown.loc["review", "cost"]
    assert flat["cv_cost_low"] <= flat["cv_cost"] <= flat["cv_cost_high"]
    constant = min(shown.loc["always", "cost"], shown.loc["never", "cost"])
    assert flat["cv_saving"] == pytest.approx(constant - flat["cv_cost"])
    assert f"{flat['cv_review_ratio']:.2f} of" in cross_validated_costs.finding(judged, PRICES, "EUR")


def test_nothing_resampled_gives_empty_tables_and_no_figures(
    plan: Plan, frame: pd.DataFrame, dealt: pd.DataFrame
) -> None:
    judged = cross_validated_costs.judge(plan, [frame], dealt.head(0))
    assert (
        judged.empty
        and cross_validated_costs.table(judged, PRICES).empty
        and cross_validated_costs.figures(judged, PRICES, "review") == {}
    )


def test_a_row_that_is_not_known_is_named(plan: Plan, frame: pd.DataFrame, dealt: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="not among the rows given, such as r0000"):
        cross_validated_costs.judge(plan, [frame.iloc[10:]], dealt)
