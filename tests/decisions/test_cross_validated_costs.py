"""Policies over repeated cross-validation: each judged on rows that it was not built from, in money, by fold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopbook.decisions import building, cross_validated_costs
from loopbook.decisions.building import Plan
from loopbook.decisions.replay import replay, simulated_verdicts
from loopbook.scenario.errors import DataError
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
def judged(plan: Plan, frame: pd.DataFrame, dealt: pd.DataFrame) -> pd.DataFrame:
    return cross_validated_costs.judge(plan, [frame], dealt)


def test_each_fold_is_judged_by_policies_of_the_other_folds(
    plan: Plan, frame: pd.DataFrame, dealt: pd.DataFrame, judged: pd.DataFrame
) -> None:
    blind = {"always no", "always yes", "ask, else always no", "ask, else always yes"}
    assert set(judged["policy"]) == {*plan.names, *blind}
    assert len(judged) == 2 * 3 * (len(plan.names) + len(blind))
    part = dealt[dealt["repeat"] == 1]
    rows = frame.set_index("row_id", drop=False).rename_axis(None).loc[part["row_id"]].reset_index(drop=True)
    held = part["fold"].to_numpy() == 2
    policy = building.build(plan, rows[~held], rows["p"][~held])["review"]
    said = simulated_verdicts(rows, plan, 1)
    came = replay(policy, rows[held], rows["p"][held], plan, said)
    mine = judged[(judged["repeat"] == 1) & (judged["fold"] == 2) & (judged["policy"] == "review")].iloc[0]
    recomputed = plan.prices.realised(came.action, rows["label"][held], came.reviewed)
    assert mine["cost"] == pytest.approx(recomputed.mean())
    assert mine["reviews"] == came.reviewed.sum() > 0


def test_the_table_holds_costs_by_fold_and_the_difference_to_the_best_that_asks_nobody_or_anybody(
    plan: Plan,
    judged: pd.DataFrame,
) -> None:
    shown = cross_validated_costs.table(judged, plan)
    by_fold = judged.pivot(index=["repeat", "fold"], columns="policy", values="cost")
    singles = ["fixed", "threshold", "tuned"]
    assert cross_validated_costs.best(judged, singles) == by_fold[singles].mean().idxmin()
    best = by_fold[[*singles, "always no", "always yes", "ask, else always no", "ask, else always yes"]].mean().idxmin()
    apart = student((by_fold["review"] - by_fold[best]).to_numpy(), 3)
    assert shown.loc["review", ["difference", "difference_low", "difference_high"]].tolist() == pytest.approx([*apart])
    assert shown.loc["review", "ratio"] == pytest.approx(by_fold["review"].mean() / by_fold[best].mean())
    assert shown.loc["always", "recall"] == 1.0 and shown.loc["never", "recall"] == 0.0
    assert shown.loc["review", "review_share"] <= 0.2
    assert shown["cost"].is_monotonic_increasing
    # Probabilities are right by construction here, so asking where it is expected to pay does pay.
    assert shown.loc["review", "ratio"] < 1


@pytest.mark.parametrize("value", [0.0, 0.1, 0.4, 0.9, 1.0])
@pytest.mark.parametrize("segments", [(), ("kind",)])
def test_who_answers_all_alike_neither_saves_nor_gains_by_asking_people_who_know(
    plan: Plan, frame: pd.DataFrame, dealt: pd.DataFrame, value: float, segments: tuple[str, ...]
) -> None:
    judged = cross_validated_costs.judge(plan, [frame], dealt.assign(probability=value), segments)
    found = cross_validated_costs.figures(judged, plan, "review")
    assert found["cv_saving_low"] <= found["cv_saving"] <= 0
    assert found["cv_review_ratio"] >= 1
    assert ("by kind alone" in set(judged["policy"])) == bool(segments)


def test_the_figures_are_those_of_the_table(plan: Plan, judged: pd.DataFrame) -> None:
    shown, flat = cross_validated_costs.table(judged, plan), cross_validated_costs.figures(judged, plan, "review")
    assert flat["cv_cost"] == flat["cv_review_cost"] == shown.loc["review", "cost"]
    assert flat["cv_cost_low"] <= flat["cv_cost"] <= flat["cv_cost_high"]
    idle = ("always", "never", "ask, else always no", "ask, else always yes")
    cheapest = judged[judged["policy"].isin(idle)].groupby("policy")["cost"].mean().min()
    assert flat["cv_saving"] == pytest.approx(cheapest - flat["cv_cost"])
    assert f"{flat['cv_review_ratio']:.2f} of" in cross_validated_costs.finding(judged, plan, "EUR")
    alone = replace(plan, settings=plan.settings.model_copy(update={"review_capacity": 0.0}))
    best = shown.loc[shown["difference"] == 0].index[0]
    assert cross_validated_costs.finding(judged, alone, "EUR").startswith(f"Over 6 folds, “{best}” costs")


def test_nothing_resampled_gives_empty_tables_and_no_figures(
    plan: Plan, frame: pd.DataFrame, dealt: pd.DataFrame
) -> None:
    judged = cross_validated_costs.judge(plan, [frame], dealt.head(0))
    assert (
        judged.empty
        and cross_validated_costs.table(judged, plan).empty
        and cross_validated_costs.figures(judged, plan, "review") == {}
    )


def test_a_row_that_is_not_known_is_named(plan: Plan, frame: pd.DataFrame, dealt: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="not among the rows given, such as r0000"):
        cross_validated_costs.judge(plan, [frame.iloc[10:]], dealt)
