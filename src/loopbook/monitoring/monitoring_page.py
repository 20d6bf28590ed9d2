"""Figures and tables of notebook 06: volume, scores, alerts, ranking, gaps between groups, remedies."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.desk import numbers
from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.figures.sentence import Sentence, table
from loopbook.monitoring import fairness, lists_page, opinion_page, performance, shifts
from loopbook.monitoring.timeline import Log
from loopbook.monitoring.watch import Watch
from loopbook.scenario.task import Ranking
from loopbook.statistics.day_spread import FLOOR, kinds
from loopbook.statistics.metrics import METRICS
from loopbook.store.stage import Stage

_LEAST_DAYS = 3  # with a row, below which the reference has no spread to show
_ACTIONS = 4  # drawn where there are more than two

_WEEK = (
    "It teaches no week: weekends and weekdays are taken alike, so a weekend may look like a change.",
    "Workdays and weekends are told apart, single weekdays not.",
    "Each weekday is compared with its like.",
)
"""By how many kinds of day the reference tells apart."""


def volume(log: Log) -> Figure:
    """Draw rows and actions by day."""
    units = log.scenario.task.units
    acted, actions = log.stream.acted, log.prices.actions
    done = np.bincount(log.stream.action[log.stream.action >= 0], minlength=len(actions))
    most = int(done.argmax())
    if len(actions) == 2:
        told, shown = f"the agent acted on {acted.sum():,.0f}", {"acted": acted}
    else:
        told, shown = f"the commonest action, “{actions[most]}”, on {done[most]:,}", _commonest(log, done)
    weights = {units: None, **shown}
    counts = {
        name: np.bincount(log.stream.day, weights=weight, minlength=log.stream.days) for name, weight in weights.items()
    }
    return plots.timeline(
        pd.DataFrame(counts, index=log.dates(range(log.stream.days))),
        title=f"{len(log.stream):,} {units} in {_days(log.stream.days)}; {told}",
        y=f"{units} a day",
        alt=f"{units.capitalize()} and actions by day.",
    )


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _commonest(log: Log, done: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Return which rows were given each of the commonest actions, by its name."""
    first = np.argsort(-done, kind="stable")[:_ACTIONS]
    return {f"“{log.prices.actions[at]}”": log.stream.action == at for at in first if done[at]}


def scores(log: Log) -> Figure:
    """Draw the distribution of the probabilities in the last window beside that of the reference."""
    late = log.stream.day >= log.stream.days - log.scenario.monitoring.window_days
    return plots.histogram(
        {"reference": log.reference.chance, "last window": log.stream.chance[late]},
        title="What the model says now, beside what it said on the test",
        x="probability of the most probable class" if log.several else "probability",
        alt="Distribution of the model's probabilities in the reference and in the last window.",
    )


def spread(log: Log) -> Sentence:
    """Say what the reference teaches of days and weeks, and what cannot be watched."""
    side, learned = log.reference, log.spread
    filled = int((np.bincount(side.day, minlength=side.days) > 0).sum())
    words = [
        f"The reference has {filled} days with {log.scenario.task.units}, {len(side) / max(1, filled):,.0f} a day."
    ]
    if filled < _LEAST_DAYS:
        words.append(
            f"From fewer than {_LEAST_DAYS} days no spread between days can be learned: shares are not watched."
        )
    else:
        assumed = float(learned.correlation) <= FLOOR
        how = f"not beyond the {FLOOR:g} that is assumed at least" if assumed else f"{float(learned.correlation):.2g}"
        words.append(f"Two {log.scenario.task.units} of one day are alike by a correlation of {how}.")
        between = float(np.sqrt((filled / len(side) + learned.correlation) / 4))
        week, month = (100 * between * shifts.detectable(log.level, days, filled) for days in (7, 28))
        if log.several:
            watched, there = len(performance.calibrated(log)), int((np.bincount(log.reference.code + 1)[1:] > 0).sum())
            words.append(
                f"It has {there} of {len(log.classes)} classes; calibration is watched of the most probable class"
                f"{f' and of the {watched} commonest ones' if watched else ', for each alone there are too few rows'}."
            )
        words.append(
            f"A share of 50% that moves by {week:.0f} points is found within a week, by {month:.0f} points within "
            "four weeks, more often than not; less may go unseen."
        )
    if log.start is None:
        words.append(f"The {log.scenario.task.units} have no times: equal stretches of them stand for days.")
    else:
        some = np.bincount(side.day, minlength=side.days) > 0
        words.append(_WEEK[min(int(kinds(side.weekday, some).max(initial=0)), 2)])
    return Sentence(" ".join(words))


def alerts(seen: Watch) -> pd.DataFrame | Sentence:
    """Return the alerts: what, where, when, decisions, cost; those expected to cost most first, good news last."""
    columns = ["alert", "date", "cause", "place", "title", "since", "decisions", "expected_cost", "cost"]
    ranked = seen.alerts.sort_values(["told", "expected_cost"], ascending=[True, False], kind="stable")
    return table(ranked[columns].round(1), f"Nothing: no alert in {_days(seen.log.stream.days)}.")


def evidence(seen: Watch) -> tuple[Any, ...]:
    """Return the evidence of each alert in words, if there is one, and what `opinion_page` shows of sentiment."""
    frame = seen.alerts[["title", "evidence"]].rename(columns={"title": "alert"}).set_index("alert")
    return *([frame] if len(frame) else []), *opinion_page.shown(seen)


def ranking(log: Log, quality: pd.DataFrame) -> Figure | Sentence:
    """Draw the task's primary metric over the trailing window by day, beside that of the reference."""
    title = METRICS[performance.FIGURES[log.scenario.task.type][0]].title
    ranks = quality[quality["metric"] == title].set_index("last")
    if ranks.empty:
        return Sentence(f"Too few outcomes have arrived to measure the {title}.")
    shown = ranks[["value", "reference"]].set_axis(["stream", "reference"], axis=1)
    return plots.timeline(
        shown.set_axis(log.dates(shown.index.to_numpy()), axis=0),
        title=f"{title} over {_days(log.scenario.monitoring.window_days)} ends at {ranks['value'].iloc[-1]:.3f}",
        y=title,
        alt=f"{title} over the trailing window by day, beside that of the reference.",
    )


def gaps(log: Log) -> pd.DataFrame | None:
    """Return the widest gap between two groups by attribute and measure; None if none can be compared."""
    found = fairness.gaps(log).round(3)
    return found if len(found) else None


def groups(log: Log) -> Figure | Sentence:
    """Draw each group's recall, or of more than two classes its accuracy, with its interval."""
    measure = fairness.measures(log)[0]
    rates = fairness.rates(log)
    caught = rates[rates["measure"] == measure].set_index("group")
    if caught.empty:
        return Sentence("The scenario names no protected attribute, or too few outcomes have arrived.")
    gap = fairness.gap(log)
    differs = f"differs by {gap:.3f}" if gap == gap else "cannot be compared"
    return plots.intervals(
        caught,
        title=f"{measure.capitalize()} {differs} between groups",
        x=f"{measure}, with 95% interval",
        alt=f"{measure.capitalize()} of each group with its interval.",
    )


def remedies(offered: pd.DataFrame) -> pd.DataFrame | None:
    """Return what each remedy would save in 30 days; None if none is proposed."""
    columns = ["proposal", "change", "saving_30_days", "low_30_days", "high_30_days", "recommended"]
    return offered[columns].round(1) if len(offered) else None


def savings(offered: pd.DataFrame, currency: str) -> Figure | Sentence:
    """Draw the expected saving of each remedy with its interval."""
    if offered.empty:
        return Sentence("Too few outcomes have arrived since the last change to propose anything.")
    columns = {"saving_30_days": "value", "low_30_days": "low", "high_30_days": "high"}
    return plots.intervals(
        offered.set_index("proposal")[list(columns)].rename(columns=columns),
        title=f"{offered['proposal'].iloc[0].capitalize()} promises most",
        x=f"saving in 30 days, {currency}",
        alt="Expected saving of each remedy with its interval.",
        reference=0,
        reference_name="nothing saved",
    )


def of_task(
    stage: Stage, decisions: pd.DataFrame, items: pd.DataFrame, talked: pd.DataFrame
) -> Sequence[Figure | Sentence | pd.DataFrame]:
    """Return what some tasks have besides: clicks by place and coverage of lists, or the numbers of a support desk."""
    if isinstance(stage.scenario.task, Ranking):
        return lists_page.lived(decisions, len(items))
    return [conversations(stage, talked)]


def conversations(stage: Stage, talked: pd.DataFrame) -> pd.DataFrame | Sentence:
    """Return the numbers of a support desk from its sealed conversations, or say that there are none."""
    desk = stage.scenario.studies.support_desk
    if desk is None:
        return Sentence("This agent has no support desk.")
    found = numbers.numbers(talked, desk.costs)
    return found.round(3) if len(found) else Sentence("Nobody has had a conversation with the desk yet.")
