"""Settings of time series: readings of sensors become rows, a window each."""

from datetime import date, datetime, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from loopbook.scenario.settings import Names, Settings, refuse
from loopbook.scenario.task import LABEL

FAULT, NO_FAULT = "fault", "none"
"""The column of windows that says which fault is simulated in them, and what it says of those that were measured."""

Moment = Annotated[datetime, Field(strict=False)]
Day = Annotated[date, Field(strict=False)]


class Series(Settings):
    """Readings become windows: a row each step, with what the sensors did up to then.

    Columns of a window are ``<sensor>_<feature>`` (`FEATURES`, and ``lag_<steps>``), the calendar's (`CALENDAR`),
    ``known``: failure within a known failure, else normal; and ``fault``: which one is simulated, or none.
    """

    sensors: Names = Field(min_length=1, description="columns of numbers; with `by` the one column of all sensors")
    by: str | None = Field(None, description="column that says which sensor a reading is of; None: a column a sensor")
    values: Names = Field((), description="with `by`: the sensors' names in that column, which windows are made of")
    step_minutes: float = Field(60, gt=0, le=10_080, description="a window ends every so many minutes")
    window_hours: float = Field(24, gt=0, le=2_160, description="what a window looks back on")
    lags: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(strict=False)] = Field(
        (1, 2, 24), description="steps back whose means a window holds beside that of its last"
    )
    covered: float = Field(0.5, gt=0, le=1, description="share of readings without which a window is left out: a gap")
    known: Annotated[tuple[Annotated[tuple[Moment, Moment], Field(strict=False)], ...], Field(strict=False)] = Field(
        (), description="known failures, each from when to when (UTC); they serve for judging, and nothing learns them"
    )
    injected: Annotated[tuple[Annotated[tuple[Day, Day], Field(strict=False)], ...], Field(strict=False)] = Field(
        (),
        description="stretches of days, from and up to, where every second normal window has a twin with a simulated "
        "fault: candidates are ranked by these, since no known failure may choose",
    )
    seed: int = Field(1, ge=0, description="seed of the simulated faults")

    @property
    def names(self) -> tuple[str, ...]:
        """What sensors are called in windows."""
        return self.values if self.by else self.sensors

    @property
    def back(self) -> timedelta:
        """How far a window and its lags look back."""
        steps = max(self.lags, default=0) + 1
        return max(timedelta(hours=self.window_hours), steps * timedelta(minutes=self.step_minutes))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of windows beside their time."""
        lags = [f"lag_{lag}" for lag in self.lags]
        return (*(f"{name}_{one}" for name in self.names for one in (*FEATURES, *lags)), *CALENDAR, LABEL, FAULT)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        spans = [*self.known, *self.injected]
        refuse(
            (bool(self.by) != bool(self.values), "'by' and 'values' belong together: name both, or neither"),
            (self.by and len(self.sensors) != 1, "with 'by' one column holds the numbers of all sensors"),
            (any(first >= last for first, last in spans), "a stretch must begin before it ends"),
            ("time" in self.names, "a sensor cannot be called time: readings that are sent have theirs under it"),
            (self.window_hours * 60 < self.step_minutes, "window_hours must be no shorter than a step"),
        )
        return self


FEATURES = ("now", "mean", "spread", "low", "high", "change", "z", "jitter", "slow", "medium", "fast", "missing")
"""Of each sensor: mean of the last step; mean, standard deviation, least and most of the window; the last step less the
mean, and that by the standard deviation (a moving z-score); logarithm of the mean step between readings in the last
step (a frozen sensor's is lowest); logarithms of the spectrum's power in three bands; share of readings that lack."""

CALENDAR = ("day_sin", "day_cos", "week_sin", "week_cos")
"""Time of the day and of the week as places on a circle."""
