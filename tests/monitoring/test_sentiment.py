"""Surges of bad and good news by segment and over all rows, what they go with, and the correction for errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from loopbook.monitoring import associations, sentiment, waves
from loopbook.monitoring.sentiment import NEGATIVE, POSITIVE, Excess
from loopbook.monitoring.timeline import prepare
from loopbook.monitoring.watch import Watch, watch
from loopbook.scenario.contract import Scenario

ERRS = 0.15
TRUE, SAID = ("negative", "neutral", "positive"), "sentiment"
Rows = Callable[..., pd.DataFrame]
Change = Callable[[pd.DataFrame, np.ndarray], pd.DataFrame]


@pytest.fixture(scope="module")
def opinion(scenario: Scenario) -> Scenario:
    facts = scenario.model_dump(exclude_unset=True)
    facts["task"] |= {"also": {"sentiment": {"column": "sentiment", "values": list(TRUE)}}}
    facts["monitoring"] |= {"sentiment": {"output": "sentiment"}}
    return Scenario.model_validate(facts)


def felt(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Give rows a sentiment, 40% bad and 35% good, and the answer of a classifier that errs in 15 of 100 rows."""
    rng = np.random.default_rng(seed)
    true = rng.choice(3, len(frame), p=[0.4, 0.25, 0.35])
    return frame.assign(label_sentiment=np.array(TRUE)[true], wrong=rng.random(len(frame)) < ERRS, seed=seed)


def said(frame: pd.DataFrame) -> pd.DataFrame:
    true = pd.Index(TRUE).get_indexer(frame["label_sentiment"])
    other = (true + np.random.default_rng(5).integers(1, 3, len(true))) % 3
    return frame.assign(sentiment=np.array(TRUE)[np.where(frame["wrong"], other, true)])


@pytest.fixture(scope="module")
def watched(opinion: Scenario, rows: Rows) -> Callable[..., Watch]:
    def make(seed: int, change: Change | None = None) -> Watch:
        stream = felt(rows(seed, 20, start="2026-01-19"), seed)
        if change is not None:
            day = (stream["time"].dt.normalize() - stream["time"].dt.normalize().min()).dt.days.to_numpy()
            stream = change(stream, day)
        reference = said(felt(rows(seed + 10_000, 14), seed + 1))
        return watch(prepare(said(stream).drop(columns="label_sentiment"), reference, opinion))

    return make


def surge(tone: str, *places: tuple[str, str], days: range = range(8, 10), extra: int = 40) -> Change:
    """Return what adds rows of one tone to each company and topic on some days."""

    def change(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        more = [
            stream[day == at].sample(extra, random_state=at).assign(
                company=company, topics=topic, label_sentiment=tone, text="payroll servers melted again"
            )
            for at in days
            for company, topic in places
        ]  # fmt: skip
        return pd.concat([stream, *more], ignore_index=True)

    return change


@pytest.fixture(scope="module")
def surged(watched: Callable[..., Watch]) -> Watch:
    return watched(1, surge("negative", ("c3", "t2")))


def test_a_surge_of_bad_news_is_one_incident_with_what_it_goes_with(surged: Watch) -> None:
    seen = surged
    (one,) = seen.alerts.to_dict("records")
    assert (one["cause"], one["told"], one["first_day"], one["day"], one["last_day"]) == ("surge", False, 8, 8, 9)
    assert "most of them bad news" in one["title"] and "corrected for errors" in one["evidence"]
    assert {"payroll", "servers", "melted"} <= set(one["words"].split(", "))
    assert one["rows"].splitlines()[0] == "payroll servers melted again"
    table = associations.contributions(
        seen.log, associations.scope(seen.log, seen.incidents[0], seen.surge_rows)
    ).set_index("segment")
    assert set(table.index[:2]) == {"company “c3”", "topics “t2”"}
    # 80 rows of bad news were added, of which 68 are seen as such; the correction puts the errors back.
    assert table.loc["company “c3”", "excess"] == pytest.approx(68, abs=12)
    assert table.loc["company “c3”", "corrected"] > table.loc["company “c3”", "excess"]
    assert table.loc["company “c3”", "low"] < 80 < table.loc["company “c3”", "high"]
    assert one["expected_cost"] == pytest.approx(0, abs=1e6) and np.isfinite(one["expected_cost"])


def test_two_surges_at_once_are_two_incidents(watched: Callable[..., Watch]) -> None:
    seen = watched(2, surge("negative", ("c3", "t2"), ("c7", "t5")))
    places = [set(one.places) for one in seen.incidents]
    assert len(places) == 2
    assert {"company “c3”"} <= places[0] | places[1] and {"company “c7”"} <= places[0] | places[1]


@pytest.mark.parametrize("seed", [3, 4])
def test_good_news_is_told_and_no_alarm(watched: Callable[..., Watch], seed: int) -> None:
    seen = watched(seed, surge("positive", ("c3", "t2")))
    assert seen.alerts["cause"].tolist() == ["good_news"]
    assert seen.alerts["told"].all()


def test_more_bad_news_everywhere_is_a_change_of_the_base_rate(watched: Callable[..., Watch]) -> None:
    def change(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        turned = (day >= 12) & (np.random.default_rng(1).random(len(stream)) < 0.4)
        return stream.assign(label_sentiment=stream["label_sentiment"].mask(turned, "negative"))

    seen = watched(5, change)
    found = seen.signals[seen.signals["check"] == "wave"].iloc[0]
    assert found["onset"] in (11, 12, 13) and found["day"] <= 14 and found["place"] == ""
    assert "corrected for errors" in found["title"]
    assert seen.alerts["cause"].tolist() == ["base_rate"]


def test_less_bad_news_everywhere_is_good_news_and_so_is_its_end(watched: Callable[..., Watch]) -> None:
    def change(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
        turned = (day >= 8) & (day < 13) & (np.random.default_rng(1).random(len(stream)) < 0.6)
        return stream.assign(label_sentiment=stream["label_sentiment"].mask(turned, "positive"))

    seen = watched(9, change)
    assert set(seen.signals.loc[seen.signals["title"].str.startswith("share of “negative”"), "check"]) == {"good_news"}
    assert "good_news" in set(seen.alerts["cause"])


def test_what_a_surge_explains_is_its_echo_and_no_incident_of_its_own(watched: Callable[..., Watch]) -> None:
    seen = watched(6, surge("negative", ("c3", "t2"), days=range(8, 12), extra=80))
    assert waves.ECHO in set(seen.signals["check"])
    assert [one.cause for one in seen.incidents] == ["surge"]


def test_contributions_of_a_columns_values_add_up_to_the_excess(surged: Watch) -> None:
    where = associations.scope(surged.log, surged.incidents[0], surged.surge_rows)
    table = associations.contributions(surged.log, where)
    topics = table[table["column"] == "topics"]
    assert table[table["column"] == "company"]["share"].tolist() == pytest.approx([1.0])
    assert topics["share"].sum() >= 1.0 - 1e-9  # what is below its expectation is left out


def test_the_correction_recovers_the_share_and_its_interval_holds_it(watched: Callable[..., Watch]) -> None:
    read = sentiment.read(watched(7).log)
    assert read is not None and read.corrects
    raw, (value, low, high) = read.share(read.stream)
    assert low < 0.4 < high and abs(value - 0.4) < abs(raw - 0.4) + 0.02
    assert read.share(read.stream[:0])[0] != read.share(read.stream[:0])[0]


def test_without_labels_nothing_is_corrected_and_the_answers_count(opinion: Scenario, rows: Rows) -> None:
    reference, stream = (said(felt(rows(seed, 14), seed)) for seed in (1, 2))
    stream = stream.drop(columns="label_sentiment")
    bare = prepare(stream, reference.drop(columns="label_sentiment"), opinion)
    read = sentiment.read(bare)
    assert read is not None and not read.corrects
    assert np.isnan(read.share(read.stream)[1].value)
    excess = read.excess(np.flatnonzero(read.stream == NEGATIVE)[:50], 5.0)
    assert excess.is_bad and excess.bad == excess.bad_corrected


def test_bands_hold_most_quiet_days_and_lose_a_wave(watched: Callable[..., Watch]) -> None:
    table = waves.bands(watched(8).log)
    assert table is not None
    assert ((table["share"] > table["lower"]) & (table["share"] < table["upper"])).mean() >= 0.8
    wave = waves.bands(watched(8, surge("negative", ("c3", "t2"), extra=90)).log)
    assert wave is not None and (wave["share"] > wave["upper"])[[8, 9]].all()


def test_an_output_that_is_none_is_refused(opinion: Scenario) -> None:
    for given, words in (("tone", "no output of classes"), ("sentiment", "does not have: awful")):
        facts = opinion.model_dump(exclude_unset=True)
        facts["monitoring"]["sentiment"] = {"output": given, "negative": ["awful"]}
        with pytest.raises(ValueError, match=words):
            Scenario.model_validate(facts)


def test_an_excess_is_good_bad_or_mixed() -> None:
    assert Excess(10, 1, 0, 9, 9).is_good and not Excess(10, 1, 0, 9, 9).is_bad
    assert Excess(10, 6, 7, 3, 2).is_bad
    assert not Excess(10, 4, 4, 4, 4).is_good and not Excess(10, 4, 4, 4, 4).is_bad
    assert not Excess(-3, -1, -1, -1, -1).is_good
    assert POSITIVE != NEGATIVE
