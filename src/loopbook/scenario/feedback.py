"""Settings of stage 07: simulated users, labelling budget, promotion gate, approval."""

from typing import Literal

from pydantic import Field

from loopbook.scenario.recipe import RecipeChanges
from loopbook.scenario.settings import Settings

Strategy = Literal["random", "uncertainty", "margin", "bald", "diversity", "cost"]
Attack = Literal["flip", "sleeper", "segment", "copier", "colluder", "flood", "adaptive"]


class FeedbackSettings(Settings):
    """Stage 07."""

    users: int = Field(30, ge=1, le=10_000, description="simulated users, some of whom answer far more than others")
    answer_rate: float = Field(0.2, ge=0, le=1, description="share of decisions that simulated users answer")
    error_rate: float = Field(0.05, ge=0, le=0.5, description="share of their corrections that are wrong")
    malicious_rate: float = Field(0.1, ge=0, le=0.5, description="share of users who flip labels on purpose")
    attack: Attack = Field(
        "flip",
        description="how they do harm: flip always lies; sleeper once trusted; segment in one segment; copier where "
        "nobody else answers; colluder with the others on chosen rows; flood in great numbers; adaptive: each another",
    )
    feedback_seed: int = Field(1, ge=0, description="seed of the simulated users")
    most_an_hour: int = Field(120, ge=1, description="answers of a user in an hour; what is beyond does not count")
    alone: float = Field(
        10,
        ge=0,
        description="labels taken over on one user's word alone, for each answer that an outcome has shown right",
    )
    label_budget: int = Field(200, ge=0, description="items to propose for labelling next")
    strategy: Strategy = Field(
        "cost",
        description="how these are chosen: at random, by entropy, by margin, by what networks with dropout disagree on "
        "(bald), unlike each other alone (diversity), or by what knowing the label saves (cost)",
    )
    random_share: float = Field(0.2, ge=0, le=1, description="share of these that is drawn at random, to compare with")
    min_gain: float = Field(0.0, ge=0, description="the challenger's primary metric must be better by more than this")
    warm_start: bool = Field(
        False, description="a network that challenges begins with the champion's weights; other models are fitted anew"
    )
    recipe: RecipeChanges = Field(
        default_factory=RecipeChanges,
        description="in what the challenger's training differs from the champion's: {replay: 0.3, anchor: 0.01}",
    )
    file: str | None = Field(None, description="CSV of answers: row_id, user, label, comment, time, rating, seconds")
    approve: Literal["all", "safe", "none"] = Field("safe", description="what a batch loop approves by itself")
