"""Alarms of a series: where they begin, which known failures they find and how late, how many are false, in money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions import costs, policies
from loopbook.models.shipping import serving
from loopbook.scenario.errors import DataError
from loopbook.scenario.series import NO_FAULT
from loopbook.scenario.task import Anomaly
from loopbook.statistics import tails
from loopbook.statistics.intervals import Interval, poisson

if TYPE_CHECKING:
    from pathlib import Path

    from loopbook.decisions.costs import CostMatrix
    from loopbook.figures.figure import Figure
    from loopbook.store.stage import Stage

Bools = NDArray[np.bool_]
AGENT, RULE = "the agent", "moving z-score"


def begins(time: pd.DatetimeIndex, acting: ArrayLike, quiet: pd.Timedelta) -> pd.DatetimeIndex:
    """Return when alarms begin: at an acting row before which no other has acted for so long."""
    acted = time[np.asarray(acting, dtype=bool)]
    return acted[np.concatenate([[True], np.diff(acted) > quiet])] if len(acted) else acted


@dataclass(frozen=True)
class Judged:
    """Alarms held against known failures.

    Attributes
    ----------
    begins
        When alarms begin.
    failures
        Known failures, from and to: a table with ``begins``, ``ends``, and ``alarm``, the first alarm that begins
        inside (NaT: none does).
    false
        Alarms that begin outside all of them.
    months
        Of rows outside all of them.
    """

    begins: pd.DatetimeIndex
    failures: pd.DataFrame
    false: int
    months: float

    @property
    def found(self) -> int:
        """Known failures in which an alarm begins."""
        return int(self.failures["alarm"].notna().sum())

    @property
    def rate(self) -> Interval:
        """False alarms a month, with the exact interval of a Poisson rate."""
        return poisson(self.false, self.months)

    @property
    def delay_hours(self) -> float:
        """Median hours from the begin of a failure's window to the alarm in it; NaN where none is found."""
        late = (self.failures["alarm"] - self.failures["begins"]).dt.total_seconds() / 3600
        return float(late.median())


def judge(time: pd.DatetimeIndex, acting: ArrayLike, label: ArrayLike, quiet: pd.Timedelta, monthly: float) -> Judged:
    """Hold alarms against what is known.

    Parameters
    ----------
    time, acting, label
        Of each row, in the order of time: when, whether it is an alarm, 1 in a known failure.
    quiet
        As `begins` takes it.
    monthly
        Rows a month.
    """
    known = np.asarray(label) == 1
    failure = _failures(known)
    found = begins(time, acting, quiet)
    inside = [time[known & (failure == number)] for number in np.unique(failure[known])]
    spans = [(rows.min(), rows.max()) for rows in inside]
    alarm = [min((at for at in found if first <= at <= last), default=pd.NaT) for first, last in spans]
    first, last = zip(*spans, strict=True) if spans else ((), ())
    columns = {"begins": first, "ends": last, "alarm": alarm}
    failures = pd.DataFrame({name: pd.Series(moments, dtype=time.dtype) for name, moments in columns.items()})
    false = sum(not any(first <= at <= last for first, last in spans) for at in found)
    return Judged(found, failures, false, float((~known).sum()) / monthly)


def spent(acting: ArrayLike, stopping: ArrayLike, label: ArrayLike, prices: CostMatrix) -> float:
    """Return what alarms have cost on rows in the order of time.

    Outside known failures each stop and each inspection has its price. In a failure each row costs a miss until the
    first alarm; that costs its stop, or its inspection and the stop it leads to, and the failure is over: so an early
    alarm is worth more.

    Parameters
    ----------
    acting, stopping
        Which rows are an alarm, and which of these stop without an inspection.
    label
        1 in a known failure.
    """
    act, stop, known = (np.asarray(given, dtype=bool) for given in (acting, stopping, np.asarray(label) == 1))
    (rest, miss), (alarm, hit) = prices.cost.tolist()
    looked = prices.review + prices.error * alarm + (1 - prices.error) * rest
    each = np.where(~act, rest, np.where(stop, alarm, looked))
    total = float(each[~known].sum())
    failure = _failures(known)
    for number in np.unique(failure[known]):
        rows = known & (failure == number)
        unseen = int(np.argmax(act[rows])) if act[rows].any() else int(rows.sum())
        seen = unseen < rows.sum()
        total += unseen * miss + (hit + (0 if stop[rows][unseen] else prices.review) if seen else 0)
    return total


def _failures(known: Bools) -> NDArray[np.int64]:
    """Number known failures: rows of one follow each other without a normal one between them."""
    return np.asarray(np.cumsum(np.diff(known.astype(np.int64), prepend=0) == 1), dtype=np.int64)


@dataclass(frozen=True)
class Watch:
    """What the agent and plain rules would have done in all the time after the learning.

    Attributes
    ----------
    rows
        Measured rows of test, gate and stream, in the order of time; those with a simulated fault are `faults`.
    acting, stopping
        By who decides: which rows are an alarm, and which stop.
    probability
        What the champion gives each row.
    """

    rows: pd.DataFrame
    faults: pd.DataFrame
    acting: Mapping[str, Bools]
    stopping: Mapping[str, Bools]
    probability: NDArray[np.float64]
    prices: CostMatrix
    task: Anomaly
    quiet: pd.Timedelta

    @cached_property
    def time(self) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.rows["time"])

    @cached_property
    def judged(self) -> dict[str, Judged]:
        """Alarms of each who decides, held against what is known."""
        known = (self.rows["label"], self.quiet, self.task.monthly)
        return {name: judge(self.time, acting, *known) for name, acting in self.acting.items()}

    def about(self) -> str:
        """Say how much was watched, and what of it is known."""
        mine = self.judged[AGENT]
        if known := len(mine.failures):
            return f"{len(self.rows):,} {self.task.units}: {mine.months:.1f} months without a failure, {known} known."
        return (
            f"{len(self.rows):,} {self.task.units}: {mine.months:.1f} months. **No failure is known** in them: nobody "
            "can say which alarms are right or what they are worth; what simulated faults say stands in section 4."
        )

    def table(self, currency: str) -> pd.DataFrame:
        """Return each who decides beside the others: found of known, median delay, false alarms a month, money.

        Where no failure is known, nothing can be found and no alarm is known to be false: they are only counted.
        """
        lines = {}
        for name, found in self.judged.items():
            cost = spent(self.acting[name], self.stopping[name], self.rows["label"], self.prices)
            lines[name] = {
                "found": found.found,
                "of": len(found.failures),
                "hours late": found.delay_hours,
                "false alarms": found.false,
                **dict(zip(("a month", "low", "high"), found.rate, strict=True)),
                f"{currency} in all": cost,
            }
        table = pd.DataFrame(lines).T.rename_axis("who decides")
        unknown = table.drop(columns=["found", "of", "hours late"]).rename(columns={"false alarms": "alarms"})
        return table if len(self.judged[AGENT].failures) else unknown

    def failures(self) -> pd.DataFrame:
        """Return the known failures and when an alarm began in each, by who decides."""
        base = self.judged[AGENT].failures[["begins", "ends"]].rename(index=lambda at: f"failure {at + 1}")
        late = {name: one.failures["alarm"] - one.failures["begins"] for name, one in self.judged.items()}
        hours = {f"{name}, hours": gone.dt.total_seconds().to_numpy() / 3600 for name, gone in late.items()}
        return base.assign(**{name: late.round(1) for name, late in hours.items()})

    def simulated(self) -> pd.DataFrame:
        """Return which share of the simulated faults of the gate the agent's threshold finds, by their kind."""
        found = self.faults.groupby("fault")["found"].agg(["size", "mean"])
        return found.rename(columns={"size": "windows", "mean": "found"}).sort_values("found")

    def figure(self, column: str) -> Figure:
        """Draw a field over time, with known failures shaded and the begins of alarms marked."""
        from loopbook.figures import plots

        mine = self.judged[AGENT]
        known, count = len(mine.failures), len(mine.begins)
        said = (
            f"{mine.found} of {known} known failures found, {mine.false} false alarms" if known else f"{count} alarms"
        )
        return plots.timeline(
            self.rows.set_index("time")[[column]],
            title=f"{said} in {mine.months:.1f} months",
            y=column.replace("_", " "),
            alt=f"{column} by time; {said}; alarms begin at {', '.join(map(str, mine.begins.floor('min')))}.",
            spans=self._spans,
            marks={"an alarm begins": list(mine.begins)},
        )

    def probabilities(self, policy: Mapping[str, Any]) -> Figure:
        """Draw the champion's probability over time, beside the threshold from which there is an alarm."""
        from loopbook.figures import plots

        # Rows of an hour and less are too many to draw: of each day the highest counts.
        highest = pd.Series(self.probability, self.time, name="highest of the day").resample("D").max()
        edge = float(policy.get("threshold", policy.get("base", {}).get("threshold", np.nan)))
        over = int((highest >= edge).sum())
        return plots.timeline(
            highest.to_frame().assign(threshold=edge),
            title=f"On {over} of {len(highest)} days the threshold of {edge:.2f} was reached",
            y="probability",
            alt=f"Highest probability of each day; the threshold is {edge:.2f}, reached on {over} days.",
            spans=self._spans,
        )

    def begun(self) -> pd.DataFrame:
        """Return when the agent's alarms begin, and in which known failure, from 1; 0: in none."""
        mine = self.judged[AGENT]
        known = mine.failures
        inside = [((known["begins"] <= when) & (known["ends"] >= when)).to_numpy() for when in mine.begins]
        return pd.DataFrame(
            {"time": mine.begins, "failure": [int(rows.argmax()) + 1 if rows.any() else 0 for rows in inside]}
        )

    @property
    def _spans(self) -> dict[str, tuple[Any, Any]]:
        failures = self.judged[AGENT].failures.itertuples()
        return {f"failure {at + 1}": (row.begins, row.ends) for at, row in enumerate(failures)}

    def figures(self, currency: str) -> dict[str, float]:
        """Return what is to be recorded, flat."""
        table, mine = self.table(currency), self.judged[AGENT]
        cost, known = table[f"{currency} in all"], len(mine.failures)
        return {
            "alarms": len(mine.begins),
            "alarms_found": mine.found,
            "alarms_known": known,
            "alarms_found_share": mine.found / known if known else np.nan,
            "alarms_delay_hours": mine.delay_hours,
            **mine.rate.recorded("alarms_false_a_month"),
            "alarms_saving": float(cost.drop(index=AGENT).min() - cost[AGENT]) if known else np.nan,
            "faults_found_share": float(self.faults["found"].mean()) if len(self.faults) else np.nan,
        }


def watch(
    stage: Stage, champion: Path, policy: dict[str, Any], known: pd.DataFrame, splits: Sequence[pd.DataFrame]
) -> Watch:
    """Return what the agent, its policy of 05 and plain rules do with the rows of some splits.

    Parameters
    ----------
    stage
        Its scenario's task must be an anomaly's.
    champion, policy
        As 04 and 05 wrote them.
    known
        Rows that were learned from, by which the moving z-score gets its threshold too.
    splits
        Rows that nothing was learned from.

    Raises
    ------
    DataError
        If the task is another one, or the rows have no time.
    """
    task, quiet = stage.scenario.task, pd.Timedelta(hours=stage.settings.quiet_hours)
    rows = pd.concat(splits, ignore_index=True)
    if not isinstance(task, Anomaly) or rows["time"].isna().any():
        raise DataError("studies.alarms is for a task of type anomaly on rows with a time (source.time).")
    rows = rows.sort_values("time", kind="stable", ignore_index=True)
    answers = serving.load(champion).answer(rows)
    proposed = policies.load(policy).propose(rows, answers)
    asks, acts = proposed["review"].to_numpy(), proposed["action"].to_numpy() > 0
    measured = (rows["fault"] == NO_FAULT).to_numpy() if "fault" in rows else np.ones(len(rows), dtype=bool)
    kept = rows[measured].reset_index(drop=True)
    acting, stopping = {AGENT: (asks | acts)[measured]}, {AGENT: (acts & ~asks)[measured]}
    each = {"never": np.zeros(len(kept), dtype=bool), "always": np.ones(len(kept), dtype=bool)}
    if columns := [name for name in task.fields if name.endswith("_z")]:
        learned = known[known["label"] == 0]
        tail = tails.Tail.of(_furthest(learned[columns]))
        each[RULE] = tail.probability(_furthest(kept[columns])) <= task.false_alarms / task.monthly
    faults = rows[~measured].assign(found=(asks | acts)[~measured])
    prices = costs.of(stage.scenario.decisions.costs, task)
    said = answers.shown[measured]
    return Watch(kept, faults, acting | each, stopping | each, said, prices, task, quiet)


def _furthest(scores: pd.DataFrame) -> NDArray[Any]:
    """Return the logarithm of the largest of some z-scores of each row."""
    return np.asarray(np.log(np.nanmax(np.abs(scores.to_numpy(np.float64)), axis=1) + 1e-9))
