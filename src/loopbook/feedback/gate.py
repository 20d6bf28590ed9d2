"""The promotion gate: is the challenger better than the champion, on rows that neither has learned from?"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.decisions import paired_gains
from loopbook.decisions.paired_gains import COST, Gain
from loopbook.feedback import promotion_conditions
from loopbook.feedback.promotion_conditions import Condition
from loopbook.models import answers
from loopbook.scenario.decisions import Costs
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Number, Task
from loopbook.statistics import bootstrap, metrics, targets

LEAST_CLASS = 20
"""Rows of each class that a verdict needs; where there are several, of all but the most frequent one together."""

WIDEST = 0.03
"""From this half width of the interval of the gain on, an open result means too few rows, not equality; the primary
metric of every type of task runs to 1."""

Answers = Callable[[pd.DataFrame], NDArray[np.float64] | answers.Answers]
"""A model: rows to its answers (`paired_gains.asked`), or to plain probabilities."""

Ahead = Callable[[NDArray[np.bool_]], Mapping[str, Gain]]
"""Measures of some of the rows, the first of which decides in place of the primary metric."""

Decision = Literal["promote", "keep", "not enough data"]


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Attributes
    ----------
    decision
        ``promote``, ``keep`` (the champion), or ``not enough data``, which keeps it as well.
    reason
        Why, in a sentence.
    worse
        Whether the challenger is worse beyond chance, in the primary metric or in money: then what it learned is
        suspicious.
    gain, low, high
        By how much it is better in the primary metric, with the 95% interval; NaN where there was nothing to compare.
    p
        Of the permutation test that both are equal in the primary metric.
    saving, saving_low, saving_high
        What it saves a decision, each model taking the action that it expects to cost least.
    rows, fewest
        On how many rows, and how many of them are not of the most frequent class: of two classes those of the rarer,
        of a number all.
    measure
        Title of the primary metric.
    conditions
        What else was asked (`promotion_conditions`); one that is not met keeps the champion.
    """

    decision: Decision
    reason: str
    worse: bool
    gain: float
    low: float
    high: float
    p: float
    saving: float
    saving_low: float
    saving_high: float
    rows: int
    fewest: int
    measure: str = metrics.primary().title
    conditions: tuple[Condition, ...] = ()

    def figures(self) -> dict[str, str | float]:
        """Return what is recorded of it."""
        return {
            "verdict": self.decision,
            "challenger_gain": self.gain,
            "challenger_gain_low": self.low,
            "challenger_gain_high": self.high,
            "challenger_saving": self.saving,
            "conditions_missed": sum(not one.met for one in self.conditions),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what could not be computed is null."""
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in asdict(self).items()
        }


def judge(
    parts: Mapping[str, pd.DataFrame],
    champion: Answers,
    challenger: Answers,
    task: Task,
    costs: Costs,
    *,
    learned: Collection[str],
    min_gain: float = 0.0,
    protected: Sequence[str] = (),
    further: Sequence[Condition] = (),
    ahead: Ahead | None = None,
    resamples: int = 1_000,
    seed: int = 0,
) -> tuple[Verdict, pd.DataFrame]:
    """Compare the two on the same rows and say whether to promote.

    The challenger is promoted if the whole 95% interval of its gain in the primary metric lies above `min_gain`, it
    does not cost more beyond chance, and all conditions are met: neither its calibration nor a group of a protected
    attribute is worse off beyond chance, and the `further` ones hold. The same rows may serve again in a later round,
    so a challenger that is promoted after many tries has been lucky more easily than the interval says.

    Parameters
    ----------
    parts
        Untouched rows by name: the split ``gate``, and the ``recent`` rows of a `LearningSet`. The verdict is on all
        together; the table shows each as well.
    champion, challenger
        The models.
    task
        Its type says which metric is the primary one.
    costs
        What each action costs.
    learned
        `row_id` of every row that one of the models has learned from.
    min_gain
        By more than this it must be better in the primary metric.
    protected
        Columns over whose groups it must be as fair.
    further
        What else was asked of the models.
    ahead
        Of all rows, in the order of `parts`: what decides in place of the primary metric, as the value of lists does.
    resamples, seed
        Of bootstrap and permutation test.

    Returns
    -------
    verdict
        What to do, and why.
    table
        A row for each part and measure (`paired_gains.gains`, and `further` outputs): `part`, `measure`, `rows`,
        `champion`, `challenger`, `gain` (above 0 is better), `low`, `high`.

    Raises
    ------
    DataError
        If a row has been learned from, or is in two parts.
    """
    rows = pd.concat(parts.values(), ignore_index=True)
    _refuse_touched(rows, learned)
    said = [answers.of(model(rows)) for model in (champion, challenger)]
    old, new = (targets.narrow(each.judged) for each in said)
    part = np.repeat(list(parts), [len(frame) for frame in parts.values()])
    masks = {"all": np.ones(len(rows), dtype=bool)} | ({name: part == name for name in parts} if len(parts) > 1 else {})
    found = {
        name: ({} if ahead is None else dict(ahead(mask)))
        | paired_gains.gains(rows[mask], old[mask], new[mask], task, costs, resamples=resamples, seed=seed)
        | paired_gains.further(rows[mask], said[0][mask], said[1][mask], resamples=resamples, seed=seed)
        for name, mask in masks.items()
    }
    table = pd.DataFrame(
        [
            {"part": name, "measure": measure, "rows": int(masks[name].sum()), **gain._asdict()}
            for name, measures in found.items()
            for measure, gain in measures.items()
        ]
    )
    primary, _ = paired_gains.measured(task)
    title = next(iter(found["all"]))
    quality, cost = found["all"][title], found["all"][COST]
    many = np.bincount(targets.codes(rows["label"], task), minlength=1).max()
    fewest = len(rows) - (0 if isinstance(task, Number) else int(many))
    p = paired_gains.permutation(rows["label"], old, new, rows["group"], resamples, seed, primary.name)
    verdict = Verdict("keep", "", False, *quality[2:], p, *cost[2:], len(rows), fewest, title)
    decision, reason, worse = _decide(verdict, rows["group"].nunique(), min_gain)
    conditions: list[Condition] = []
    if decision != "not enough data":
        conditions = promotion_conditions.of_rows(rows, old, new, task, costs, protected, resamples, seed)
    conditions += further
    missed = [f"{one.name.capitalize()}: {one.reason}" for one in conditions if not one.met]
    if decision == "promote" and missed:
        decision, reason = "keep", f"{reason} But it is not promoted. {' '.join(missed)}"
    return replace(verdict, decision=decision, reason=reason, worse=worse, conditions=tuple(conditions)), table


def _refuse_touched(rows: pd.DataFrame, learned: Collection[str]) -> None:
    ids = rows["row_id"].astype(str)
    twice = ids[ids.duplicated()]
    if len(twice):
        raise DataError(f"Row {twice.iloc[0]!r} is in two parts of what the gate judges by; give each row once.")
    known = ids[ids.isin(set(learned))]
    if len(known):
        raise DataError(
            f"{len(known):,} of {len(rows):,} rows at the gate have been learned from, {known.iloc[0]!r} for one. "
            "Judge by the split 'gate' and by rows that the learning set held back."
        )


def _decide(found: Verdict, groups: int, min_gain: float) -> tuple[Decision, str, bool]:
    """Return the decision, its reason, and whether the challenger is worse beyond chance."""
    if found.fewest < LEAST_CLASS or not (math.isfinite(found.low) and math.isfinite(found.saving_low)):
        rare = "" if found.fewest == found.rows else f" {found.fewest:,} of them not of the most frequent class,"
        few = (
            f"The gate has {found.rows:,} rows,{rare} in {groups:,} groups; a verdict needs {LEAST_CLASS} of these, in "
            f"{bootstrap.LEAST} groups that differ."
        )
        return "not enough data", few, False
    differs = f"the {found.measure} differs by {found.gain:+.3f} (from {found.low:+.3f} to {found.high:+.3f})"
    if found.high < 0:
        return "keep", f"The challenger is worse: {differs}.", True
    if found.saving_high < 0:
        least, most = -found.saving_high, -found.saving_low
        dearer = f"{-found.saving:.3f} a decision more (from {least:.3f} to {most:.3f})"
        return "keep", f"The challenger costs {dearer}; {differs}.", True
    wanted = f" by more than {min_gain:g}" if min_gain else ""
    if found.low > min_gain:
        return "promote", f"The challenger is better{wanted}, beyond chance: {differs}.", False
    half = (found.high - found.low) / 2
    if half > WIDEST and found.high > min_gain:
        needed = math.ceil(found.rows * (half / WIDEST) ** 2 / 100) * 100
        wide = f"On {found.rows:,} rows {differs}: too wide to tell. About {needed:,} rows would do."
        return "not enough data", wide, False
    return "keep", f"There is no proof that the challenger is better{wanted}: {differs}.", False
