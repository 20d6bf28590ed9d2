from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from loopbook.monitoring import damage, signals
from loopbook.monitoring.alerts import Incident
from loopbook.monitoring.timeline import Log


def nowhere(log: Log) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(len(log.stream), bool), np.zeros(len(log.reference), bool)


def row(check: str) -> pd.DataFrame:
    numbers = (1.0, np.nan, np.nan, 0.0, 1.0, 1e-6, True, False, "", f"evidence of {check}")
    return signals.table([dict(zip(signals.COLUMNS, (check, "", 12, 10, 11, *numbers), strict=True))])


def priced(stream: pd.DataFrame, day: np.ndarray) -> pd.DataFrame:
    """A decision costs 1 or 2 in turn before day 10, 2 or 3 from then on, 5 or 6 from day 15 on."""
    return stream.assign(cost=1.0 + np.arange(len(stream)) % 2 + (day >= 10) + 3.0 * (day >= 15))


def test_a_change_costs_what_its_decisions_cost_more_than_those_before(quiet: Callable[..., Log]) -> None:
    log = quiet(1, priced)
    one = Incident("vocabulary", (), 10, 19, 12, 12, (0,))
    table = damage.table(log, row("vocabulary"), [one], nowhere(log))
    # 10 days of 100 decisions; 1 more each, and 3 more on the last five days.
    assert table["decisions"].tolist() == [1000]
    assert table["cost"].iloc[0] == pytest.approx(1000 * 1 + 500 * 3)
    assert table["cost_low"].iloc[0] < table["cost"].iloc[0] < table["cost_high"].iloc[0]
    assert table["since"].tolist() == ["2026-01-29"]


def test_each_change_answers_for_its_own_share(quiet: Callable[..., Log]) -> None:
    log = quiet(1, priced)
    two = [Incident("vocabulary", (), 10, 19, 12, 12, (0,)), Incident("base_rate", (), 15, 19, 16, 16, (0,))]
    table = damage.table(log, row("vocabulary"), two, nowhere(log))
    assert table["cost"].tolist() == pytest.approx([500.0, 1500.0])


def test_without_outcomes_the_cost_is_not_known(quiet: Callable[..., Log]) -> None:
    log = quiet(1, lambda stream, day: priced(stream, day).assign(cost=lambda frame: frame["cost"].where(day < 10)))
    one = Incident("vocabulary", (), 10, 19, 12, 12, (0,))
    table = damage.table(log, row("vocabulary"), [one], nowhere(log))
    assert np.isnan(table["cost"].iloc[0])


def test_no_incident_gives_an_empty_table(quiet: Callable[..., Log]) -> None:
    log = quiet(1)
    table = damage.table(log, signals.table([]), [], nowhere(log))
    assert list(table.columns) == damage.COLUMNS
    assert table.empty
