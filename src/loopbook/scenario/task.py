"""The task: what is decided from what, the label that is learned, and what the actions are called."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from loopbook.scenario.settings import Settings, refuse


class Label(Settings):
    """What the model learns to predict, and how the source's label column says it."""

    column: str
    positive: Annotated[tuple[str | int | bool, ...], Field(strict=False)] = Field(
        (), description="values that mean yes, all other values mean no"
    )
    below: float | None = Field(None, description="for a rating: a value below this means yes")
    uncertain: float = Field(
        0.0, ge=0, description="for a rating: a row nearer than this to `below` counts less in training, in proportion"
    )
    names: Annotated[tuple[str, str], Field(strict=False)] = Field(("no", "yes"), description="what no and yes mean")

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        refuse(
            (
                (self.below is None) == (not self.positive),
                "say either which values are 'positive' or the rating 'below' which a row is, not both",
            ),
            (self.uncertain and self.below is None, "'uncertain' is for ratings: it needs 'below'"),
            (
                self.names[0] == self.names[1],
                f"no and yes need different names, not twice {self.names[0]!r}",
            ),
        )
        return self


class Task(Settings):
    """The decision problem: inputs, label, actions' names."""

    type: Literal["binary"] = Field("binary", description="one yes-or-no label")
    unit: str = Field("row", min_length=1, max_length=40, description="what a row is called: post, patient, machine")
    fields: dict[str, Literal["text", "number", "category"]] = Field(description="the model's inputs and their types")
    label: Label
    actions: Annotated[tuple[str, str], Field(strict=False)] = Field(
        ("ignore", "alert"), description="what the agent does when the answer is no, and when it is yes"
    )

    @property
    def units(self) -> str:
        """What several rows are called."""
        if self.unit.endswith("y") and self.unit[-2:-1] not in "aeiou":
            return f"{self.unit[:-1]}ies"
        return f"{self.unit}es" if self.unit.endswith(("s", "x", "ch", "sh")) else f"{self.unit}s"

    @property
    def text_fields(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.fields.items() if kind == "text")

    @property
    def table_fields(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.fields.items() if kind != "text")

    @model_validator(mode="after")
    def _has_inputs(self) -> Self:
        refuse(
            (not self.fields, "a task needs at least one input field"),
            (
                self.label.column in self.fields,
                f"the label column {self.label.column!r} cannot be an input as well",
            ),
            (
                self.actions[0] == self.actions[1],
                f"the two actions need different names, not twice {self.actions[0]!r}",
            ),
            ("review" in self.actions, "no action can be called 'review': that is the name for asking a person"),
        )
        return self
