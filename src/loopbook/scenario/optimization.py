"""Settings of stage 04: search, export, cross-validation."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from loopbook.scenario.settings import Settings, refuse


class SearchRange(Settings):
    """What the search may try for one setting: a range, or a list of choices."""

    low: float | None = None
    high: float | None = None
    log: bool = Field(False, description="search the range on a logarithmic scale")
    choices: Annotated[tuple[int | float | str, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _range_or_choices(self) -> Self:
        ends = (self.low is not None) + (self.high is not None)
        low, high = self.low or 0.0, self.high or 0.0
        refuse(
            (ends != (0 if self.choices else 2), "give either 'low' and 'high' or 'choices'"),
            (self.log and low <= 0, "a logarithmic scale needs a 'low' above 0"),
            (ends == 2 and low >= high, f"'low' {low:g} is not below 'high' {high:g}"),
        )
        return self


class OptimizationSettings(Settings):
    """Stage 04."""

    trials: int = Field(6, ge=0, le=1_000, description="settings that each search tries; 0: no search")
    search_seed: int = Field(1, ge=0, description="seed of the search")
    search_processes: int = Field(1, ge=1, le=64, description="trials fitted at once; what is found is equal")
    search_epochs: int = Field(12, ge=1, description="most passes over train in one trial")
    latency_repeats: int = Field(200, ge=10, description="single decisions timed for each model")
    export: bool = Field(True, description="export the champion to ONNX and check it")
    cv_folds: int = Field(5, ge=2, le=50, description="folds of each repeat of the cross-validation")
    cv_repeats: int = Field(0, ge=0, le=100, description="cross-validations of the champion; 0: none (rows suffice)")
    masking_cost: bool = Field(True, description="fit the champion on unmasked texts too, and compare; not kept")
    search: dict[str, SearchRange] = Field(
        default_factory=dict, description="options of the recipe, or architecture arguments"
    )
