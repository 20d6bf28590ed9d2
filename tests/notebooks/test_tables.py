"""The third agent goes through all notebooks on a table of few rows, and its figures can be computed again."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from tests.smoke import ROOT, Ran

from loopbook.scenario import loading
from loopbook.statistics.intervals import student


def artifact(clinic: Ran, stage: str, name: str) -> pd.DataFrame:
    where, record = clinic
    return pd.read_parquet(where.folder / "data" / record["stages"][stage]["artifacts"][name])


def test_every_stage_is_done_and_every_criterion_measured(clinic: Ran) -> None:
    where, record = clinic
    assert {stage["state"] for stage in record["stages"].values()} == {"done"}
    assert len(record["stages"]) == 8
    assert all(criterion["value"] is not None and criterion["met"] is None for criterion in record["criteria"])
    assert record["stages"]["02_data"]["metrics"]["rows"] == 569
    assert not any((where.folder / "data" / "raw").rglob("*.csv")), "the data is read where the package has it"


def test_the_area_over_folds_is_that_of_the_out_of_fold_probabilities(clinic: Ran) -> None:
    resampled = artifact(clinic, "04_optimization", "resampled")
    metrics = clinic[1]["stages"]["04_optimization"]["metrics"]
    folds = resampled.groupby(["repeat", "fold"])
    areas = [roc_auc_score(part["label"], part["probability"]) for _, part in folds]
    assert metrics["cv_roc_auc"] == pytest.approx(np.mean(areas))
    _, low, high = student(areas, 3)
    assert (metrics["cv_roc_auc_low"], metrics["cv_roc_auc_high"]) == pytest.approx((low, min(1.0, high)))
    known = {name: set(artifact(clinic, "02_data", name)["row_id"]) for name in ("train", "validation", "test")}
    assert set(resampled["row_id"]) == set.union(*known.values()), "rows of gate and stream are left alone"


def test_the_cost_of_decisions_is_that_of_log_and_outcome(clinic: Ran) -> None:
    log, metrics = artifact(clinic, "05_decisions", "decisions"), clinic[1]["stages"]["05_decisions"]["metrics"]
    prices = loading.load("clinic-triage", ROOT / "notebooks" / "scenarios", "smoke", {}).decisions.costs
    referred, malignant = log["action"] == "refer", log["label"] == 1
    missed, needless = (~referred & malignant).sum(), (referred & ~malignant).sum()
    total = missed * prices.false_negative + needless * prices.false_positive + log["reviewed"].sum() * prices.review
    assert metrics["cost"] == pytest.approx(total)
    assert metrics["cv_cost_low"] <= metrics["cv_cost"] <= metrics["cv_cost_high"]
    assert metrics["cv_cost_low"] >= 0
    assert metrics["cv_review_share"] > 0, "a doctor is asked now and then"


def test_pages_say_what_it_is_and_have_no_empty_tables(clinic: Ran) -> None:
    pages = clinic[0].folder / "reports" / "clinic-triage" / "latest"
    assert "not a medical device" in (pages / "index.html").read_text(encoding="utf-8")
    data = (pages / "02_data.html").read_text(encoding="utf-8")
    assert "no medical device" in data and "CC BY 4.0" in data
    for stage in ("02_data", "05_decisions", "06_monitoring", "07_feedback"):
        html = (pages / f"{stage}.html").read_text(encoding="utf-8")
        assert "No rows." not in html, stage
        assert "NaT" not in html, stage


def test_of_several_actions_each_decision_costs_what_the_matrix_says_and_was_the_cheapest_expected(
    airline: Ran,
) -> None:
    log, scores = (artifact(airline, "05_decisions", name) for name in ("decisions", "scores"))
    prices = loading.load("airline-monitor", ROOT / "notebooks" / "scenarios", "smoke", {}).decisions.costs
    cost = {
        action: {of: row.get(of, row.get("others")) for of in ("negative", "neutral", "positive")}
        for action, row in prices.matrix.items()
    }
    paid = [cost[action][of] for action, of in zip(log["action"], log["label"].astype(str), strict=True)]
    assert log["cost"].to_numpy() == pytest.approx(np.array(paid) + prices.review * log["reviewed"])
    assert airline[1]["stages"]["05_decisions"]["metrics"]["cost"] == pytest.approx(log["cost"].sum())
    p = scores.set_index("row_id").loc[log["row_id"]]
    assert p.to_numpy().sum(axis=1) == pytest.approx(np.ones(len(log)))
    assert (p.idxmax(axis=1).to_numpy() == log["answer"].astype(str)).all()
    assert set(log["reason"].astype(str)) <= set(artifact(airline, "02_data", "train")["label_reason"].dropna())
    assert log["reason_probability"].between(0.1, 1).all(), "ten reasons, of which it names the likeliest"


def test_a_ranking_goes_through_all_notebooks_and_02_hands_on_all_items(shop: Ran) -> None:
    where, record = shop
    assert {stage["state"] for stage in record["stages"].values()} == {"done"}
    items, test, later = (artifact(shop, "02_data", name) for name in ("items", "test", "stream"))
    assert list(items)[:3] == ["item", "title", "blurb"] and items["item"].is_unique and len(items) >= 80
    assert set(test["item"]) <= set(items["item"]) and test["time"].max() < later["time"].min()
    titles = items.set_index("item")["title"]
    assert (test["title"].to_numpy() == titles[test["item"]].to_numpy()).all()
    assert test.groupby("shown")["query"].nunique().max() == 1 and test["place"].between(1, 10).all()
    card = json.loads((where.folder / "data" / record["stages"]["02_data"]["artifacts"]["dataset_card"]).read_text())
    assert card["simulated"] and card["tables"]["users"]["rows"] >= 60
