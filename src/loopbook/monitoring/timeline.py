"""Reference and current window: the decision log laid out by days, beside the rows that it is compared with."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.decisions.costs import realised
from loopbook.monitoring import spread
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError, suggest
from loopbook.statistics.daily_counts import Counts
from loopbook.statistics.day_spread import Daily, Pooled

Floats = NDArray[np.float64]
Days = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Side:
    """Rows in the order of time: either the stream (what was decided) or the reference (what was tested).

    Attributes
    ----------
    frame
        The rows with all their columns, [n].
    day
        int64 [n], counted from the side's first day.
    days
        How many days the side has, those without a row too.
    probability
        float64 [n]; NaN where a rule decided before the model was asked.
    label
        float64 [n], 0 or 1; NaN where the outcome will not be known.
    acted
        bool [n], whether the agent took the action for "yes".
    cost
        float64 [n], in the scenario's currency; NaN where the outcome will not be known.
    weekday
        int64 [days], 0 for Monday; None for rows without times.
    flagged
        float64 [n], 0 or 1: whether the row is one to act on, by the same measure on both sides; NaN where a rule
        decided. A person who reviews may have done otherwise.
    """

    frame: pd.DataFrame
    day: Days
    days: int
    probability: Floats
    label: Floats
    acted: Mask
    cost: Floats
    weekday: Days | None
    flagged: Floats

    def keep(self, rows: Mask) -> "Side":
        """Return the side with these rows only, bool [n]; the days stay."""
        return Side(
            self.frame[rows].reset_index(drop=True),
            self.day[rows],
            self.days,
            self.probability[rows],
            self.label[rows],
            self.acted[rows],
            self.cost[rows],
            self.weekday,
            self.flagged[rows],
        )

    def daily(self, values: Floats) -> Daily:
        """Return the means by day of values of the rows, [n] or [n, k]; NaN is left out."""
        return Daily.of(np.atleast_2d(values.T), self.day, self.days, self.weekday)

    def counts(self, codes: Floats | Days, classes: int) -> Counts:
        """Count the rows of each class by day; `codes` [n] are 0 to `classes` - 1, below 0 or NaN where not known."""
        return Counts.of(np.nan_to_num(codes, nan=-1).astype("int64"), classes, self.day, self.days, self.weekday)

    def __len__(self) -> int:
        return len(self.frame)


@dataclass(frozen=True, eq=False)
class Log:
    """The stream and its reference, and what the scenario wants of monitoring.

    Attributes
    ----------
    stream, reference
        The two sides.
    start
        Date of the stream's day 0; None for a log without times.
    scenario
        Task, source, decisions and monitoring are used.
    level
        Probability of a false alarm that each kind of check may spend a day. With `checks` kinds, the expected number
        of false alarms a hundred days is at most 100 · level · checks, the scenario's promise (union bound).
    checks
        The kinds of check that this log allows.
    spread
        What the reference tells of the spread between days.
    """

    stream: Side
    reference: Side
    start: date | None
    scenario: Scenario
    level: float
    checks: tuple[str, ...]
    spread: Pooled

    @property
    def delay(self) -> int:
        """Days until an outcome is known."""
        return self.scenario.monitoring.label_delay_days

    @property
    def last(self) -> int:
        """The last day of the watch: outcomes of the stream's last decisions have arrived."""
        return self.stream.days - 1 + self.delay

    def date(self, day: int) -> str:
        """Return the name of a day of the stream: its date, or its number where there are no dates."""
        return f"day {day}" if self.start is None else (self.start + timedelta(days=int(day))).isoformat()

    def dates(self, days: NDArray[np.int64] | range) -> pd.Index:
        """Return days as an index to draw over: dates, or numbers where there are no dates."""
        numbers = np.asarray(days, dtype="int64")
        values = numbers if self.start is None else np.datetime64(self.start, "D") + numbers
        index: pd.Index = pd.Index(values, name="day")
        return index

    def without(self, stream: Mask, reference: Mask) -> "Log":
        """Return the log without these rows, bool [n] of each side."""
        return replace(self, stream=self.stream.keep(~stream), reference=self.reference.keep(~reference))


def prepare(
    decisions: pd.DataFrame, reference: pd.DataFrame, scenario: Scenario, threshold: float | None = None
) -> Log:
    """Lay out the decision log and its reference by days.

    A log without times is cut into ``monitoring.replay_days`` equal stretches, in its own order.

    Parameters
    ----------
    decisions
        The log: time (UTC), probability, action, label, the row's fields; cost if it is known.
    reference
        The same of rows that were not trained on (the test split); action and cost may be missing.
    scenario
        The agent.
    threshold
        What would have been acted on in the reference, if it has no column ``action``.

    Raises
    ------
    DataError
        If a side is empty, a column is missing, or some rows have a time and others do not.
    """
    cut = threshold if "action" not in reference.columns else None
    if "action" not in reference.columns:
        if threshold is None:
            raise DataError(
                "the reference has no column 'action'; give the policy's threshold, so that monitoring knows what "
                "would have been acted on"
            )
        yes, no = scenario.task.actions[1], scenario.task.actions[0]
        reference = reference.assign(action=np.where(reference["probability"] >= threshold, yes, no))
    for name, frame in (("decision log", decisions), ("reference", reference)):
        _complete(name, frame, scenario)
    timed = [_timed(name, frame) for name, frame in (("decision log", decisions), ("reference", reference))]
    per_day = max(1.0, len(decisions) / scenario.monitoring.replay_days)
    stream = _side(decisions, scenario, timed[0], per_day, cut)
    start = decisions["time"].min().date() if timed[0] else None
    checks = _checks(scenario, timed[0])
    level = scenario.monitoring.false_alarms / 100 / len(checks)
    base = _side(reference, scenario, timed[1], per_day, cut)
    known = (base.probability, base.label, base.flagged)
    learned = spread.learn(base.frame, known, base.day, base.weekday, scenario)
    return Log(stream, base, start, scenario, level, checks, learned)


def texts(side: Side, scenario: Scenario) -> list[str]:
    """Return the text of each row: its text fields, one after the other."""
    fields = [side.frame[name].astype(str) for name in scenario.task.text_fields]
    return [" ".join(parts) for parts in zip(*fields, strict=True)]


def known(log: Log) -> tuple[Side, Side]:
    """Return stream and reference with only the rows that have an outcome and a probability."""
    stream, reference = (side.keep(~np.isnan(side.label + side.probability)) for side in (log.stream, log.reference))
    return stream, reference


def _checks(scenario: Scenario, timed: bool) -> tuple[str, ...]:
    segments = scenario.monitoring.segments
    wanted = {
        "surge": bool(segments),
        "volume": timed,
        "vocabulary": bool(scenario.task.text_fields),
        "flagged": True,
        "score": True,
        "classes": True,
        "field": bool(scenario.task.table_fields),
        "outcomes": True,
        "calibration": True,
        "ranking": True,
        "meaning": bool(segments),
        "fairness": bool(scenario.source.protected),
    }
    return tuple(name for name, is_wanted in wanted.items() if is_wanted)


def _complete(name: str, frame: pd.DataFrame, scenario: Scenario) -> None:
    if frame.empty:
        raise DataError(f"the {name} has no row; there is nothing to monitor")
    needed = ["probability", "action", "label", *scenario.task.fields]
    needed += [*scenario.source.protected, *scenario.monitoring.segments]
    for column in needed:
        if column not in frame.columns:
            raise DataError(f"the {name} has no column {column!r}.{suggest(column, frame.columns)}")


def _timed(name: str, frame: pd.DataFrame) -> bool:
    if "time" not in frame.columns:
        return False
    missing = int(frame["time"].isna().sum())
    if 0 < missing < len(frame):
        raise DataError(f"{missing} of {len(frame)} rows of the {name} have no time; give all rows a time, or none")
    return missing == 0


def _side(frame: pd.DataFrame, scenario: Scenario, timed: bool, per_day: float, cut: float | None) -> Side:
    weekday = None
    if timed:
        frame = frame.sort_values("time", kind="stable").reset_index(drop=True)
        dates = frame["time"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[D]")
        day = (dates - dates[0]).astype("int64")
        weekday = (pd.Timestamp(dates[0]).weekday() + np.arange(int(day[-1]) + 1)) % 7
    else:
        frame = frame.reset_index(drop=True)
        day = (np.arange(len(frame)) / per_day).astype("int64")
    acted = frame["action"].astype(str).to_numpy() == scenario.task.actions[1]
    label = frame["label"].to_numpy("float64", na_value=np.nan)
    if "cost" in frame.columns:
        cost = frame["cost"].to_numpy("float64", na_value=np.nan)
    else:
        cost = np.full(len(frame), np.nan)
        there = ~np.isnan(label)
        cost[there] = realised(scenario.decisions.costs, acted[there], label[there])
    probability = frame["probability"].to_numpy("float64", na_value=np.nan)
    flagged = acted.astype("float64") if cut is None else (probability >= cut).astype("float64")
    flagged[np.isnan(probability)] = np.nan
    return Side(frame, day, int(day[-1]) + 1, probability, label, acted, cost, weekday, flagged)
