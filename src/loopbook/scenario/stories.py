"""User stories: who needs what, and the acceptance criteria by which one sees that it is there."""

import operator
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from loopbook.scenario.settings import Settings

_COMPARE = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt, "==": operator.eq}


class Criterion(Settings):
    """An acceptance criterion: a metric that a stage records, compared with a threshold."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    text: str = Field(description="the criterion in a manager's words")
    stage: str = Field(pattern=r"^\d\d_\w+$", description="the stage that gives the evidence")
    metric: str = Field(description="name under which that stage records the evidence")
    comparison: Literal[">=", ">", "<=", "<", "=="] = ">="
    threshold: float

    def met(self, value: float) -> bool:
        """Say whether `value` meets the criterion."""
        return bool(_COMPARE[self.comparison](value, self.threshold))


class Story(Settings):
    """A user story with its acceptance criteria."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    as_a: str
    i_want: str
    so_that: str
    need: str | None = Field(None, description="name of the need in the survey file; None: the story's id")
    criteria: Annotated[tuple[Criterion, ...], Field(strict=False)] = ()


def asked_for(changes: Sequence[Mapping[str, Any]]) -> tuple[Story, ...]:
    """Return the criteria that approved requirement changes add, as one story; none if they add none.

    Parameters
    ----------
    changes
        As a snapshot carries them; those of the kind ``criterion`` have the fields of one.
    """
    asked = [change for change in changes if change.get("kind") == "criterion"]
    criteria = tuple(
        Criterion.model_validate({name: change[name] for name in Criterion.model_fields if name in change})
        for change in asked
    )
    wish = "what I complained about to be mended and measured"
    story = Story(id="asked-for", as_a="user of the agent", i_want=wish, so_that="my answers count", criteria=criteria)
    return (story,) if criteria else ()
