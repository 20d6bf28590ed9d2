"""Readings of a plant's sensors: the window that they make, as 02 makes it, and which sensor stood out in it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from loopbook.data import series
from loopbook.data.even_grid import Grid
from loopbook.decisions.shapley import shapley
from loopbook.scenario.errors import DataError
from loopbook.scenario.series import Series
from loopbook.scenario.task import Task
from loopbook.service.deciding import Unanswerable

_LEAST = 0.01  # a smaller share of the probability is not worth a word


class Window(BaseModel):
    """The window that was decided on; its lags may look back further."""

    begins: datetime
    ends: datetime


class Sensor(BaseModel):
    """A sensor that stood out."""

    sensor: str
    effect: float = Field(description="how much of the probability is due to it, beside usual readings (Shapley value)")


def window(ends: datetime, settings: Series) -> Window:
    """Return the window that ends at a moment."""
    return Window(begins=ends - timedelta(hours=settings.window_hours), ends=ends)


def features(
    request: Mapping[str, Any], received: datetime, settings: Series, per_step: int, simulated: bool
) -> tuple[datetime, dict[str, float | None]]:
    """Return the end of the window that a request asks about, and the window's features.

    That is the last step up to the request's time or, if it has none, up to the last reading.

    Parameters
    ----------
    request
        Its `readings`, in the order of time, and perhaps its `time`.
    received
        Now, UTC.
    per_step
        Of the windows that the model has learned from.
    simulated
        Whether readings may lie in the future.

    Raises
    ------
    Unanswerable
        If readings lie in the future, begin too late, or leave a gap; the message says what to send.
    """
    times = pd.DatetimeIndex([reading["time"] for reading in request["readings"]])
    if not simulated and times[-1] > received + timedelta(minutes=settings.step_minutes):
        raise Unanswerable(
            f"The last reading is of {times[-1].isoformat()}, and it is {received:%Y-%m-%dT%H:%M} UTC: send times in "
            "UTC, or with their zone."
        )
    values = [[reading[name] for name in settings.names] for reading in request["readings"]]
    grid, until = Grid(settings, per_step), request.get("time")
    if until is None:  # the place of the last reading counts as known, unless it is still going on
        until = grid.moments(grid.places(times[-1:]) + 1)[0]
        until = until if simulated else min(until, pd.Timestamp(received))
    try:
        found = series.latest(times, np.array(values, dtype=np.float64), settings, per_step, pd.Timestamp(until))
    except DataError as error:
        raise Unanswerable(str(error)) from None
    row = found.iloc[0]
    told = {str(name): None if np.isnan(value) else float(value) for name, value in row.items()}
    return found.index[0].to_pydatetime(), told


def stood_out(
    row: pd.DataFrame,
    probabilities: Callable[[pd.DataFrame], NDArray[np.float64]],
    task: Task,
    usual: Mapping[str, Any],
    settings: Series,
) -> list[dict[str, Any]]:
    """Return the sensors to which a window's probability is due, the strongest first: `sensor`, `effect`.

    Parameters
    ----------
    row
        The window: a table of one row, so that what else is decided at once changes nothing.
    probabilities
        The model.
    usual
        What `explanation.typical` returned.
    """
    known = sorted(settings.names, key=len, reverse=True)  # of pump and pump_2 the longer one has pump_2_now
    of = {field: next((name for name in known if field.startswith(f"{name}_")), "") for field in task.fields}
    parts = shapley(row, probabilities, task, usual, together=of)
    worth = parts[(parts["effect"] >= _LEAST) & (parts["field"] != "")]
    return [
        {"sensor": sensor, "effect": float(effect)}
        for sensor, effect in zip(worth["field"], worth["effect"], strict=True)
    ]
