"""Settings of stage 05: cost matrix, rules, review capacity, policy."""

from typing import Literal, Self

from pydantic import Field, model_validator

from loopbook.scenario.settings import Settings, refuse

OTHERS = "others"
"""In a matrix, the cost for classes that are not named, also for those that nobody has seen yet."""


class Costs(Settings):
    """The cost matrix: what each action costs by class, in the scenario's currency; a gain is negative.

    Short forms: the four outcomes of two classes, and `right` and `wrong` where each class has an action of its own.
    """

    true_positive: float = Field(0.0, description="acted, and it was right to")
    false_positive: float = Field(1.0, description="acted, and it was wrong to")
    true_negative: float = Field(0.0, description="did not act, and it was right not to")
    false_negative: float = Field(5.0, description="did not act, and it was wrong not to")
    right: float | None = Field(None, description="for one action a class: the right one; left out: 0")
    wrong: float | None = Field(None, description="for one action a class: any other; left out: 1")
    matrix: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="cost by action and class; 'others' stands for classes that are not named"
    )
    function: dict[str, str] = Field(
        default_factory=dict,
        description="for a number: cost by action as an expression in `value`: (value > 30) * (value - 30)",
    )
    review: float = Field(0.5, ge=0, description="asking a person, besides the cost of what the person then decides")
    review_error: float = Field(0.02, ge=0, le=0.5, description="share of reviews in which the person is wrong")

    @property
    def says(self) -> Literal["matrix", "function", "right", "outcomes", "nothing"]:
        """The form in which the costs are given; nothing: by defaults alone."""
        if self.matrix or self.function:
            return "matrix" if self.matrix else "function"
        if self.right is not None or self.wrong is not None:
            return "right"
        given = [getattr(self, name) != type(self).model_fields[name].default for name in OUTCOMES]
        return "outcomes" if any(given) else "nothing"

    @model_validator(mode="after")
    def _mistakes_cost_more(self) -> Self:
        forms = (self.matrix, self.function, self.right is not None or self.wrong is not None)
        refuse(
            (sum(map(bool, forms)) > 1, "give one of 'matrix', 'function', and 'right' with 'wrong', not several"),
            *(
                (
                    getattr(self, wrong) <= getattr(self, right),
                    f"{wrong} ({getattr(self, wrong):g}) must cost more than {right} ({getattr(self, right):g}): "
                    "otherwise one action is better whatever the probability, and there is nothing to decide",
                )
                for wrong, right in (("false_positive", "true_negative"), ("false_negative", "true_positive"))
            ),
            (
                self.mistake[1] <= self.mistake[0],
                f"wrong ({self.mistake[1]:g}) must cost more than right ({self.mistake[0]:g}): otherwise there is "
                "nothing to decide",
            ),
        )
        return self

    @property
    def mistake(self) -> tuple[float, float]:
        """What the right and any wrong action cost, where each class has an action of its own."""
        return 0.0 if self.right is None else self.right, 1.0 if self.wrong is None else self.wrong


OUTCOMES = ("true_positive", "false_positive", "true_negative", "false_negative")
"""The short form for two classes."""


class Rule(Settings):
    """A rule of the policy: a condition in the safe expression language, and what to do where it holds."""

    when: str = Field(description="expression over the row's fields and, after the model, its answers")
    action: str = Field(description="one of the task's actions, or 'review'")
    position: Literal["before", "after"] = Field("before", description="before the model is asked, or after")


PolicyName = Literal[
    "never", "always", "constant", "fixed", "threshold", "tuned", "probable", "cheapest", "tree", "rules", "review"
]
"""Two classes know `never` to `tuned`, several `constant`, `probable` and `cheapest`, and both the others."""


class DecisionsSettings(Settings):
    """Stage 05."""

    review_capacity: float = Field(0.1, ge=0, le=1, description="share of decisions that people can review")
    tree_depth: int = Field(3, ge=1, le=6, description="questions on the way through the readable tree")
    threshold: float | None = Field(None, ge=0, le=1, description="act from this probability; None: cheapest expected")
    policy: PolicyName | None = Field(None, description="the policy to decide by; None: cheapest on validation")
    served_days: int = Field(90, ge=1, le=3650, description="latest days of a served agent that are watched and taught")
    served_least: int = Field(
        200, ge=1, description="served decisions of the champion from which they take the place of the rehearsal"
    )
    explained: int = Field(40, ge=0, description="how many decisions to act or to ask are explained by words or fields")
    costs: Costs = Costs()
    rules: dict[str, Rule] = Field(default_factory=dict, description="rules by name")
