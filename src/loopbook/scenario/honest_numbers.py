"""Settings of the study ``honest_numbers``: learning curve, slices, label errors."""

from pydantic import Field

from loopbook.scenario.settings import Settings


class HonestNumbersSettings(Settings):
    """Study ``honest_numbers``."""

    sizes: int = Field(6, ge=2, le=12, description="points of the learning curve: train, half of it, a quarter …")
    draws: int = Field(3, ge=1, le=50, description="samples of train drawn of each size below all of it")
    draw_seed: int = Field(1, ge=0, description="seed of the samples, the folds and the planted errors")
    folds: int = Field(5, ge=2, le=20, description="folds by which each label is judged without its group")
    planted: float = Field(0.05, gt=0, le=0.5, description="share of labels made wrong, to see how many are found")
    least: int = Field(40, ge=10, description="rows that a slice of test needs to be judged")
