"""What a fit depends on: the method, which is architecture, settings and recipe, and the data that it learns from."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import pandas as pd

from loopbook.data.features import Features
from loopbook.models.architectures import registry
from loopbook.models.model import Model
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.recipe import Recipe, RecipeChanges
from loopbook.scenario.task import Task

PLAIN = {"class_weights"}
"""The part of the recipe that the fit of a plain baseline depends on; a network's depends on all of it."""


class Method(NamedTuple):
    """What is fitted: an architecture with its settings, and the recipe by which it is trained."""

    candidate: Candidate
    recipe: Recipe

    @classmethod
    def to_try(cls, candidate: Candidate, recipe: Recipe) -> Self:
        """Return the method of a candidate: the recipe with what the candidate changes in it."""
        return cls(candidate.model_copy(update={"recipe": RecipeChanges()}), recipe.changed(candidate.recipe))

    @classmethod
    def of(cls, model: Model, recipe: Recipe) -> Self:
        """Return how a model was fitted, as it says itself; in what it does not say, `recipe` holds.

        A model that was tuned, or approved in an earlier round, need not have been trained as the scenario says now.
        """
        candidate = Candidate(architecture=model.architecture, settings=dict(model.settings))
        return cls(candidate, recipe.model_copy(update=dict(model.training)))

    @property
    def depends_on(self) -> dict[str, Any]:
        """The part of the recipe that the fit depends on, as plain values."""
        plain = registry.described(self.candidate.architecture).family == "plain"
        return self.recipe.model_dump(mode="json", include=PLAIN if plain else set(Recipe.model_fields))


@dataclass(frozen=True)
class TrainingData:
    """What a fit learns from: splits in canonical form, features fitted on train, and the task.

    Validation ends the training and sets the temperature.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    features: Features
    task: Task

    def __len__(self) -> int:
        return len(self.train) + len(self.validation)
