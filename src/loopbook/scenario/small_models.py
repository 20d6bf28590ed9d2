"""Settings of the study ``small_models``: variants of the champion that cost less, and what they may lose."""

from typing import Annotated, Literal

from pydantic import Field

from loopbook.scenario.settings import Settings

Made = Literal["int8", "pruned", "dropped", "distilled", "keras_int8"]


class SmallModelsSettings(Settings):
    """Study ``small_models``; notebook 04 ships the smallest variant that loses no more than it may."""

    may_lose: float = Field(
        0.01, ge=0, le=1, description="most that what is shipped may lose in the primary metric on validation"
    )
    variants: Annotated[tuple[Made, ...], Field(strict=False)] = Field(
        ("int8", "pruned", "dropped", "distilled", "keras_int8"), description="variants that are made and compared"
    )
    sparsity: float = Field(0.5, gt=0, lt=1, description="share of the weights that pruning sets to 0")
    layers: int = Field(3, ge=1, le=48, description="layers of a pretrained encoder that dropping keeps")
    student: str = Field(
        "", description="architecture that is distilled into; empty: cnn where there is text, else mlp"
    )
    decisions: int = Field(200, ge=20, le=100_000, description="single decisions timed for each variant")
