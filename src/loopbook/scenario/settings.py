"""The base of all settings: strict types, finite numbers, no unknown keys, values that do not change."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Scalar = bool | int | float | str | None
Names = Annotated[tuple[str, ...], Field(strict=False)]
"""A YAML list of names."""


def refuse(*problems: tuple[object, str]) -> None:
    """Raise the first of some problems that is there; each is its condition and its message."""
    for there, message in problems:
        if there:
            raise ValueError(message)


class Settings(BaseModel):
    """Base of all settings: strict types, finite numbers, no unknown keys, values that do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)
