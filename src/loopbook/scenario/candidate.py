"""A candidate: an architecture with its arguments, and in what its training differs from the others'."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from loopbook.scenario.recipe import RecipeChanges
from loopbook.scenario.settings import Scalar, Settings


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
