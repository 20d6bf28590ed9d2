"""Decisions in money and alerts are told as the stages' artifacts hold them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from tests.reports.conftest import HOSTILE, Workshop

from loopbook.reports import money, site
from loopbook.store.records import Run

NAMES = ("policy", "cost", "low", "high", "acts", "reviews", "precision", "recall")
POLICIES: list[dict[str, Any]] = [
    dict(zip(NAMES, values, strict=True))
    for values in (
        ("never", 9.0, 8.0, 10.0, 0, 0, None, 0.0),
        ("threshold", 3.0, 2.5, 3.5, 40, 0, 0.7, 0.9),
        ("review", 2.0, 1.6, 2.4, 35, 9, 0.8, 0.95),
    )
]


def run(workshop: Workshop, policies: list[dict[str, Any]], **metrics: Any) -> Run:
    alert = {"title": HOSTILE, "date": "2026-03-01", "evidence": HOSTILE, "decisions": 7, "cost": float("nan")}
    paths = {}
    for name, rows in (("policies", policies), ("alerts", [alert])):
        path = workshop.data / "store" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_parquet(path)
        paths[name] = path.relative_to(workshop.data).as_posix()
    stage = workshop.stage("05_decisions", [], metrics=metrics, artifacts=paths)
    return workshop.run(stage, resolved={"currency": "EUR"})


def test_the_cheapest_comes_first_and_the_finding_names_it_with_its_saving(workshop: Workshop) -> None:
    saving = {"saving_per_decision": 7.0, "saving_per_decision_low": 6.0, "saving_per_decision_high": 8.0}
    found = money.money(run(workshop, POLICIES, policy="review", **saving), workshop.data)
    assert found is not None
    assert [row["policy"] for row in found["policies"]] == ["review", "threshold", "never"]
    assert found["policies"][0]["chosen"] and found["policies"][2]["precision"] is None
    assert found["finding"] == (
        "Review, which the agent follows, is the cheapest: 2 EUR a decision (1.6 to 2.4). Against the cheapest "
        "without a model it saves 7 EUR a decision, beyond chance (6 to 8)."
    )


@pytest.mark.parametrize(
    ("saving", "words"),
    [((-7.0, -8.0, -6.0), "model it loses 7 EUR a decision, beyond chance (6 to 8)."),
     ((-1.0, -3.0, 1.0), "model there is no difference beyond chance: -1 EUR a decision saved (-3 to 1)."),
     ((1.0, -1.0, 3.0), "model there is no difference beyond chance: 1 EUR a decision saved (-1 to 3).")],
)  # fmt: skip
def test_sign_and_interval_of_a_saving_agree(
    workshop: Workshop, saving: tuple[float, float, float], words: str
) -> None:
    names = ("saving_per_decision", "saving_per_decision_low", "saving_per_decision_high")
    found = money.money(
        run(workshop, POLICIES, policy="review", **dict(zip(names, saving, strict=True))), workshop.data
    )
    assert found is not None and found["finding"].endswith(words)


def test_a_negative_cost_is_explained_as_a_gain(workshop: Workshop) -> None:
    gaining = [*POLICIES, {**POLICIES[0], "policy": "tuned", "cost": -4.0, "low": -5.0, "high": -3.0}]
    found = money.money(run(workshop, gaining, policy="tuned"), workshop.data)
    assert found is not None and "below zero is a gain" in found["finding"] and "-4 EUR a decision" in found["finding"]


def test_a_policy_that_would_have_been_cheaper_is_named(workshop: Workshop) -> None:
    found = money.money(run(workshop, POLICIES, policy="threshold"), workshop.data)
    assert found is not None
    assert found["finding"].endswith("on these rows review would have been cheapest, 2 EUR.")


def test_a_far_dearer_policy_is_listed_but_does_not_hide_the_others(workshop: Workshop) -> None:
    dear = [*POLICIES, {**POLICIES[0], "policy": "always", "cost": 900.0, "low": 800.0, "high": 990.0}]
    found = money.money(run(workshop, dear, policy="review"), workshop.data)
    assert found is not None
    assert [row["policy"] for row in found["policies"]][-1] == "always"
    assert "always" not in [bar["name"] for bar in found["drawing"]["bars"]]


def test_a_run_without_these_artifacts_has_no_such_section(workshop: Workshop) -> None:
    bare = workshop.run(workshop.stage("05_decisions", []))
    assert money.money(bare, workshop.data) is None and money.alerts(bare, workshop.data) is None


@pytest.mark.parametrize("policies", [POLICIES, []])
def test_the_runs_page_shows_them_and_nothing_becomes_markup(
    workshop: Workshop, policies: list[dict[str, Any]]
) -> None:
    record = run(workshop, policies, policy="review")
    site.build([record], workshop.data, workshop.reports, None, workshop.notebooks)
    text = (workshop.reports / record.scenario / record.run / "index.html").read_text(encoding="utf-8")
    assert ("Review, which the agent follows" in text) == bool(policies)
    assert "<script>window" not in text and "&lt;script&gt;window" in text


@pytest.mark.parametrize("followed", ["review", "never"])
def test_a_cost_without_an_interval_is_a_point_and_no_empty_brackets(workshop: Workshop, followed: str) -> None:
    alone = [{**row, "low": float("nan"), "high": float("nan")} for row in POLICIES]
    found = money.money(run(workshop, alone, policy=followed), workshop.data)
    assert found is not None
    assert "()" not in found["finding"] and "–" not in found["finding"]
    assert {row["between"] for row in found["policies"]} == {""}
    assert all(bar["low"] == bar["x"] == bar["high"] for bar in found["drawing"]["bars"])
