"""Decisions in money and alerts are told as the stages' artifacts hold them."""

from __future__ import annotations

import json
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


def test_of_several_classes_the_page_has_a_table_of_reviews_and_nothing_to_move(workshop: Workshop) -> None:
    shares = [{"capacity": 0.0, "cost": 2.5, "reviews": 0.0}, {"capacity": 0.25, "cost": 1.75, "reviews": 0.125}]
    path = workshop.data / "store" / "05_decisions" / "shares" / "what_if.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"capacity": 0.25, "currency": "<EUR>", "shares": shares}), encoding="utf-8")
    artifacts = {"what_if": path.relative_to(workshop.data).as_posix()}
    record = workshop.run(workshop.stage("05_decisions", [], artifacts=artifacts))
    site.build([record], workshop.data, workshop.reports, None, workshop.notebooks)
    text = (workshop.reports / record.scenario / record.run / "index.html").read_text(encoding="utf-8")
    part = text[text.index('class="what-if"') :].split("</section>")[0]
    assert "data-what-if" not in part and "<input" not in part and "&lt;EUR&gt;" in part
    assert "1.75" in part and "0.125" in part and part.count("<tr>") == 3


@pytest.mark.parametrize(
    ("told", "columns"),
    [
        ({"precision": 0.5, "recall": 0.25, "accuracy": 0.125}, "Precision Recall"),
        ({"accuracy": 0.5, "macro_f1": None}, "Accuracy Macro-F1"),
    ],
)
def test_policies_have_the_qualities_of_their_kind_of_task(
    workshop: Workshop, told: dict[str, Any], columns: str
) -> None:
    plain = [{name: row[name] for name in NAMES[:6]} | told for row in POLICIES]
    found = money.money(run(workshop, plain, policy="review"), workshop.data)
    assert found is not None and " ".join(title for _, title in found["qualities"]) == columns
    site.build([run(workshop, plain, policy="review")], workshop.data, workshop.reports, None, workshop.notebooks)
    text = next(workshop.reports.glob("*/*/index.html")).read_text(encoding="utf-8")
    assert all(f'data-label="{title}"' in text for title in columns.split())


@pytest.mark.parametrize("followed", ["review", "never"])
def test_a_cost_without_an_interval_is_a_point_and_no_empty_brackets(workshop: Workshop, followed: str) -> None:
    alone = [{**row, "low": float("nan"), "high": float("nan")} for row in POLICIES]
    found = money.money(run(workshop, alone, policy=followed), workshop.data)
    assert found is not None
    assert "()" not in found["finding"] and "–" not in found["finding"]
    assert {row["between"] for row in found["policies"]} == {""}
    assert all(bar["low"] == bar["x"] == bar["high"] for bar in found["drawing"]["bars"])
