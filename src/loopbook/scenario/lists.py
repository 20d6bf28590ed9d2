"""Settings of the study ``lists``: how a ranking becomes a list, and what the list is judged by."""

from typing import Self

from pydantic import Field, model_validator

from loopbook.scenario.settings import Names, Settings, refuse


class ListRule(Settings):
    """An item is left out of a list where its column is above or below a limit, or one of some values."""

    item: str = Field(description="column of the items")
    above: float | str | None = Field(None, description="left out above this number, or above this column of the user")
    below: float | str | None = Field(None, description="left out below this number, or below this column of the user")
    among: Names = Field((), description="left out where the column is one of these")

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        given = (self.above is not None) + (self.below is not None) + bool(self.among)
        refuse((given != 1, "a rule has one of 'above', 'below' and 'among'"))
        return self


class ListsSettings(Settings):
    """Study ``lists``."""

    places: int | None = Field(None, ge=1, le=1_000, description="items in a list; None: as the task says")
    title: str | None = Field(None, description="column of the items by which reasons call them; None: item")
    value: float | str = Field(1.0, description="what a taken item is worth: a number, or a column of the items")
    cost: float = Field(
        0.0, ge=0, description="what an item costs that is shown and not taken; a list ends where none is worth it"
    )
    again: bool = Field(False, description="True: what a user has taken may be shown to them again")
    rules: dict[str, ListRule] = Field(default_factory=dict, description="rules by name: which items are left out")
    diversity: float = Field(
        0.05, ge=0, lt=1, description="weight of likeness to the items above, against worth (MMR); 0: worth alone"
    )
    pool: int = Field(200, ge=10, description="items of highest worth among which diversity chooses")
    ndcg_budget: float = Field(
        0.0, ge=0, lt=1, description="share of NDCG that lists may give up so that more items stand in them"
    )
    judged: int = Field(600, ge=20, description="lists of the test that are judged, at most; coverage is of so many")
    kind: str | None = Field(
        None, description="column of the items by which drift of taste is watched; None: kinds found in their content"
    )
    exploration: float = Field(
        0.05, ge=0, le=1, description="probability that a place is filled by any allowed item; its propensity is kept"
    )
