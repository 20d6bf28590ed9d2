"""Settings of the watch: where new rows come from, how often it looks, and when it checks; no stage reads this."""

from typing import Literal

from pydantic import Field

from loopbook.scenario.settings import Settings


class WatchSettings(Settings):
    """``make watch``: the agent decides as rows come in."""

    folder: str | None = Field(
        None,
        description="folder in which csv, json lines or parquet files are laid, relative to the project's root; "
        "None: the scenario's own source, of kind sql, feed or crawl",
    )
    column: str | None = Field(
        None, description="of sql: a column that only grows, such as an id or the time of writing; None: all is read"
    )
    every: float = Field(60, gt=0, le=86_400, description="seconds between two looks")
    checks: Literal["hourly", "daily"] = Field("daily", description="how often what was decided is checked")
