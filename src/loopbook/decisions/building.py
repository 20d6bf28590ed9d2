"""Build the policies to compare, from the costs and from rows on which thresholds may be chosen (validation)."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from numpy.typing import ArrayLike

from loopbook.decisions import costs, language, rules, tree
from loopbook.decisions.policies import Constant, Policy, Review, Ruled, Threshold, Tree
from loopbook.scenario.decisions import DecisionsSettings, PolicyName, Rule
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.task import Task
from loopbook.statistics import calibration
from loopbook.store.stage import Stage

CONSTANTS: tuple[PolicyName, ...] = ("never", "always")
"""Policies that need no model."""

THRESHOLDS: tuple[PolicyName, ...] = ("fixed", "threshold", "tuned")
"""Policies with one threshold and nothing else."""


@dataclass(frozen=True)
class Plan:
    """All that is decided about policies before any row is seen.

    Attributes
    ----------
    task, settings
        The scenario's.
    rules
        The scenario's rules and the approved ones.
    approved_threshold
        From the snapshot; it stands behind one that the scenario or a parameter sets, and before the costs' own.
    void
        Why an approved threshold is not in force; empty if there is none, or it is.
    """

    task: Task
    settings: DecisionsSettings
    rules: Mapping[str, Rule]
    approved_threshold: float | None = None
    void: str = ""

    @classmethod
    def of(
        cls,
        task: Task,
        settings: DecisionsSettings,
        approved_rules: Mapping[str, object] | None = None,
        approved_threshold: float | None = None,
        void: str = "",
    ) -> "Plan":
        """Return the plan of a scenario in a round, with its rules checked.

        Raises
        ------
        ScenarioError
            If a rule does not fit, or the policy asked for needs rules and there are none.
        """
        merged = rules.merged(settings.rules, approved_rules or {})
        rules.read(merged, task)
        plan = cls(task, settings, merged, approved_threshold, void)
        if settings.policy is not None and settings.policy not in plan.names:
            raise ScenarioError("decisions.policy is 'rules', but there are none; add some to decisions.rules.")
        return plan

    @property
    def symbols(self) -> pd.DataFrame:
        """What a rule of this task can speak of."""
        return language.table(self.task)

    @property
    def names(self) -> tuple[PolicyName, ...]:
        """The policies to compare, simplest first."""
        return (*CONSTANTS, *THRESHOLDS, "tree", *(("rules",) if self.rules else ()), "review")  # type: ignore[return-value]

    @property
    def eligible(self) -> tuple[PolicyName, ...]:
        """The policies among which the agent's may be: those that obey what people have set.

        With rules, only policies that apply them; with a threshold that somebody set or approved, only policies that
        use it; with a policy that the scenario names, that one.
        """
        if self.settings.policy is not None:
            return (self.settings.policy,)
        if self.rules:
            return ("rules", "review")
        if self.set_threshold is not None:
            return ("threshold", "review")
        return self.names

    @property
    def set_threshold(self) -> float | None:
        """The threshold that a person set or approved, if any."""
        return self.settings.threshold if self.settings.threshold is not None else self.approved_threshold

    @property
    def threshold(self) -> tuple[float, str]:
        """The threshold in force, and where it comes from."""
        return costs.in_force(self.settings, self.approved_threshold)


def carried(
    stage: Stage, approved_rules: Mapping[str, object], approved_threshold: float | None, model: str | None
) -> Plan:
    """Return the plan of a round, from what its snapshot carries: rules, a threshold, and the model it was for."""
    approved = costs.approved(approved_threshold, model, stage.digest("champion"))
    return Plan.of(stage.scenario.task, stage.settings, approved_rules, *approved)


def build(plan: Plan, frame: pd.DataFrame, probability: ArrayLike) -> dict[PolicyName, Policy]:
    """Return the policies of a plan, by name; what they must choose is chosen on these rows.

    ``never`` and ``always`` act as they are called; ``fixed`` acts from 0.5; ``threshold`` from the threshold in
    force; ``tuned`` from the one that was cheapest on these rows; ``tree`` asks some questions; ``rules`` puts the
    rules around ``threshold``; ``review`` asks a person where that is expected to be cheapest, as often as these rows
    say that there will be time, and has the rules around it if there are some. What ``review`` expects rests on
    probabilities that these rows have recalibrated, because a band in the wrong place asks about the wrong rows.

    Parameters
    ----------
    frame
        Rows with the task's fields and `label`, on which the model was not fitted.
    probability
        The model's probability, float [n].
    """
    settings, actions = plan.settings, plan.task.actions
    value, origin = plan.threshold
    plain = Threshold(actions=actions, threshold=value, origin=origin)
    review = asking(plan, frame["label"], probability)
    root = tree.grow(frame, probability, settings.costs, plan.task, settings.tree_depth)
    built: dict[PolicyName, Policy] = {
        "never": Constant(actions=actions, act=False),
        "always": Constant(actions=actions, act=True),
        "fixed": Threshold(actions=actions, threshold=0.5, origin="more likely than not"),
        "threshold": plain,
        "tuned": tuned(plan, frame["label"], probability),
        "tree": Tree(actions=actions, root=root),
    }
    around = {"actions": actions, "rules": dict(plan.rules), "task": plan.task}
    if plan.rules:
        built["rules"] = Ruled(base=plain, **around)
    built["review"] = Ruled(base=review, **around) if plan.rules else review
    return built


def tuned(plan: Plan, label: ArrayLike, probability: ArrayLike) -> Threshold:
    """Return the threshold that was cheapest on these rows."""
    cheapest = costs.cheapest(label, probability, plan.settings.costs).value
    return Threshold(actions=plan.task.actions, threshold=cheapest, origin="cheapest on validation")


def asking(plan: Plan, label: ArrayLike, probability: ArrayLike) -> Review:
    """Return who asks a person where these rows say that it is expected to be cheapest; without rules around it."""
    settings, (value, origin) = plan.settings, plan.threshold
    scale = calibration.platt(label, probability)
    price = costs.capacity_price(settings.costs, scale.apply(probability), settings.review_capacity)
    low, high = (scale.invert(end) for end in costs.band(settings.costs, price))
    if plan.set_threshold is None:
        value, origin = scale.invert(value), f"{origin}, recalibrated"
    return Review(actions=plan.task.actions, threshold=value, low=low, high=high, origin=origin)
