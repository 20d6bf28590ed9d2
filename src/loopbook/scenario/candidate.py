"""A candidate: an architecture with its arguments, and in what its training differs from the others'."""

from pydantic import Field

from loopbook.scenario.recipe import RecipeChanges
from loopbook.scenario.settings import Scalar, Settings


class Candidate(Settings):
    """A model to try: an architecture by name, or a user's function as ``package.module:build``."""

    architecture: str = Field(pattern=r"^[A-Za-z_][\w.]*(:[A-Za-z_]\w*)?$")
    settings: dict[str, Scalar] = Field(default_factory=dict, description="arguments of the architecture's function")
    recipe: RecipeChanges = Field(
        default_factory=RecipeChanges, description="in what its training differs from the settings of training"
    )
