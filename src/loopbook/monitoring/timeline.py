"""Reference and current window: the decision log laid out by days, beside the rows that it is compared with."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.decisions import costs
from loopbook.decisions.costs import CostMatrix
from loopbook.monitoring import spread
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError, suggest
from loopbook.scenario.task import Number, Ranking
from loopbook.statistics import targets
from loopbook.statistics.daily_counts import Counts
from loopbook.statistics.day_spread import Daily, Pooled
from loopbook.statistics.targets import NO_CLASS

Floats = NDArray[np.float64]
Days = NDArray[np.int64]
Mask = NDArray[np.bool_]
ANSWER = "answer"
"""Column of the most probable class, where there are more than two."""
NUMBER = ("label", "value", "low", "high")
"""Where a number is predicted: outcome, prediction, and the ends of its interval."""


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
        float64 [n, k], of each class; NaN where a rule decided before the model was asked.
    code
        Class of each row, int64 [n]; `targets.NO_CLASS` where the outcome will not be known.
    action
        int64 [n], what was done, by its place among the actions; -1 where a person has still to decide.
    cost
        float64 [n], in the scenario's currency; NaN where the outcome will not be known.
    weekday
        int64 [days], 0 for Monday; None for rows without times.
    flagged
        int64 [n], the action that the model's answer calls for, by the same measure on both sides; -1 where a rule
        decided. A person who reviews may have done otherwise.
    number
        float64 [n, 4], where a number is predicted: the outcome, its prediction, the ends of its interval; NaN where
        not known.
    """

    frame: pd.DataFrame
    day: Days
    days: int
    probability: Floats
    code: Days
    action: Days
    cost: Floats
    weekday: Days | None
    flagged: Days
    number: Floats

    @cached_property
    def said(self) -> Days:
        """The most probable class of each row, int64 [n]; `targets.NO_CLASS` where the model was not asked."""
        found = np.nan_to_num(self.probability).argmax(axis=1)
        return np.where(np.isnan(self.chance), NO_CLASS, found).astype("int64")

    @cached_property
    def chance(self) -> Floats:
        """Probability of the event that is watched, float64 [n]: of two classes yes, else that the answer is right."""
        return np.asarray(self.probability[:, 1] if self.probability.shape[1] == 2 else self.probability.max(axis=1))

    @cached_property
    def event(self) -> Floats:
        """Whether that event has come, float64 [n], 0 or 1; NaN where the outcome will not be known.

        Several classes come down to two this way: calibrated probabilities of the most probable class are as often
        right as they say (confidence calibration: Guo et al. 2017, On calibration of modern neural networks).
        """
        came = self.code == (1 if self.probability.shape[1] == 2 else self.said)
        return np.where(self.code == NO_CLASS, np.nan, came)

    @property
    def acted(self) -> Mask:
        """Whether something else was done than the first of the actions, bool [n]."""
        return np.asarray(self.action > 0)

    def keep(self, rows: Mask) -> "Side":
        """Return the side with these rows only, bool [n]; the days stay."""
        parts = ("day", "probability", "code", "action", "cost", "flagged", "number")
        kept = {name: getattr(self, name)[rows] for name in parts}
        return replace(self, frame=self.frame[rows].reset_index(drop=True), **kept)

    def daily(self, values: Floats) -> Daily:
        """Return the means by day of values of the rows, [n] or [n, k]; NaN is left out."""
        return Daily.of(np.atleast_2d(values.T), self.day, self.days, self.weekday)

    def counts(self, codes: Days, classes: int) -> Counts:
        """Count the rows of each class by day; `codes` [n] are 0 to `classes` - 1, below 0 where not known."""
        return Counts.of(codes, classes, self.day, self.days, self.weekday)

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
        Probability of a false alarm that each kind of check may spend a day, but that of waves, which has a share of
        its own (`monitoring.sentiment.budget`). The expected number of false alarms a hundred days is at most a hundred
        times the sum over the kinds, the scenario's promise (union bound).
    checks
        The kinds of check that this log allows.
    spread
        What the reference tells of the spread between days.
    classes
        Names of the classes, [k]: those that the model knows, and behind these the others that the rows have.
    prices
        What each action costs by class.
    """

    stream: Side
    reference: Side
    start: date | None
    scenario: Scenario
    level: float
    checks: tuple[str, ...]
    spread: Pooled
    classes: tuple[str, ...]
    prices: CostMatrix

    @property
    def several(self) -> bool:
        """Whether there are more than two classes, so that none of them is yes."""
        return len(self.classes) > 2

    @property
    def segments(self) -> tuple[str, ...]:
        """Columns in whose values surges are looked for; of several classes the answer is one."""
        return (*self.scenario.monitoring.segments, *([ANSWER] if self.several else []))

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

    def truth(self, side: Side) -> NDArray[Any]:
        """Return what the costs of a side's rows depend on, [n] (`CostMatrix.truth`)."""
        return side.number[:, 0] if self.prices.functions else side.code

    @cached_property
    def known(self) -> tuple[Side, Side]:
        """Stream and reference with only the rows that have an outcome and a probability."""
        stream, reference = (side.keep(~np.isnan(side.event + side.chance)) for side in (self.stream, self.reference))
        return stream, reference

    def without(self, stream: Mask, reference: Mask) -> "Log":
        """Return the log without these rows, bool [n] of each side."""
        return replace(self, stream=self.stream.keep(~stream), reference=self.reference.keep(~reference))


def prepare(
    decisions: pd.DataFrame,
    reference: pd.DataFrame,
    scenario: Scenario,
    threshold: float | None = None,
    scores: tuple[pd.DataFrame, pd.DataFrame] | None = None,
) -> Log:
    """Lay out the decision log and its reference by days.

    A log without times is cut into ``monitoring.replay_days`` equal stretches, in its own order.

    Parameters
    ----------
    decisions
        The log: time (UTC), action, label, the row's fields; cost if it is known; ``value``, ``low`` and ``high`` where
        a number is predicted.
    reference
        The same of rows that were not trained on (the test split); action and cost may be missing.
    scenario
        The agent.
    threshold
        Of two classes, from which probability of yes the policy acts; None: by the cost matrix.
    scores
        What the model says of the rows of either side, by ``row_id`` and with a column a class. None: there are two
        classes, and the column ``probability`` of either side is that of yes.

    Raises
    ------
    DataError
        If a side is empty, a column is missing, or some rows have a time and others do not.
    """
    sides = {"decision log": decisions, "reference": reference}
    for name, frame in sides.items():
        _complete(name, frame, scenario, [] if scores else ["probability"])
    task = scenario.task
    timed = [_timed(name, frame) for name, frame in sides.items()]
    known = task.label.classes if scores is None else tuple(str(name) for name in scores[1] if name != "row_id")
    labelled = [name for frame in (reference, decisions) for name in targets.classes(frame["label"], task)]
    classes = tuple(dict.fromkeys([*labelled, *known]))
    said = [
        targets.by_class(frame["probability"].to_numpy("float64", na_value=np.nan))
        if scores is None
        else targets.aligned(_by_row(frame, scores[at]), known, classes)
        for at, frame in enumerate(sides.values())
    ]
    prices = costs.of(scenario.decisions.costs, task, classes)
    per_day = max(1.0, len(decisions) / scenario.monitoring.replay_days)
    acted = "action" in reference.columns
    stream, base = (
        _side(frame, p, scenario, prices, per_day if not is_timed else None, threshold, acted)
        for frame, p, is_timed in zip(sides.values(), said, timed, strict=True)
    )
    start = decisions["time"].min().date() if timed[0] else None
    checks = _checks(scenario, timed[0], len(classes), stream, base)
    told, level = scenario.monitoring.sentiment, scenario.monitoring.false_alarms / 100 / len(checks)
    if told:  # the check over all rows has a share of its own
        level *= (1 - told.budget) * len(checks) / (len(checks) - 1)
    shares = (*_shares(base.code, len(classes)), *_shares(base.flagged, len(prices.actions)))
    learned = spread.learn(base.frame, [base.chance, *shares], base.day, base.weekday, scenario)
    return Log(stream, base, start, scenario, level, checks, learned, classes, prices)


def texts(side: Side, scenario: Scenario) -> list[str]:
    """Return the text of each row: its text fields, one after the other."""
    fields = [side.frame[name].astype(str) for name in scenario.task.text_fields]
    return [" ".join(parts) for parts in zip(*fields, strict=True)]


def _shares(codes: Days, width: int) -> list[Floats]:
    """Return which rows are of each common class, float64 [n] each, NaN where not known; of two the second alone."""
    common = [1] if width == 2 else np.flatnonzero(np.bincount(codes[codes >= 0]) >= spread.LEAST_SHARE * len(codes))
    return [np.where(codes < 0, np.nan, codes == at) for at in common]


def _checks(scenario: Scenario, timed: bool, classes: int, *sides: Side) -> tuple[str, ...]:
    segments, several = bool(scenario.monitoring.segments), classes > 2
    predicted = all(not np.isnan(side.number[:, 1]).all() for side in sides)
    wanted = {
        "surge": segments or several,
        "volume": timed,
        "wave": scenario.monitoring.sentiment is not None,
        "vocabulary": bool(scenario.task.text_fields),
        "flagged": True,
        "score": True,
        "classes": True,
        "field": bool(scenario.task.table_fields),
        "outcomes": True,
        "new_class": several,
        "calibration": True,
        "ranking": True,
        "confusion": several and not predicted,
        "residual": predicted,
        "meaning": segments,
        "fairness": bool(scenario.source.protected),
        "narrowing": isinstance(scenario.task, Ranking),
    }
    return tuple(name for name, is_wanted in wanted.items() if is_wanted)


def _complete(name: str, frame: pd.DataFrame, scenario: Scenario, more: list[str]) -> None:
    if frame.empty:
        raise DataError(f"the {name} has no row; there is nothing to monitor")
    needed = [*more, "label", *scenario.task.fields, *scenario.source.protected, *scenario.monitoring.segments]
    told = scenario.monitoring.sentiment
    needed += [told.output] if told and told.output in scenario.task.also else []
    needed += ["action"] if name == "decision log" else []
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


def _by_row(frame: pd.DataFrame, scores: pd.DataFrame) -> Floats:
    """Return the scores of each row, float64 [n, k]; NaN for one that has none."""
    return scores.set_index("row_id").reindex(frame["row_id"]).to_numpy("float64", na_value=np.nan)


def _called_for(probability: Floats, number: Floats, prices: CostMatrix, threshold: float | None) -> Days:
    """Return the action that the model's answers call for, int64 [n]."""
    if threshold is not None:
        return (targets.of_yes(probability) >= threshold).astype("int64")
    if prices.functions:
        return prices.should(number[:, 1])
    return prices.cheapest(probability)


def _side(
    frame: pd.DataFrame,
    probability: Floats,
    scenario: Scenario,
    prices: CostMatrix,
    per_day: float | None,
    threshold: float | None,
    acted: bool,
) -> Side:
    """Lay out one side; `per_day` rows are a day where they have no times, and `acted` says whether both have acted."""
    weekday = None
    if per_day is None:
        order = frame["time"].argsort(kind="stable").to_numpy()
        frame, probability = frame.iloc[order].reset_index(drop=True), probability[order]
        dates = frame["time"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[D]")
        day = (dates - dates[0]).astype("int64")
        weekday = (pd.Timestamp(dates[0]).weekday() + np.arange(int(day[-1]) + 1)) % 7
    else:
        frame = frame.reset_index(drop=True)
        day = (np.arange(len(frame)) / per_day).astype("int64")
    own = pd.Index(prices.classes).get_indexer(pd.Index(targets.classes(frame["label"], scenario.task)))
    code = np.append(own, NO_CLASS)[targets.codes(frame["label"], scenario.task)].astype("int64")
    number = np.full((len(frame), len(NUMBER)), np.nan)
    if isinstance(scenario.task, Number):
        number = frame.reindex(columns=NUMBER).to_numpy("float64", na_value=np.nan)
    flagged = _called_for(probability, number, prices, threshold)
    action = flagged
    if "action" in frame.columns:
        action = prices.index(frame["action"].astype(str))
    if "cost" in frame.columns:
        cost = frame["cost"].to_numpy("float64", na_value=np.nan)
    else:
        cost = np.full(len(frame), np.nan)
        there = (code != NO_CLASS) & (action >= 0)
        cost[there] = prices.realised(action[there], (number[:, 0] if prices.functions else code)[there])
    flagged = np.where(np.isnan(probability).any(axis=1), -1, action if acted else flagged)
    side = Side(frame, day, int(day[-1]) + 1, probability, code, action, cost, weekday, flagged, number)
    if len(prices.classes) == 2:
        return side
    answer = np.array([*prices.classes, ""], dtype=object)[side.said]
    return replace(side, frame=frame.assign(**{ANSWER: answer}))
