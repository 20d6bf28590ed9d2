"""Cost-sensitive decisions: what each action costs by class, expected and realised.

The policy is the action of least expected cost, asking a person included. With two classes this is a threshold, and a
band around it in which asking pays (`thresholds`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions import expressions
from loopbook.scenario.decisions import OTHERS, OUTCOMES, Costs
from loopbook.scenario.errors import ScenarioError, suggest
from loopbook.scenario.task import Number, OneOfMany, Task
from loopbook.statistics.targets import by_class, codes, of_yes

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
PLACE = "decisions.costs"
"""Where costs stand, for messages."""


@dataclass(frozen=True, eq=False)
class CostMatrix:
    """What each action costs by class, and what asking a person does.

    Attributes
    ----------
    actions, classes
        Names, in the order of the rows and columns.
    cost
        float64 [a, k], in the scenario's currency a decision; no columns where costs are functions of a number.
    idle
        Whether the first action is to do nothing.
    review, error
        What asking costs besides, and the share of reviews in which the person is wrong.
    functions
        For a number whose costs are functions of it: one an action. What is true of a row is then its value, else the
        code of its class (`truth`).
    """

    actions: tuple[str, ...]
    classes: tuple[str, ...]
    cost: Floats
    review: float
    error: float
    idle: bool = True
    functions: tuple[Callable[[ArrayLike], Floats], ...] = ()

    @property
    def two(self) -> bool:
        """Whether there are two actions for two classes, so that a threshold decides."""
        return self.cost.shape == (2, 2)

    def index(self, names: "pd.Series[Any]") -> Codes:
        """Return which action each name is, int64 [n]; -1 for what is none, such as ``review``."""
        return np.asarray(pd.Index(self.actions).get_indexer(pd.Index(names.astype(object))), dtype=np.int64)

    @property
    def regrets(self) -> tuple[float, float]:
        """Of two classes what a false alarm and a miss cost more than the right action."""
        (rest, miss), (alarm, hit) = self.cost.tolist()
        return alarm - rest, miss - hit

    @property
    def threshold(self) -> float:
        """Of two classes the probability from which acting is expected to be cheaper than not acting.

        Right only for calibrated probabilities. It is strictly between 0 and 1, because `of` refuses matrices under
        which a mistake costs no more than the right action.

        References
        ----------
        Elkan (2001), The foundations of cost-sensitive learning, equation 2.
        """
        alarm, miss = self.regrets
        return alarm / (alarm + miss)

    def acts(self, action: ArrayLike) -> NDArray[np.bool_]:
        """Return which actions, by index, do something, bool [n]."""
        return (np.asarray(action) > 0) | (not self.idle)

    @cached_property
    def best(self) -> Codes:
        """The cheapest action for each class, int64 [k]; of equally cheap ones the first."""
        return np.asarray(self.cost.argmin(axis=0), dtype=np.int64)

    @cached_property
    def rows(self) -> Floats:
        """The matrix with a last row for asking a person, float64 [a + 1, k].

        Who is asked names a class, and what is cheapest for that class is done. Who is wrong names one of the others.
        """
        done = self.cost[self.best]
        right = np.diagonal(done)
        wrong = (done.sum(axis=0) - right) / max(1, len(self.classes) - 1)
        return np.vstack([self.cost, self.review + (1 - self.error) * right + self.error * wrong])

    def truth(self, label: "pd.Series[Any]", task: Task) -> NDArray[Any]:
        """Return what costs depend on: the code of each row's class, or its value where costs are functions, [n]."""
        return label.to_numpy(np.float64, na_value=np.nan) if self.functions else codes(label, task)

    def by_row(self, truth: ArrayLike) -> Floats:
        """Return what each action costs on rows of which the truth is known, float64 [n, a]."""
        known = np.asarray(truth)
        if self.functions:
            return np.stack([cost(known) for cost in self.functions], axis=-1)
        return np.asarray(self.cost.T[known.astype(np.int64)])

    def should(self, truth: ArrayLike) -> Codes:
        """Return the cheapest action for what is true, int64 [n]."""
        return np.asarray(self.by_row(truth).argmin(axis=-1), dtype=np.int64)

    def expected(self, said: ArrayLike) -> Floats:
        """Return what each action is expected to cost, and last asking a person, float64 [n, a + 1].

        Parameters
        ----------
        said
            Calibrated probabilities of the classes, [n, k] (of two classes also those of yes, [n]); where costs are
            functions, the value's predictive distribution as quantiles of equal weight, [n, q].
        """
        if not self.functions:
            return np.asarray(by_class(said) @ self.rows.T)
        values = np.asarray(said, dtype=np.float64)
        return np.concatenate([self.by_row(values), self.asking(values)[..., None]], axis=-1).mean(axis=1)  # type: ignore[no-any-return]

    def asking(self, truth: ArrayLike) -> Floats:
        """Return what asking a person is expected to cost on rows of which the truth is known, float64 [n]."""
        if not self.functions:
            return np.asarray(self.rows[-1][np.asarray(truth, dtype=np.int64)])
        each, others = self.by_row(truth), max(1, len(self.actions) - 1)
        right = each.min(axis=-1)
        return np.asarray(
            self.review + (1 - self.error) * right + self.error * (each.sum(axis=-1) - right) / others, dtype=np.float64
        )

    def cheapest(self, said: ArrayLike) -> Codes:
        """Return the action of least expected cost, asking nobody, int64 [n]; of two classes from the threshold on."""
        if self.two:
            return (of_yes(said) >= self.threshold).astype(np.int64)
        return np.asarray(self.expected(said)[:, :-1].argmin(axis=1), dtype=np.int64)

    def gain(self, said: ArrayLike) -> Floats:
        """Return what asking a person is expected to save against the cheapest action; below 0 where it only costs."""
        costs = self.expected(said)
        return np.asarray(costs[:, :-1].min(axis=1) - costs[:, -1])

    def answered(self, truth: ArrayLike, wrong: ArrayLike, other: ArrayLike) -> Codes:
        """Return the actions that people choose who know the truth or, where they are wrong, name something else.

        Parameters
        ----------
        wrong
            Who is wrong, bool [n].
        other
            Which of the other classes (of other actions, where costs are functions) they name then: float [n] in
            [0, 1).
        """
        known = self.should(truth) if self.functions else np.asarray(truth, dtype=np.int64)
        many = len(self.actions if self.functions else self.classes) - 1
        drawn = (np.asarray(other) * many).astype(np.int64)
        named = np.where(np.asarray(wrong, dtype=bool) & (many > 0), drawn + (drawn >= known), known)
        return named if self.functions else self.best[named]

    def realised(self, action: ArrayLike, truth: ArrayLike, reviewed: ArrayLike | bool = False) -> Floats:
        """Return what decisions have cost, float64 [n].

        Parameters
        ----------
        action
            What was done in the end, by the agent or by the reviewer: index of the action [n].
        truth
            What `truth` returned [n].
        reviewed
            Whether a person was asked: bool [n].
        """
        each = np.take_along_axis(self.by_row(truth), np.asarray(action).astype(np.int64)[:, None], axis=1)[:, 0]
        return np.asarray(each + self.review * np.asarray(reviewed, dtype=bool), dtype=np.float64)


def matrix(prices: Costs, actions: Sequence[str], classes: Sequence[str]) -> Floats:
    """Return the cost matrix, float64 [a, k].

    Parameters
    ----------
    prices
        The scenario's: a matrix by name, or a short form of it.
    actions, classes
        Names in the order of rows and columns. A class that the matrix does not name costs what ``others`` says; where
        each class has an action of its own, in the order of the classes, one without costs as `wrong`.

    Raises
    ------
    ScenarioError
        If an action or a class is not known or has no cost, or the short form does not fit.
    """
    says, (right, wrong) = prices.says, prices.mistake
    if says == "matrix":
        return np.array([_row(prices.matrix, action, actions, classes) for action in actions], dtype=np.float64)
    if says == "function":
        raise ScenarioError(f"{PLACE}.function gives costs by the value itself, and not by class.")
    if says != "right" and len(actions) == len(classes) == 2:
        return np.array([[prices.true_negative, prices.false_negative], [prices.false_positive, prices.true_positive]])
    if says == "outcomes":
        told = f"{len(actions)} actions and {len(classes)} classes"
        raise ScenarioError(
            f"{PLACE}: {', '.join(OUTCOMES)} are for two actions and two classes, not for {told}; give right and wrong "
            "(one action a class), or a matrix."
        )
    return np.where(np.eye(len(actions), len(classes), dtype=bool), right, wrong)


def of(prices: Costs, task: Task, classes: Sequence[str] = ()) -> CostMatrix:
    """Return the costs of a task, checked.

    Parameters
    ----------
    classes
        All that the data knows (`targets.classes`); left out, those that the scenario names, and ``others``.

    Raises
    ------
    ScenarioError
        If costs, actions and classes do not fit together, or nothing is to be decided, because one action is cheapest
        whatever is true. The message says what to change.
    """
    named, label = task.label.classes, task.label
    known = tuple(classes) or named or tuple(dict.fromkeys(name for row in prices.matrix.values() for name in row))
    if prices.matrix and not classes and isinstance(label, OneOfMany) and not label.other:
        known = tuple(dict.fromkeys((*known, OTHERS)))  # the data may bring classes that nobody has named
    actions = task.actions or known
    plain = prices.says in ("right", "nothing")
    if plain and task.actions and len(task.actions) != len(named) and len(task.actions) != len(known):
        raise ScenarioError(
            f"{PLACE}: there are {len(task.actions)} actions, not one a class, so say what each costs by class: "
            f"{PLACE}.matrix, such as {{{task.actions[0]}: {{{known[0] if known else 'a class'}: 0, {OTHERS}: 5}}, …}}."
        )
    if prices.function:
        return _functions(prices, task, actions)
    cost = matrix(prices, actions, known)
    found = CostMatrix(tuple(actions), known, cost, prices.review, prices.review_error, bool(task.actions))
    always = np.flatnonzero((cost <= cost.min(axis=0, initial=np.inf)).all(axis=1))
    if cost.size and len(always):
        raise ScenarioError(
            f"{PLACE}: {actions[always[0]]!r} is cheapest whatever the class is, so there is nothing to decide."
        )
    if found.two and (cost[0, 0] >= cost[1, 0] or cost[1, 1] >= cost[0, 1]):
        raise ScenarioError(
            f"{PLACE}: of two actions for two classes the first must be cheaper for {known[0]!r} and the second for "
            f"{known[1]!r}; name the actions in the order of the classes."
        )
    return found


def _row(rows: dict[str, dict[str, float]], action: str, actions: Sequence[str], classes: Sequence[str]) -> list[float]:
    """Return what an action costs by class."""
    for name in rows:
        if name not in actions:
            raise ScenarioError(f"{PLACE}.matrix: there is no action {name!r}.{suggest(name, actions)}")
    if action not in rows:
        raise ScenarioError(f"{PLACE}.matrix: say what the action {action!r} costs by class.")
    row, place = rows[action], f"{PLACE}.matrix.{action}"
    for name in row:
        if name != OTHERS and name not in classes:
            raise ScenarioError(f"{place}: there is no class {name!r}.{suggest(name, classes)}")
    for name in classes:
        if name not in row and OTHERS not in row:
            raise ScenarioError(f"{place}: say what it costs for {name!r}, or for {OTHERS!r}.")
    return [row[name] if name in row else row[OTHERS] for name in classes]


def _functions(prices: Costs, task: Task, actions: Sequence[str]) -> CostMatrix:
    """Return costs that are functions of a number, checked."""
    if not isinstance(task, Number):
        raise ScenarioError(f"{PLACE}.function is for a number; give a matrix by class.")
    for name in prices.function:
        if name not in actions:
            raise ScenarioError(f"{PLACE}.function: there is no action {name!r}.{suggest(name, actions)}")
    for name in actions:
        if name not in prices.function:
            raise ScenarioError(f"{PLACE}.function: say what the action {name!r} costs.")
    found = CostMatrix(
        tuple(actions),
        task.label.classes,
        np.zeros((len(actions), 0)),
        prices.review,
        prices.review_error,
        bool(task.actions),
        tuple(expressions.read(prices.function[name], f"{PLACE}.function.{name}") for name in actions),
    )
    found.by_row(np.array(task.label.limits))  # refuses what is no cost at a limit
    return found


def capacity_price(costs: CostMatrix, said: ArrayLike, capacity: float) -> float:
    """Return what a review must save so that, on rows like these, no more than a share `capacity` is reviewed.

    Parameters
    ----------
    said
        Of rows that stand for the future ones, as in `CostMatrix.expected`.
    capacity
        Share of decisions that people can review.
    """
    gain = np.sort(costs.gain(said))[::-1]
    first_refused = int(np.floor(capacity * len(gain) + 1e-9))
    return float(max(0.0, gain[first_refused])) if first_refused < len(gain) else 0.0
