"""Settings of stage 03: the candidates, and the recipe by which they are trained."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import suggest
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.settings import Names


class TrainingSettings(Recipe):
    """Stage 03."""

    bootstrap: int = Field(1_000, ge=50, description="resamples behind each confidence interval")
    only: Names = Field((), description="the candidates to train; none named: all")
    # The name of a candidate becomes the name of folders and pages.
    candidates: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")], Candidate] = Field(min_length=1)

    @property
    def chosen(self) -> dict[str, Candidate]:
        """The candidates that are trained, by name."""
        return {name: self.candidates[name] for name in (self.only or self.candidates)}

    @property
    def recipe(self) -> Recipe:
        """The recipe of all candidates, without what else stands here."""
        return Recipe.model_validate(self.model_dump(include=set(Recipe.model_fields)))

    def adapted(self, candidate: Candidate) -> Candidate:
        """Return a candidate with the default recipe of its adaptation, in what is not said here for all of them."""
        return candidate.adapted(self.model_fields_set)

    @property
    def recipes(self) -> list[Recipe]:
        """The recipes by which candidates are trained."""
        return [self.changed(candidate.recipe) for candidate in self.candidates.values()]

    @model_validator(mode="before")
    @classmethod
    def _named_members(cls, given: Any) -> Any:
        """Put the candidates that an ensemble names into it, so that it is known by all that its fit depends on."""
        known = given.get("candidates") if isinstance(given, dict) else None
        if not isinstance(known, dict):
            return given
        found = dict(known)
        for name, candidate in known.items():
            members = candidate.get("members") if isinstance(candidate, dict) else None
            if isinstance(members, list | tuple):
                for member in members:
                    if isinstance(member, str) and member not in known:
                        raise ValueError(f"{name} has a member {member!r}, no candidate.{suggest(member, known)}")
                found[name] = {**candidate, "members": [known.get(m, m) if isinstance(m, str) else m for m in members]}
        return {**given, "candidates": found}

    @model_validator(mode="after")
    def _adapted(self) -> Self:
        found = {name: self.adapted(candidate) for name, candidate in self.candidates.items()}
        object.__setattr__(self, "candidates", found)  # frozen for all others
        return self

    @model_validator(mode="after")
    def _known(self) -> Self:
        for name in self.only:
            if name not in self.candidates:
                raise ValueError(f"only names {name!r}, which is no candidate.{suggest(name, self.candidates)}")
        return self
