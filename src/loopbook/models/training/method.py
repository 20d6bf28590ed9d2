"""What a fit depends on: the method, which is architecture, settings and recipe, and the data that it learns from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import pandas as pd

from loopbook.data.features import Features
from loopbook.models.architectures import registry
from loopbook.models.averaged import Averaged
from loopbook.models.model import Model
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.recipe import Recipe, RecipeChanges
from loopbook.scenario.task import Task

PLAIN = {"class_weights"}
"""The part of the recipe that the fit of a plain baseline depends on; a network's depends on all of it."""
_ALL = set(Recipe.model_fields)


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
        own = recipe.model_copy(update=dict(model.training))
        if isinstance(model.predictor, Averaged):
            # Each member says its seed itself.
            parts = [cls.of(member, own) for member in model.predictor.members]
            members = tuple(
                part.candidate.model_copy(update={"recipe": RecipeChanges(**part.recipe.model_dump(include=_ALL))})
                for part in parts
            )
            return cls(Candidate(architecture=model.architecture, members=members), own)
        return cls(Candidate(architecture=model.architecture, settings=dict(model.settings)), own)

    @property
    def members(self) -> list[Self]:
        """How the members of an ensemble are fitted: networks with every seed, plain baselines once."""
        named = (type(self).to_try(member, self.recipe) for member in self.candidate.members)
        seeds = int(self.candidate.settings.get("seeds") or 1)
        return [
            part._replace(recipe=part.recipe.model_copy(update={"seed": part.recipe.seed + further}))
            for part in named
            for further in range(1 if part._plain else seeds)
        ]

    @property
    def architectures(self) -> tuple[str, ...]:
        """The names of all architectures that are fitted."""
        return (self.candidate.architecture, *(member.architecture for member in self.candidate.members))

    @property
    def depends_on(self) -> dict[str, Any]:
        """The part of the recipe that the fit depends on, as plain values."""
        return self.recipe.model_dump(mode="json", include=PLAIN if self._plain else _ALL)

    @property
    def _plain(self) -> bool:
        return registry.described(self.candidate.architecture).family == "plain"


@dataclass(frozen=True)
class TrainingData:
    """What a fit learns from: splits in canonical form, features fitted on train, and the task.

    Validation ends the training and sets the temperature. Of a network that is trained further, `start` is the folder
    of the model whose weights it begins with, and the features are that model's.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    features: Features
    task: Task
    start: Path | None = None

    def __len__(self) -> int:
        return len(self.train) + len(self.validation)
