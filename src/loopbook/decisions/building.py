"""Build the policies to compare, from the costs and from rows on which thresholds may be chosen (validation)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from loopbook.decisions import costs, language, rules, thresholds, tree
from loopbook.decisions.costs import CostMatrix
from loopbook.decisions.policies import (
    Asking,
    Cheapest,
    Constant,
    Policy,
    Probable,
    Review,
    Ruled,
    Threshold,
    Tree,
    believed,
    logits,
)
from loopbook.models import answers
from loopbook.models.answers import Answers
from loopbook.scenario.decisions import DecisionsSettings, PolicyName, Rule
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.task import Task
from loopbook.statistics import calibration, targets
from loopbook.store.stage import Stage

CONSTANTS: tuple[PolicyName, ...] = ("never", "always")
"""Policies of two classes that need no model."""

THRESHOLDS: tuple[PolicyName, ...] = ("fixed", "threshold", "tuned")
"""Policies with one threshold and nothing else."""

SEVERAL: tuple[PolicyName, ...] = ("probable", "cheapest")
"""Policies of several classes that ask nobody and nothing but the probabilities."""


@dataclass(frozen=True, eq=False)
class Plan:
    """All that is decided about policies before any row is seen.

    Attributes
    ----------
    task, settings
        The scenario's.
    rules
        The scenario's rules and the approved ones.
    classes
        All that the data knows; empty where that is not known yet.
    approved_threshold
        From the snapshot; it stands behind one that the scenario or a parameter sets, and before the costs' own.
    void
        Why an approved threshold is not in force; empty if there is none, or it is.
    """

    task: Task
    settings: DecisionsSettings
    rules: Mapping[str, Rule]
    classes: tuple[str, ...] = ()
    approved_threshold: float | None = None
    void: str = ""

    @cached_property
    def prices(self) -> CostMatrix:
        """The cost matrix; its actions are those that a policy has."""
        return costs.of(self.settings.costs, self.task, self.classes)

    @property
    def actions(self) -> tuple[str, ...]:
        return self.prices.actions

    def truth(self, label: "pd.Series[Any]") -> NDArray[Any]:
        """Return what the costs of rows depend on (`CostMatrix.truth`).

        Raises
        ------
        DataError
            If a label is missing, or of a class that the plan does not know.
        """
        known = label.cat.set_categories(self.classes) if isinstance(label.dtype, pd.CategoricalDtype) else label
        truth = self.prices.truth(known, self.task)
        bad = np.flatnonzero(np.isnan(truth) if self.prices.functions else truth == targets.NO_CLASS)
        if len(bad):
            raise DataError(f"{len(bad)} rows have no label of a known class, such as {label.iloc[bad[0]]!r}.")
        return truth

    @classmethod
    def of(
        cls,
        task: Task,
        settings: DecisionsSettings,
        approved_rules: Mapping[str, object] | None = None,
        approved_threshold: float | None = None,
        void: str = "",
        classes: Sequence[str] = (),
    ) -> "Plan":
        """Return the plan of a scenario in a round, with its rules checked.

        Raises
        ------
        ScenarioError
            If costs or a rule do not fit, the policy asked for is none for this task or needs rules and there are none,
            or a threshold is set where several classes are to be told apart.
        """
        costs.of(settings.costs, task, classes)  # where the data is not known yet, it may bring further classes
        merged = rules.merged(settings.rules, approved_rules or {})
        plan = cls(task, settings, merged, tuple(classes) or task.label.classes, approved_threshold, void)
        rules.read(merged, task, actions=plan.actions)
        if settings.policy == "rules" and not merged:
            raise ScenarioError("decisions.policy is 'rules', but there are none; add some to decisions.rules.")
        if settings.policy is not None and settings.policy not in plan.names:
            raise ScenarioError(f"decisions.policy is {settings.policy!r}, but must be one of {', '.join(plan.names)}.")
        if settings.threshold is not None and not plan.prices.two:
            raise ScenarioError("decisions.threshold is for two classes with two actions; say what matters by costs.")
        return plan

    @property
    def symbols(self) -> pd.DataFrame:
        """What a rule of this task can speak of."""
        return language.table(self.task)

    @property
    def names(self) -> tuple[PolicyName, ...]:
        """The policies to compare, simplest first."""
        plain: tuple[PolicyName, ...] = (*CONSTANTS, *THRESHOLDS) if self.prices.two else ("constant", *SEVERAL)
        return (*plain, "tree", *(("rules",) if self.rules else ()), "review")  # type: ignore[return-value]

    @property
    def singles(self) -> tuple[PolicyName, ...]:
        """The policies that ask nobody and nothing but the probabilities."""
        if self.task.type == "anomaly":
            return ("threshold",)  # no label may choose one
        return THRESHOLDS if self.prices.two else SEVERAL

    @property
    def eligible(self) -> tuple[PolicyName, ...]:
        """The policies among which the agent's may be: those that obey what people have set.

        With rules, only policies that apply them; with a threshold that somebody set or approved, only policies that
        use it, as also of anomalies, whose threshold is the budget's; with a policy that the scenario names, that one.
        """
        if self.settings.policy is not None:
            return (self.settings.policy,)
        if self.rules:
            return ("rules", "review")
        if self.set_threshold is not None or self.task.type == "anomaly":
            return ("threshold", "review")
        return self.names

    @property
    def set_threshold(self) -> float | None:
        """The threshold that a person set or approved, if any."""
        return self.settings.threshold if self.settings.threshold is not None else self.approved_threshold

    @property
    def threshold(self) -> tuple[float, str]:
        """The threshold in force of two classes, and where it comes from."""
        return thresholds.in_force(self.settings, self.approved_threshold, self.prices, self.task)


def carried(
    stage: Stage, approved_rules: Mapping[str, object], approved_threshold: float | None, model: str | None
) -> Plan:
    """Return the plan of a round, from what its snapshot carries: rules, a threshold, and the model it was for."""
    approved, task = thresholds.approved(approved_threshold, model, stage.digest("champion")), stage.scenario.task
    classes = targets.classes(stage.read("train")["label"], task)
    return Plan.of(task, stage.settings, approved_rules, *approved, classes)


def build(plan: Plan, frame: pd.DataFrame, said: ArrayLike | Answers) -> dict[PolicyName, Policy]:
    """Return the policies of a plan, by name; what they must choose is chosen on these rows.

    Of two classes, ``never`` and ``always`` act as they are called; ``fixed`` acts from 0.5; ``threshold`` from the
    threshold in force; ``tuned`` from the one that was cheapest on these rows. Of several, ``constant`` does what was
    cheapest for all of these rows together; ``probable`` takes the most probable class for true; ``cheapest`` does
    what is expected to cost least. ``tree`` asks some questions; ``rules`` puts the rules around ``threshold`` or
    ``cheapest``; ``review`` asks a person where that is expected to be cheapest, as often as these rows say that there
    will be time, and has the rules around it if there are some. What ``review`` expects rests on probabilities that
    these rows have recalibrated, because a band in the wrong place asks about the wrong rows.

    Parameters
    ----------
    frame
        Rows with the task's fields and `label`, on which the model was not fitted.
    said
        The model's answers, or its probabilities alone, float [n, k].
    """
    said, prices, settings, actions = answers.of(said, plan.classes), plan.prices, plan.settings, plan.actions
    truth = plan.truth(frame["label"])
    root = tree.grow(frame, said, prices, truth, plan.task, settings.tree_depth)
    built: dict[PolicyName, Policy] = {
        "never": Constant(actions=actions, action=0),
        "always": Constant(actions=actions, action=len(actions) - 1),
        "constant": Constant(actions=actions, action=int(prices.by_row(truth).mean(axis=0).argmin())),
        "tree": Tree(actions=actions, root=root),
        "review": asking(plan, truth, said),
    }
    if prices.two:
        built["fixed"] = Threshold(actions=actions, threshold=0.5, origin="more likely than not")
        built["threshold"] = single(plan)
        built["tuned"] = tuned(plan, truth, said)
    else:
        built["probable"] = Probable(**_priced(plan))
        built["cheapest"] = single(plan)
    if plan.rules:
        around = {"actions": actions, "rules": dict(plan.rules), "task": plan.task}
        built["rules"] = Ruled(base=single(plan), **around)
        built["review"] = Ruled(base=built["review"], **around)
    return {name: built[name] for name in plan.names}


def single(plan: Plan) -> Policy:
    """Return who does what is expected to cost least; of two classes, who acts from the threshold in force."""
    if not plan.prices.two:
        return Cheapest(**_priced(plan))
    value, origin = plan.threshold
    return Threshold(actions=plan.actions, threshold=value, origin=origin)


def tuned(plan: Plan, truth: ArrayLike, said: ArrayLike | Answers) -> Threshold:
    """Return the threshold of two classes that was cheapest on these rows."""
    cheapest = thresholds.cheapest(truth, answers.of(said).shown, plan.prices).value
    return Threshold(actions=plan.actions, threshold=cheapest, origin="cheapest on validation")


def asking(plan: Plan, truth: NDArray[Any], said: ArrayLike | Answers) -> Review | Asking:
    """Return who asks a person where these rows say that it is expected to be cheapest; without rules around it."""
    said, capacity, prices = answers.of(said, plan.classes), plan.settings.review_capacity, plan.prices
    if not prices.two:
        heat = 1.0 if prices.functions else calibration.temperature(truth, logits(said.probability))
        price = costs.capacity_price(prices, believed(prices, said, heat), capacity)
        return Asking(**_priced(plan), temperature=heat, price=price)
    value, origin = plan.threshold
    if plan.task.type == "anomaly":  # the budget says from where there is an alarm, and money whether it stops
        high = max(value, thresholds.band(prices)[1])
        return Review(actions=plan.actions, threshold=value, low=value, high=high, origin=origin)
    scale = calibration.platt(truth, said.shown)
    price = costs.capacity_price(prices, scale.apply(said.shown), capacity)
    low, high = (scale.invert(end) for end in thresholds.band(prices, price))
    if plan.set_threshold is None:
        value, origin = scale.invert(value), f"{origin}, recalibrated"
    return Review(actions=plan.actions, threshold=value, low=low, high=high, origin=origin)


def _priced(plan: Plan) -> dict[str, Any]:
    """Return what a policy that calculates with costs is made of."""
    return {"actions": plan.actions, "classes": plan.classes, "costs": plan.settings.costs, "task": plan.task}
