"""Settings of the study ``lists``: how a ranking becomes a list, and what the list is judged by."""

from pydantic import Field

from loopbook.scenario.settings import Settings


class ListsSettings(Settings):
    """Study ``lists``."""

    places: int | None = Field(None, ge=1, le=1_000, description="items in a list; None: as the task says")
