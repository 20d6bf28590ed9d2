"""Settings of stage 05: cost matrix, rules, review capacity, policy."""

from typing import Literal, Self

from pydantic import Field, model_validator

from loopbook.scenario.settings import Settings


class Costs(Settings):
    """The cost matrix: what each outcome of a decision costs, in the scenario's currency; a gain is negative."""

    true_positive: float = Field(0.0, description="acted, and it was right to")
    false_positive: float = Field(1.0, description="acted, and it was wrong to")
    true_negative: float = Field(0.0, description="did not act, and it was right not to")
    false_negative: float = Field(5.0, description="did not act, and it was wrong not to")
    review: float = Field(0.5, ge=0, description="asking a person, besides the cost of what the person then decides")
    review_error: float = Field(0.02, ge=0, le=0.5, description="share of reviews in which the person is wrong")

    @model_validator(mode="after")
    def _mistakes_cost_more(self) -> Self:
        for wrong, right in (("false_positive", "true_negative"), ("false_negative", "true_positive")):
            if getattr(self, wrong) <= getattr(self, right):
                raise ValueError(
                    f"{wrong} ({getattr(self, wrong):g}) must cost more than {right} ({getattr(self, right):g}): "
                    "otherwise one action is better whatever the probability, and there is nothing to decide"
                )
        return self


class Rule(Settings):
    """A rule of the policy: a condition in the safe expression language, and what to do where it holds."""

    when: str = Field(description="expression over the row's fields and, after the model, `probability`")
    action: str = Field(description="one of the task's actions, or 'review'")
    position: Literal["before", "after"] = Field("before", description="before the model is asked, or after")


PolicyName = Literal["never", "always", "fixed", "threshold", "tuned", "tree", "rules", "review"]


class DecisionsSettings(Settings):
    """Stage 05."""

    review_capacity: float = Field(0.1, ge=0, le=1, description="share of decisions that people can review")
    tree_depth: int = Field(3, ge=1, le=6, description="questions on the way through the readable tree")
    threshold: float | None = Field(None, ge=0, le=1, description="act from this probability; None: cheapest expected")
    policy: PolicyName | None = Field(None, description="the policy to decide by; None: cheapest on validation")
    explained: int = Field(40, ge=0, description="how many decisions to act or to ask are explained by words or fields")
    costs: Costs = Costs()
    rules: dict[str, Rule] = Field(default_factory=dict, description="rules by name")
