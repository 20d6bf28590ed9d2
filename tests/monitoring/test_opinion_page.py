"""Sentiment on the page, on posts remade by the real daily figures of a wave of complaints (known_events.yaml)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from loopbook.figures.figure import Figure
from loopbook.monitoring import associations, opinion_page
from loopbook.monitoring.timeline import Log, prepare
from loopbook.monitoring.watch import Watch, watch
from loopbook.scenario.contract import Scenario
from loopbook.scenario.loading import load

KNOWN = yaml.safe_load((Path(__file__).parent / "known_events.yaml").read_text(encoding="utf-8"))["airline"]
SCENARIOS = Path(__file__).parents[2] / "notebooks" / "scenarios"
CLASSES = ["negative", "neutral", "positive"]
REASONS = ["Customer Service Issue", "Late Flight", "Lost Luggage", "Cancelled Flight"]
AIRLINES = ["United", "US Airways", "Southwest", "Delta", "Virgin America"]
HOSTILE = "<b>late</b>"


def posts(day: Any, rows: int, share: float, american: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return half of a day's posts; a fifteenth of the answers are wrong, and the wave is about cancelled flights."""
    rows, wave = rows // 2, str(day) >= "2015-02-21"
    label = rng.permutation(np.where(np.arange(rows) < rows * share, 0, rng.integers(1, 3, rows)))
    answer = np.where(rng.random(rows) < 0.9, label, rng.integers(0, 3, rows))
    probability = np.full((rows, 3), 0.15)
    probability[np.arange(rows), answer] = 0.7
    chances = np.array([0.4, 0.3, 0.2, 0.1]) if not wave else np.array([0.34, 0.26, 0.16, 0.24])
    named = [*["American"] * (american // 2), *rng.choice(AIRLINES, rows - american // 2)]
    frame = pd.DataFrame(probability, columns=CLASSES).assign(
        row_id=[f"{day} {at}" for at in range(rows)],
        time=pd.Timestamp(day, tz="UTC") + pd.to_timedelta(rng.uniform(0, 24, rows), unit="h"),
        label=pd.Categorical(np.array(CLASSES)[label], CLASSES),
        action=np.array(["escalate", "answer", "ignore"])[answer],
        airline=rng.permutation(named),
        reason=np.where(answer == 0, rng.choice(REASONS, rows, p=chances), "Can't Tell"),
    )
    return frame.assign(text=frame["reason"] + f" {HOSTILE} at the gate")


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load("airline-monitor", SCENARIOS, "standard")


def log(scenario: Scenario) -> Log:
    rng = np.random.default_rng(1)
    days = [posts(day, rows, share, american, rng) for day, (rows, share, american) in KNOWN["days"].items()]
    frame = pd.concat(days, ignore_index=True)
    early = frame["time"] < pd.Timestamp("2015-02-21", tz="UTC")
    reference, stream = frame[early], frame[~early]
    scores = tuple(part[["row_id", *CLASSES]] for part in (stream, reference))
    plain = [part.drop(columns=CLASSES) for part in (stream, reference)]
    return prepare(plain[0], plain[1], scenario, None, (scores[0], scores[1]))


@pytest.fixture(scope="module")
def seen(scenario: Scenario) -> Watch:
    return watch(log(scenario))


def test_the_overall_check_tells_the_wave_by_its_second_day_beside_the_corrected_share(seen: Watch) -> None:
    (wave,) = (one for one in seen.incidents if "wave" in {*seen.signals.loc[list(one.signals), "check"]})
    assert wave.cause == "base_rate"
    assert seen.log.date(wave.day) <= str(KNOWN["events"][0]["by"])
    assert seen.log.date(wave.first) == str(KNOWN["events"][0]["from"])
    assert "share of “negative” among the answers up from" in wave.title
    assert "corrected for errors" in wave.title
    reasons = opinion_page.reasons(seen, wave)
    assert "reason “Cancelled Flight”" in [name for name in reasons.index if name.startswith("reason")][:3]


def test_an_airline_that_appears_from_nothing_is_told_as_new_and_once(seen: Watch) -> None:
    (new,) = (one for one in seen.incidents if one.places and one.places[0] == "airline “American”")
    assert new.cause == "segment"
    assert "airline “American” is new" in new.title
    assert seen.log.date(new.day) <= str(KNOWN["events"][1]["by"])


def test_contributions_of_the_reasons_add_up_to_the_excess(seen: Watch) -> None:
    wave = next(one for one in seen.incidents if one.cause == "base_rate")
    where = associations.scope(seen.log, wave, seen.surge_rows)
    table = associations.contributions(seen.log, where)
    parts = table[table["column"] == "reason"]
    np.testing.assert_allclose(parts["excess"], parts["seen"] - parts["expected"])
    assert parts["share"].sum() >= 1 - 1e-9, "segments that lost are left out"
    assert parts["excess"].is_monotonic_decreasing


def test_the_check_over_all_rows_and_the_others_share_one_budget(scenario: Scenario) -> None:
    made, settings = log(scenario), scenario.monitoring
    assert settings.sentiment is not None
    others = 100 * made.level * (len(made.checks) - 1)
    assert others + settings.false_alarms * settings.sentiment.budget == pytest.approx(settings.false_alarms)


def test_the_page_has_bands_alarms_the_formula_and_a_table_of_reasons_and_texts_are_no_markup(seen: Watch) -> None:
    shown = opinion_page.shown(seen)
    figures = [part for part in shown if isinstance(part, Figure)]
    assert len(figures) == 3
    assert all(name in figures[2].svg for name in ("airline", "reason"))
    assert "as expected (95%)" in figures[0].svg
    assert "alert 1" in figures[1].svg
    assert any("c_v = N_v - n_0" in part for part in shown if isinstance(part, str))
    tables = [part for part in shown if isinstance(part, pd.DataFrame)]
    assert any("Cancelled Flight" in name for name in tables[1].index)
    assert HOSTILE not in "".join(table.to_html() for table in tables)
    assert tables[0].index.tolist() == seen.alerts.set_index("alert").loc[tables[0].index].sort_values(
        "expected_cost", ascending=False, kind="stable"
    ).index.tolist()  # fmt: skip


def test_where_no_sentiment_is_watched_nothing_is_shown(seen: Watch, scenario: Scenario) -> None:
    values = scenario.model_dump()
    values["monitoring"]["sentiment"] = None
    made = log(Scenario.model_validate(values))
    assert opinion_page.shown(Watch(made, seen.signals, (), seen.alerts[:0], seen.surge_rows)) == ()
