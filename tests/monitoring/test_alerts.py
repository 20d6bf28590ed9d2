from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopbook.monitoring import alerts, signals
from loopbook.monitoring.alerts import CAUSES, TITLES
from loopbook.monitoring.timeline import Log


def signal(check: str, onset: int, *, place: str = "", day: int | None = None, up: bool = True) -> dict[str, object]:
    late = 5 if check in ("outcomes", "calibration", "ranking", "meaning", "fairness") else 0
    last = onset + 1
    numbers = (1.0 if up else -1.0, np.nan, np.nan, 0.0, 1.0, 1e-6, True, False, "", f"evidence of {check} {place}")
    known = last + late if day is None else day
    return dict(zip(signals.COLUMNS, (check, place, known, onset, last, *numbers), strict=True))


def causes(log: Log, *found: dict[str, object]) -> list[tuple[str, int]]:
    return [(one.cause, one.first) for one in alerts.incidents(log, [signals.table(found)])[1]]


@pytest.fixture(scope="module")
def log(quiet: Callable[..., Log]) -> Log:
    return quiet(1)


def test_what_new_words_bring_is_one_incident(log: Log) -> None:
    found = [signal("vocabulary", 8), signal("score", 9), signal("calibration", 7), signal("ranking", 5)]
    table, together = alerts.incidents(log, [signals.table(found)])
    assert len(together) == 1
    one = together[0]
    assert (one.cause, one.first, one.last, len(one.signals)) == ("vocabulary", 8, 19, 4)
    assert one.day == table["day"].min()


def test_an_alert_comes_with_its_first_signal_and_is_named_by_its_cause(log: Log) -> None:
    found = [signal("score", 8, day=9), signal("vocabulary", 8, day=11)]
    one = alerts.incidents(log, [signals.table(found)])[1][0]
    assert (one.day, one.named, one.cause) == (9, 11, "vocabulary")


@pytest.mark.parametrize("check", ["vocabulary", "field", "classes", "surge", "segment", "score", "flagged"])
def test_an_incident_keeps_its_id_while_its_beginning_is_estimated_anew_and_places_join(log: Log, check: str) -> None:
    first = signal(check, 8, place="b", day=10)
    found = [[first], [first, signal(check, 8, place="a", day=12)], [first | {"onset": 7}]]
    ids = [alerts.incidents(log, [signals.table(each)])[1][0].id(log) for each in found]
    assert len(set(ids)) == 1
    others = [signal(check, 8, place="b", day=11), signal(check, 8, place="c", day=10)]
    others.append(signal("ranking" if check == "score" else "score", 8, place="b", day=10))
    assert ids[0] not in {alerts.incidents(log, [signals.table([each])])[1][0].id(log) for each in others}


def test_changes_that_follow_each_other_stay_apart(log: Log) -> None:
    found = [signal("vocabulary", 4), signal("classes", 10), signal("outcomes", 11), signal("meaning", 17, place="t=1")]
    assert sorted(causes(log, *found)) == [("base_rate", 11), ("meaning", 17), ("vocabulary", 4)]


def test_the_base_rate_that_falls_with_a_meaning_belongs_to_it(log: Log) -> None:
    found = [signal("meaning", 12, place="t=1", up=False), signal("outcomes", 15, up=False)]
    assert causes(log, *found) == [("meaning", 12)]
    assert len(causes(log, found[0], signal("outcomes", 15))) == 2


def test_several_places_of_one_change_are_one_incident_that_began_on_their_median_day(log: Log) -> None:
    found = [signal("meaning", onset, place=f"t={onset}") for onset in (9, 13, 14)]
    one = alerts.incidents(log, [signals.table(found)])[1]
    assert [(each.first, each.places) for each in one] == [(13, ("t=9", "t=13", "t=14"))]


def test_days_of_one_surge_are_one_incident_and_another_company_is_another(log: Log) -> None:
    found = [signal("surge", 5, place="company “a” & topics “x”", day=day) for day in (5, 6, 7)]
    found.append(signal("surge", 6, place="company “b & sons” & topics “y”", day=6))
    one = alerts.incidents(log, [signals.table(found)])[1]
    assert [(each.first, each.last, each.places) for each in one] == [
        (5, 7, ("company “a”", "topics “x”")),
        (6, 6, ("company “b & sons”", "topics “y”")),
    ]


def test_a_symptom_without_a_cause_stands_alone(log: Log) -> None:
    assert causes(log, signal("calibration", 8), signal("surge", 2, place="company “a”", day=2)) == [
        ("surge", 2),
        ("calibration", 8),
    ]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*CAUSES, "volume", "score", "calibration", "ranking"]),
            st.integers(0, 18),
            st.sampled_from(["", "company “a”", "company “b” & topics “x”"]),
            st.booleans(),
        ),
        max_size=12,
    )
)
def test_every_signal_is_in_exactly_one_incident(log: Log, drawn: list[tuple[str, int, str, bool]]) -> None:
    found = [signal(check, onset, place=place, up=up) for check, onset, place, up in drawn]
    together = alerts.incidents(log, [signals.table(found)])[1]
    assert sorted(at for one in together for at in one.signals) == list(range(len(found)))
    for one in together:
        assert one.cause in TITLES
        assert one.day <= one.named
        assert 0 <= one.first <= one.last
        assert alerts.sentence(log, one).endswith(".")


def test_without_alarms_there_is_no_incident(log: Log) -> None:
    quiet_table = pd.DataFrame(signals.table([signal("score", 3)])).assign(alarm=False)
    assert alerts.incidents(log, [quiet_table])[1] == []
