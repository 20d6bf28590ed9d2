"""A candidate: an architecture with its arguments, and in what its training differs from the others'."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from loopbook.scenario.recipe import RecipeChanges
from loopbook.scenario.settings import Scalar, Settings

_GENTLY: dict[str, Scalar] = {
    **{"probe": 1.0, "refine": True, "epochs": 3, "batch_size": 32, "schedule": "cosine", "warmup": 0.1},
    **{"weight_decay": 0.01, "clip_norm": 1.0},
}
ADAPTED: dict[str, dict[str, Scalar]] = {
    "lora": {**_GENTLY, "learning_rate": 0.001},
    "adapters": {**_GENTLY, "learning_rate": 0.001},
    "prefix": {**_GENTLY, "learning_rate": 0.003},
    "last": {**_GENTLY, "learning_rate": 0.0001},
    "full": {**_GENTLY, "learning_rate": 0.00005},
}
"""Default recipe of a pretrained encoder by its adaptation; the step size for a head alone would ruin what it knows."""


def _or_names(schema: dict[str, Any]) -> None:
    schema["items"] = {"anyOf": [schema["items"], {"type": "string"}]}


class Candidate(Settings):
    """A model to try: an architecture by name, or a user's function as ``package.module:build``."""

    architecture: str = Field(pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$")
    settings: dict[str, Scalar] = Field(default_factory=dict, description="arguments of the architecture's function")
    recipe: RecipeChanges = Field(
        default_factory=RecipeChanges, description="in what its training differs from the settings of training"
    )
    members: Annotated[tuple[Candidate, ...], Field(strict=False)] = Field(
        (),
        description="of an ensemble: its candidates, or the names of others",
        json_schema_extra=_or_names,
    )

    @property
    def files(self) -> tuple[str, ...]:
        """Files and folders that arguments name by their whole path; a fit depends on what they hold."""
        own = (value for value in self.settings.values() if isinstance(value, str) and Path(value).is_absolute())
        return (*own, *(path for member in self.members for path in member.files))

    @property
    def usual(self) -> dict[str, Scalar]:
        """The default recipe of its adaptation, where it is a pretrained encoder that is tuned; else nothing."""
        return ADAPTED.get(str(self.settings.get("adaptation", "lora")), {}) if self.architecture == "encoder" else {}

    def adapted(self, given: Collection[str]) -> Candidate:
        """Return it with the default recipe of its adaptation in all that neither it nor the scenario says.

        Parameters
        ----------
        given
            Fields of a recipe that the scenario says for all candidates.
        """
        usual = {name: value for name, value in self.usual.items() if name not in given}
        own = self.recipe.model_dump(exclude_none=True)
        members = tuple(member.adapted(given) for member in self.members)
        return self.model_copy(update={"recipe": RecipeChanges(**{**usual, **own}), "members": members})
