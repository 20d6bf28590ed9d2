"""Online comparison: champion and challenger on live traffic, by a sequential test on what was right after all."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from loopbook.decisions import costs
from loopbook.decisions.audit.entry import Stored
from loopbook.decisions.costs import CostMatrix
from loopbook.decisions.rules import REVIEW
from loopbook.feedback import proposals, reviewing
from loopbook.feedback.proposals import Proposal
from loopbook.scenario.contract import Scenario
from loopbook.scenario.task import Number
from loopbook.statistics import sequential
from loopbook.statistics.sequential import Sequential

Mode = Literal["shadow", "share"]
COST, WRONG = "cost a decision", "share of wrong actions"
"""What is compared: money or, where costs are functions of a number without bounds, how often an action is wrong."""


@dataclass(frozen=True)
class Comparison:
    """What a trial has shown so far.

    Attributes
    ----------
    mode
        ``shadow``: both have decided every row; ``share``: each its own.
    champion, challenger
        Rows that each has decided.
    known
        Rows of which it is known what was right.
    losses
        What champion and challenger lost on these on average, by `measure`; NaN where there are none.
    measure
        `COST` or `WRONG`.
    test
        Of the difference, in the same unit: above 0 the challenger is better.
    error
        Chance of ever finding it better where it is not, and of ever finding it worse where it is not.
    against
        Content digest of the champion's model; empty where it has decided nothing.
    """

    mode: Mode
    champion: int
    challenger: int
    known: int
    losses: tuple[float, float]
    measure: str
    test: Sequential
    error: float
    against: str = ""

    @property
    def sentence(self) -> str:
        """What it means, in words."""
        mean, found = self.test.mean, self.test.finding
        apart = f"{mean.value:+.3g} ({mean.low:+.3g} to {mean.high:+.3g}, at all times together)"
        if not self.known:
            return "Nothing is known yet of what was right, so nothing can be said."
        if found == "open":
            return f"Neither is shown to be better on {self.known:,} rows: the difference in {self.measure} is {apart}."
        return (
            f"The challenger is {found}: the difference in {self.measure} is {apart}, shown after {self.test.at:,} of "
            f"{self.known:,} rows; the chance of ever saying so without cause is at most {self.error:.1%}."
        )


def outcomes(said: Sequence[Stored], trusted: Mapping[str, str], scenario: Scenario) -> dict[str, tuple[datetime, Any]]:
    """Return what was right, by decision: when it was first said, and the class or the value.

    Labels count that systems or people with the role reviewer or admin have given, not those of users, who could vote a
    challenger in. Reviews count if the item was drawn at random: what was shown because a model was unsure of it would
    favour the other model. Where labels of a decision contradict each other, it is left out.

    Parameters
    ----------
    said
        Feedback, in the order of time.
    trusted
        The role of each API key, by its name.
    """
    gone, found = reviewing.withdrawn(said), dict[str, list[tuple[datetime, Any]]]()
    for stored in said:
        review = stored.facts.get("review") or {}
        drawn = review.get("why") == reviewing.RANDOM if review else True
        if stored.id in gone or not drawn or trusted.get(stored.facts.get("caller", "")) not in ("reviewer", "admin"):
            continue
        label = stored.facts.get("label")
        label = review.get("class") if label is None and not isinstance(scenario.task, Number) else label
        if label is not None:
            found.setdefault(stored.facts["decision_id"], []).append((stored.written, label))
    return {id: labels[0] for id, labels in found.items() if len({str(label) for _, label in labels}) == 1}


def compare(
    decided: Sequence[Stored],
    shadows: Iterable[Stored],
    right: Mapping[str, tuple[datetime, Any]],
    scenario: Scenario,
    error: float,
) -> Comparison:
    """Compare both on the rows of which it is known what was right, in the order in which it became known.

    Parameters
    ----------
    decided
        Decisions of one trial, in the order of time; a row counts once, the first time that it was asked about.
    shadows
        What the challenger would have decided on them.
    right
        What `outcomes` returned.
    error
        As of `sequential.test`.
    """
    mark: Mapping[str, Any] = decided[0].facts["trial"] if decided else {"mode": "shadow", "share": 0.5}
    once = list({_row(stored): stored for stored in reversed(decided)}.values())[::-1]
    beside = {stored.facts["decision_id"]: stored for stored in shadows}
    judged = sorted((stored for stored in once if stored.id in right), key=lambda stored: right[stored.id][0])
    theirs = [stored.facts["trial"]["arm"] == "challenger" for stored in once]
    if mark["mode"] == "shadow":
        judged = [stored for stored in judged if stored.id in beside]
    classes = tuple(dict.fromkeys(name for stored in judged for name in stored.facts["scores"]))
    named = tuple(dict.fromkeys((*scenario.task.label.classes, *classes)))
    prices = costs.of(scenario.decisions.costs, scenario.task, named)
    truths = [right[stored.id][1] for stored in judged]
    low, bound = (0.0, 1.0) if prices.functions else (float(prices.rows.min()), float(np.ptp(prices.rows)))
    lost = _lost([stored.facts for stored in judged], truths, prices, scenario)
    measure = WRONG if prices.functions else COST
    if mark["mode"] == "shadow":
        other = _lost([beside[stored.id].facts for stored in judged], truths, prices, scenario)
        test = sequential.test(lost - other, bound, error)
        means, many = (_mean(lost), _mean(other)), (len(once), sum(stored.id in beside for stored in once))
    else:
        arm = np.array([stored.facts["trial"]["arm"] == "challenger" for stored in judged], dtype=bool)
        values = sequential.weighted((lost - low) / bound, arm, mark["share"]) * bound
        test = sequential.test(values, bound / min(mark["share"], 1 - mark["share"]), error)
        means, many = (_mean(lost[~arm]), _mean(lost[arm])), (len(once) - sum(theirs), sum(theirs))
    models = (stored.facts.get("versions", {}).get("model", "") for stored in once)
    against = next((model for model, other in zip(models, theirs, strict=True) if not other), "")
    return Comparison(mark["mode"], *many, len(judged), means, measure, test, error, against)


def propose(found: Comparison, model: str) -> list[Proposal]:
    """Propose the challenger as champion of record, if the test has found it better; safe, for its error is bounded."""
    if found.test.finding != "better":
        return []
    evidence = {
        "live traffic": found.mode,
        "rows with an outcome": found.known,
        f"difference in {found.measure}": found.test.mean.value,
        "low": found.test.mean.low,
        "high": found.test.mean.high,
        "e-value": found.test.better,
        "chance of error": found.error,
    }
    title = "Promote the challenger that was better on live traffic"
    return [proposals.make("champion", title, found.sentence, evidence, {"champion": model})]


def _lost(
    facts: Sequence[Mapping[str, Any]], truths: Sequence[Any], prices: CostMatrix, scenario: Scenario
) -> NDArray[np.float64]:
    """Return what decisions lost: their costs, with what asking a person costs; of functions 1 where one is wrong."""
    if not facts:
        return np.zeros(0)
    task = scenario.task
    known: Any = np.array(truths, dtype=np.float64) if prices.functions else None
    if known is None:
        names = [reviewing.band(task, float(truth)) if isinstance(task, Number) else str(truth) for truth in truths]
        known = np.array([prices.classes.index(name) for name in names])
    asked = np.array([told["action"] == REVIEW for told in facts])
    action = np.array([0 if told["action"] == REVIEW else prices.actions.index(told["action"]) for told in facts])
    if prices.functions:
        return np.where(asked, prices.error, action != prices.should(known))
    return np.where(asked, prices.asking(known), prices.realised(action, known))


def _row(stored: Stored) -> str:
    """Return the row that was decided; where it was forgotten, every decision is one of its own."""
    return str((stored.payload or {}).get("row_id") or stored.id)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")
