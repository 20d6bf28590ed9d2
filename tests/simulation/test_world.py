import json
import os
import subprocess
import sys
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.source import SimulationSource
from loopbook.simulation import events
from loopbook.simulation.vocabulary import words
from loopbook.simulation.world import simulate

SMALL = SimulationSource(kind="simulation", rows=1_200, seed=4)


def _days(posts, settings):
    return (posts.time.dt.tz_localize(None).dt.normalize() - pd.Timestamp(settings.start)).dt.days


@pytest.fixture(scope="module")
def world():
    return simulate(SimulationSource(kind="simulation", rows=20_000, seed=2))


@pytest.fixture(scope="module")
def days(world):
    return _days(world.posts, SMALL)


def test_posts_have_the_columns_and_types_of_the_contract(world):
    posts = world.posts
    before = ["post_id", "author", "time", "company", "text", "topics", "sentiment", "material", "alert", "style"]
    assert list(posts.columns) == [*before, "true_alert", "hard_case", "topic"]
    assert len(posts) == 20_000
    assert posts.post_id.is_unique and posts.time.is_monotonic_increasing
    assert str(posts.time.dtype) == "datetime64[us, UTC]"
    assert not posts.isna().any().any()
    assert set(posts.sentiment) == {"negative", "neutral", "positive"} and set(posts["style"]) == {"formal", "casual"}
    assert (posts.true_alert == ((posts.sentiment == "negative") & posts.material)).all()


def test_the_same_seed_gives_the_same_world_in_another_process():
    code = (
        "from loopbook.scenario.source import SimulationSource; from loopbook.simulation.world import simulate\n"
        "world = simulate(SimulationSource(kind='simulation', rows=1200, seed=4), 50, 10)\n"
        "print(world.posts.to_csv(index=False), end='')"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "123"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == simulate(SMALL, 50, 10).posts.to_csv(index=False)


def test_another_seed_gives_another_world(world):
    other = simulate(SimulationSource(kind="simulation", rows=1_200, seed=5)).posts
    assert not set(other.text) & set(simulate(SMALL).posts.text)


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_day_is_the_same_whatever_window_is_asked_for(data):
    first = data.draw(st.integers(0, 119))
    length = data.draw(st.integers(1, 120 - first))
    whole, window = simulate(SMALL), simulate(SMALL, first, length)
    day = _days(whole.posts, SMALL)
    expected = whole.posts[(day >= first) & (day < first + length)].reset_index(drop=True)
    pd.testing.assert_frame_equal(window.posts, expected)
    assert set(window.truth.reposts.post_id) <= set(window.posts.post_id)
    assert set(window.truth.reposts.original) <= set(window.posts.post_id)


@pytest.mark.parametrize(("first", "length"), [(-1, 5), (0, 121), (120, None), (30, 0), (119, 2)])
def test_a_window_outside_the_world_is_refused(first, length):
    with pytest.raises(ScenarioError, match="days 0 to 119"):
        simulate(SMALL, first, length)


def test_the_first_day_is_the_one_asked_for():
    posts = simulate(SimulationSource(kind="simulation", rows=500, days=20, start=date(2024, 2, 28)), 1, 2).posts
    assert set(posts.time.dt.date) == {date(2024, 2, 29), date(2024, 3, 1)}


def test_alerts_are_neither_rare_nor_common(world):
    assert 0.15 < world.posts.alert.mean() < 0.35


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.2])
def test_annotators_are_wrong_as_often_as_asked(noise):
    posts = simulate(SimulationSource(kind="simulation", rows=5_000, label_noise=noise)).posts
    wrong = (posts.alert != posts.true_alert).mean()
    assert wrong == pytest.approx(noise, abs=4 * np.sqrt(noise * (1 - noise) / 5_000))


def test_texts_do_not_repeat_themselves(world):
    texts = world.posts.text
    assert texts.duplicated().mean() < 0.02
    assert (texts.str.split().str[:5].str.join(" ").value_counts() == 1).sum() / len(texts) > 0.6
    assert len(set(" ".join(texts).lower().split())) > 8_000
    assert texts.str.split().str.len().between(7, 70).all()
    assert 15 < texts.str.split().str.len().median() < 30


def test_reposts_say_what_their_original_says(world):
    posts, reposts = world.posts.set_index("post_id"), world.truth.reposts
    assert len(reposts) / len(posts) == pytest.approx(0.03, abs=0.006)
    for row in reposts.itertuples():
        copy, original = posts.loc[row.post_id], posts.loc[row.original]
        assert original.text in copy.text
        assert (copy.text == original.text) == (row.form == "exact")
        assert original.time <= copy.time and original.true_alert == copy.true_alert
    unmarked = set(world.posts.post_id[world.posts.text.duplicated()]) - set(reposts.post_id)
    assert len(unmarked) <= 5  # short posts that came out the same by chance


def test_personal_data_is_written_down_and_comes_as_often_as_asked(world):
    posts, found = world.posts.set_index("post_id"), world.truth.personal_data
    assert set(found.kind) == {"mail", "phone", "card", "iban", "ip"}
    assert all(row.value in posts.text[row.post_id] for row in found.itertuples())
    assert found.post_id.nunique() / len(posts) == pytest.approx(0.03, abs=0.006)
    none = simulate(SimulationSource(kind="simulation", rows=1_000, personal_data_share=0.0))
    assert none.truth.personal_data.empty and not none.posts.text.str.contains("example.").any()


def test_the_truth_names_every_kind_of_effect(world):
    assert {*world.truth.effects.kind} == {
        *("surge", "vocabulary", "base_rate", "meaning", "label_noise", "style_gap", "reposts", "personal_data")
    }
    (noise,) = _effects(world, "label_noise")
    assert noise["parameters"] == {"share": 0.02} and (noise["first_day"], noise["last_day"]) == (0, 119)


def _effects(world, kind):
    found = world.truth.effects[world.truth.effects.kind == kind].to_dict(orient="records")
    return [{**effect, "parameters": json.loads(effect["parameters"])} for effect in found]


def test_surges_are_where_the_truth_says(world, days):
    surges = _effects(world, "surge")
    assert len(surges) >= 6
    for surge in surges:
        about = (world.posts.company == surge["company"]) & world.posts.topics.str.startswith(surge["topic"])
        during = days.between(surge["first_day"], surge["last_day"])
        length = surge["last_day"] - surge["first_day"] + 1
        expected = surge["parameters"]["extra_share"] * 20_000 / 120 * length
        assert (about & during).sum() == pytest.approx(expected, rel=0.2)
        same = world.posts.sentiment[about & during] == surge["parameters"]["sentiment"]
        assert same.mean() > 0.6


def test_new_words_come_on_the_day_of_the_truth(world, days):
    (effect,) = _effects(world, "vocabulary")
    has = world.posts.text.str.contains(rf"\b(?:{'|'.join(words().drift.values())})\b", case=False)
    assert has[days < effect["first_day"]].mean() < 0.01
    assert has[days >= effect["first_day"]].mean() > 0.3


def test_the_base_rate_changes_as_the_truth_says(world, days):
    (effect,) = _effects(world, "base_rate")
    surged = np.zeros(len(days), bool)
    for surge in _effects(world, "surge"):
        surged |= days.between(surge["first_day"], surge["last_day"]).to_numpy()
    bad = world.posts.material & (world.posts.sentiment == "negative")
    meaning = _effects(world, "meaning")[0]["first_day"]
    before = bad[~surged & (days < effect["first_day"])]
    after = bad[~surged & (days >= effect["first_day"]) & (days < meaning)]
    for rate, some in ((effect["parameters"]["before"], before), (effect["parameters"]["after"], after)):
        assert some.mean() == pytest.approx(rate, abs=4 * np.sqrt(rate * (1 - rate) / len(some)))


def test_the_meaning_of_bad_news_changes_as_the_truth_says(world, days):
    first = world.posts.topics.str.split("|").str[0]
    effects = _effects(world, "meaning")
    assert {effect["topic"]: effect["parameters"]["after"] for effect in effects} == events.MEANING
    for effect in effects:
        of = first == effect["topic"]
        material = world.posts.material & of
        after = days >= effect["first_day"]
        bad = world.posts.sentiment == "negative"
        assert (bad & material & ~after).sum() > 20
        assert not (bad & material & after).any()
        if effect["parameters"]["after"] == "neutral":
            assert (world.posts.sentiment == "neutral")[material & after].any()
    others = ~first.isin(list(events.MEANING)) & (days >= effects[0]["first_day"]) & world.posts.material
    assert (world.posts.sentiment == "negative")[others].mean() > 0.4


def test_casual_posts_are_harder_as_the_truth_says(world):
    (gap,) = _effects(world, "style_gap")
    posts = world.posts[world.posts.sentiment != "neutral"]
    for style in ("formal", "casual"):
        for case, share in gap["parameters"][style].items():
            assert (posts.hard_case[posts["style"] == style] == case).mean() == pytest.approx(share, abs=0.025)
    assert (world.posts["style"] == "casual").mean() == pytest.approx(gap["parameters"]["casual_share"], abs=0.02)


def test_without_effects_there_is_neither_surge_nor_drift():
    quiet = simulate(SimulationSource(kind="simulation", rows=20_000, seed=2, effects=False))
    assert {*quiet.truth.effects.kind} == {"label_noise", "style_gap", "reposts", "personal_data"}
    day = _days(quiet.posts, SMALL)
    bad = quiet.posts.true_alert
    rates = bad.groupby(day // 10).agg(["mean", "size"])
    assert ((rates["mean"] - 0.25).abs() < 4 * np.sqrt(0.25 * 0.75 / rates["size"])).all()
    weeks = quiet.posts.groupby(day // 7).size().iloc[:17]
    assert weeks.max() / weeks.min() < 1.1
    has = quiet.posts.text.str.contains("mass claim|workforce reset|agent swarm|glide path|brownout", case=False)
    assert not has.any()


def test_later_days_change_no_earlier_one_and_go_on_as_the_world_then_is():
    longer = simulate(SMALL.model_copy(update={"later_days": 40}))
    before = simulate(SMALL)
    pd.testing.assert_frame_equal(longer.posts.head(len(before.posts)), before.posts)
    day = _days(longer.posts, SMALL)
    assert day.max() == 159
    assert (day >= 120).sum() / 40 == pytest.approx(1_200 / 120, rel=0.15)
    drifts = [effect for kind in ("vocabulary", "base_rate", "meaning") for effect in _effects(longer, kind)]
    assert {effect["last_day"] for effect in drifts} == {159}
    surges = [effect for effect in _effects(longer, "surge") if effect["first_day"] >= 120]
    assert len(surges) == 3
    known = _effects(before, "surge")
    assert [effect for effect in _effects(longer, "surge") if effect["first_day"] < 120] == known
