import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopbook.simulation import events
from loopbook.simulation.vocabulary import words


@settings(max_examples=50, deadline=None)
@given(st.integers(200, 30_000), st.integers(20, 400), st.integers(0, 6), st.integers(0, 1000), st.booleans())
def test_the_days_add_up_to_the_rows_asked_for(rows, days, weekday, seed, with_effects):
    effects = events.schedule(days, seed) if with_effects else ()
    volumes = events.volumes(rows, days, weekday, seed, effects)
    assert len(volumes) == days
    assert sum(sum(volume.values()) for volume in volumes) == rows
    assert all(count >= 0 for volume in volumes for count in volume.values())


@given(st.integers(20, 400), st.integers(0, 1000))
def test_effects_lie_in_the_world_and_drift_comes_late(days, seed):
    effects = events.schedule(days, seed)
    assert {effect.kind for effect in effects} == {"surge", "vocabulary", "base_rate", "meaning"}
    for effect in effects:
        assert 0 <= effect.first_day <= effect.last_day < days
        if effect.kind != "surge":
            assert effect.first_day >= 0.8 * days and effect.last_day == days - 1
        else:
            assert effect.company in {company.name for company in words().companies}
            assert effect.topic in words().topics


def test_a_surge_adds_the_share_of_posts_that_it_says():
    effects = events.schedule(120, 1)
    volumes = events.volumes(120_000, 120, 3, 1, effects)
    ordinary = sum(volume[-1] for volume in volumes) / 120
    for index, effect in enumerate(effects):
        days = [day for day, volume in enumerate(volumes) if index in volume]
        if effect.kind == "surge":
            assert days == list(range(effect.first_day, effect.last_day + 1))
            for day in days:
                assert volumes[day][index] / ordinary == pytest.approx(effect["extra_share"], rel=0.05)
        else:
            assert days == []
