"""The recipe: how a network is trained. A fit depends on it, on its candidate and on the task, on no other settings."""

from pydantic import Field

from loopbook.scenario.settings import Settings


class Recipe(Settings):
    """How a network is trained: order of rows, length, step size, weights of classes."""

    seed: int = Field(1, ge=0, description="seed of initial weights and of the order of rows")
    epochs: int = Field(60, ge=1, le=10_000, description="most passes over train; early stopping ends it before")
    patience: int = Field(4, ge=1, description="passes without a better validation loss before training stops")
    batch_size: int = Field(64, ge=1, description="rows a step")
    learning_rate: float = Field(0.001, gt=0, le=1, description="Adam's step size")
    class_weights: bool = Field(False, description="weigh rows so that all classes count alike")
