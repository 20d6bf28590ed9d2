"""Conditions of promotion besides the primary metric and the cost: calibration, fairness, behaviour, latency.

Each asks whether the challenger is worse than the champion beyond chance, and says so in a sentence; one that cannot be
asked is met, and says why.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.decisions import costs as money
from loopbook.decisions import explanation, paired_gains
from loopbook.models.choice import leaderboard
from loopbook.models.seen_rows import Learner
from loopbook.models.studies import behaviour
from loopbook.scenario.decisions import Costs
from loopbook.scenario.task import Number, Task
from loopbook.statistics import bands, bootstrap, evaluation, targets
from loopbook.statistics.intervals import Interval, between
from loopbook.statistics.metrics import METRICS
from loopbook.store.stage import Stage

LEAST = 20
"""Rows of a group below which groups are not compared."""

SLACK = 0.02
"""By more than this, beyond chance, a calibration error or a gap between groups must grow to count."""

SLOWEST = 2.0
"""So many times as long as the champion the challenger may take for a decision. Times are noisy, so the bound is wide;
it is the only measured time that counts for a verdict."""

_DECISIONS = 60  # that are timed of each
_LEVEL = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Condition:
    """One condition: its name, whether it is met, and why."""

    name: str
    met: bool
    reason: str


def of_rows(
    rows: pd.DataFrame,
    old: Floats,
    new: Floats,
    task: Task,
    costs: Costs,
    protected: Sequence[str],
    resamples: int,
    seed: int,
) -> list[Condition]:
    """Return the conditions that the rows of the gate decide: calibration, and fairness over each protected attribute.

    Parameters
    ----------
    rows
        Of the gate, with `label`, `group` and the protected attributes.
    old, new
        What metrics judge of champion and challenger (`targets.narrow`).
    task, costs
        Of the scenario.
    protected
        Columns over whose groups the agent must be right as often.
    resamples, seed
        Of the bootstrap.
    """
    found = [_calibration(rows, old, new, task, resamples, seed)]
    prices = money.of(costs, task, targets.classes(rows["label"], task))
    truth = prices.truth(rows["label"], task)
    right = np.stack([paired_gains.cheapest(prices, said, task) == prices.should(truth) for said in (old, new)], axis=1)
    asked = prices.acts(prices.should(truth)) if prices.two else np.ones(len(rows), dtype=bool)
    part, measure = rows[asked].reset_index(drop=True), "recall" if prices.two else "accuracy"
    return found + [_fairness(part, right[asked], name, measure, resamples, seed) for name in protected]


def _calibration(rows: pd.DataFrame, old: Floats, new: Floats, task: Task, resamples: int, seed: int) -> Condition:
    metric = METRICS["pinball" if isinstance(task, Number) else "ece"]
    gain = evaluation.paired(rows["label"], new, old, metric.name, rows["group"], resamples, seed)
    return _said("calibration", Interval(-gain.value, -gain.high, -gain.low), metric.title)


def _fairness(
    rows: pd.DataFrame, right: NDArray[np.bool_], attribute: str, measure: str, resamples: int, seed: int
) -> Condition:
    """Ask whether the widest gap between two groups grows; both gaps are of the same resamples."""
    values = rows[attribute].astype(object).fillna("unknown").astype(str)  # whole numbers have no room for a word
    group = bands.groups(values, values).to_numpy()
    names = [name for name, count in pd.Series(group).value_counts().items() if count >= LEAST]
    if len(names) < 2:
        return Condition(f"fairness, {attribute}", True, f"Not asked: fewer than two groups have {LEAST} rows.")
    member = np.stack([group == name for name in names], axis=1).astype(np.float64)
    columns = np.concatenate([member, member * right[:, :1], member * right[:, 1:]], axis=1)

    def growth(means: Floats) -> Floats:
        of, before, after = np.split(means, 3, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.ptp(after / of, axis=1) - np.ptp(before / of, axis=1))

    own = float(growth(columns.mean(axis=0, keepdims=True))[0])
    drawn = growth(bootstrap.means(columns, rows["group"], resamples, seed))
    found = bootstrap.percentile(own, drawn, bootstrap.units(len(rows), rows["group"]))
    return _said(f"fairness, {attribute}", found, f"largest gap in {measure} between groups")


def of_models(stage: Stage, champion: Learner, challenger: Learner, train: pd.DataFrame) -> Iterator[Condition]:
    """Yield the conditions that the models decide: behavioural tests, if the scenario names any, and latency.

    Parameters
    ----------
    champion, challenger
        In the same form, so that their times can be compared.
    train
        Rows that say what is usual, and are decided for the clock.
    """
    settings, task = stage.scenario.studies.behaviour, stage.scenario.task
    if settings is None:
        yield Condition("behaviour", True, "Not asked: the scenario names no behavioural tests (studies.behaviour).")
    else:
        suite = behaviour.read(stage.project.root / settings.tests, task)
        found = behaviour.run(suite, [challenger, champion], explanation.typical(train, task), task, settings.sure)
        yield _behaviour(found.outcomes["failed"].to_numpy(dtype=bool), np.asarray(found.plain, dtype=bool))
    old, new = (leaderboard.latency(model, train, _DECISIONS)["median_ms"] for model in (champion, challenger))
    stage.measure(challenger_latency_ratio=new / old)
    slow = "no more" if new <= SLOWEST * old else "more"
    yield Condition("latency", new <= SLOWEST * old, f"It takes {slow} than {SLOWEST:g} times as long for a decision.")


def _behaviour(fails: NDArray[np.bool_], failed: NDArray[np.bool_]) -> Condition:
    """Ask by the exact test of McNemar (1947) whether it fails tests that the champion passes beyond chance."""
    from scipy.stats import binom

    lost, won = int((fails & ~failed).sum()), int((failed & ~fails).sum())
    p = float(binom.sf(lost - 1, lost + won, 0.5)) if lost else 1.0
    said = f"It fails {lost} of {len(fails)} tests that the champion passes, and passes {won} that the champion fails"
    return Condition("behaviour", p >= _LEVEL, f"{said}: {'worse beyond chance' if p < _LEVEL else 'not worse'}.")


def _said(name: str, worse: Interval, what: str) -> Condition:
    """Return a condition by how much worse something has become, above 0, with its interval."""
    if not np.isfinite(worse.low):
        return Condition(name, True, f"Not asked: too few rows for an interval of the {what}.")
    much = f"{worse.value:+.3f} ({between(worse.low, worse.high, '+.3f')})"
    met = not worse.low > SLACK
    grows = "does not grow" if met else "grows"
    return Condition(name, met, f"The {what} {grows} by more than {SLACK:g} beyond chance: {much}.")
