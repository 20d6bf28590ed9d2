"""Settings of the ablation: what techniques are tried on, on how many folds and seeds, and how long it may take."""

from typing import Annotated

from pydantic import Field

from loopbook.scenario.candidate import Candidate
from loopbook.scenario.settings import Settings


class AblationSettings(Settings):
    """``make ablation``: each technique with and without, on the same folds."""

    bases: dict[str, Candidate] = Field(
        default_factory=dict,
        description="small or frozen networks to screen on: the first where a technique acts; none: the candidates",
    )
    folds: int = Field(5, ge=2, le=20, description="outer folds by group, on which is reported")
    seeds: int = Field(2, ge=1, le=20, description="how often the folds are dealt anew to screen, each with its seed")
    trials: int = Field(2, ge=1, le=5, description="step sizes tried on the inner fold, with and without the technique")
    costly: float = Field(
        20.0,
        gt=0,
        description="seconds of processor time of a fit from which on the first seed and one trial have to do, "
        "and one fold a seed to confirm",
    )
    survive: float = Field(0.1, gt=0, lt=1, description="p value, uncorrected, up to which a gain is confirmed")
    confirm_seeds: int = Field(5, ge=0, le=20, description="new seeds to confirm with; 0: nothing is confirmed")
    confirm_on: dict[str, Annotated[int, Field(ge=0)]] = Field(
        default_factory=dict,
        description="other scenarios to confirm on, a fold a seed, and labels a class learned from there; 0: all",
    )
    made: bool = Field(True, description="show each family of techniques on the task that was made for it")
    limit: float = Field(2.0, gt=0, description="hours of processor time; what does not fit is not measured")
