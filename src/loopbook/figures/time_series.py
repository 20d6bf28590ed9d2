"""Time series with what was expected of them: control charts with bands, small multiples of them, marked alarms."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from loopbook.figures.figure import DASHES, INK, MARKERS, MUTED, Figure, colour, cycle, drawing, middle, plain

BAND = ("expected", "lower", "upper")
"""Columns of what was expected and between which values it may lie."""


def chart(
    frame: pd.DataFrame, *, title: str, y: str, alt: str, marks: Mapping[str, Any] | None = None, share: bool = False
) -> Figure:
    """Draw lines over days: a control chart, where the columns of `BAND` are there.

    Parameters
    ----------
    frame
        A row a day; each column but those of `BAND` is a line. A line ``name`` whose interval stands in ``name, low``
        and ``name, high`` is drawn with it.
    title, y, alt
        As in `plots`.
    marks
        Name to the day that it marks, such as an alarm.
    share
        Whether values are between 0 and 1, so that they are told in percent.
    """
    with drawing(title, alt, frame.index, height=3.3) as draw:
        axes = draw.axes(str(frame.index.name or "day"), y)
        drawn = _lines(axes, frame, share)
        if not share:
            axes.yaxis.set_major_formatter("{x:,.0f}")
            axes.set_ylim(bottom=0)
        axes.set_ylim(top=axes.get_ylim()[1] + 0.12 * float(np.ptp(axes.get_ylim())))  # room for the marks' names
        days: dict[Any, list[str]] = {}
        for name, day in (marks or {}).items():
            days.setdefault(day, []).append(plain(name))
        for day, names in days.items():
            axes.axvline(day, color=INK, linewidth=1, linestyle=(0, (2, 2)))
            axes.annotate(", ".join(names), (day, 1.0), xycoords=("data", "axes fraction"), xytext=(3, -2),
                          textcoords="offset points", va="top", color=INK, fontsize=9.5)  # fmt: skip
        draw.legend(drawn)
    return draw.done


def multiples(parts: Mapping[str, pd.DataFrame], *, title: str, y: str, alt: str) -> Figure:
    """Draw small multiples: a chart with its band for each part, all on one scale of shares, two beside each other."""
    rows = -(-len(parts) // 2)
    with drawing(title, alt, parts, height=1.2 + 1.35 * rows) as draw:
        grid = draw.canvas.subplots(rows, 2, sharex=True, sharey=True, squeeze=False).ravel()
        for at, (name, frame) in enumerate(parts.items()):
            _lines(grid[at], frame, share=True)
            grid[at].set_title(middle(name, 26), loc="left", fontsize=9.5, color=INK)
            for artist in (*grid[at].lines, *grid[at].collections, *grid[at].containers) if at else ():
                artist.set_label("_")  # the first part names them for all
        for axes in grid[len(parts) :]:
            axes.set_visible(False)
        draw.canvas.supylabel(y, fontsize=10, color=MUTED)
        draw.legend(2)
    return draw.done


def _lines(axes: Any, frame: pd.DataFrame, share: bool) -> int:
    """Draw a frame's band and lines; return how many names the legend has."""
    from matplotlib import dates, ticker

    names = [name for name in map(str, frame) if name not in BAND and not name.endswith((", low", ", high"))]
    banded = set(BAND) <= {*frame}
    if banded:
        expected, lower, upper = (frame[name].to_numpy("float64") for name in BAND)
        axes.fill_between(frame.index, lower, upper, color=MUTED, alpha=0.18, linewidth=0, label="as expected (95%)")
        axes.plot(frame.index, expected, color=MUTED, linewidth=1.2, linestyle=(0, (1, 2)))
    for at, name in enumerate(names):
        style = {"color": colour(at), "marker": cycle(MARKERS, at), "markersize": 3.5, "label": plain(name)}
        values = frame[name].to_numpy("float64")
        if f"{name}, low" in frame:
            reach = np.abs(np.stack([frame[f"{name}, {end}"].to_numpy("float64") for end in ("low", "high")]) - values)
            axes.errorbar(frame.index, values, reach, linestyle=cycle(DASHES, at), capsize=3, linewidth=1.4, **style)
        else:
            axes.plot(frame.index, values, linestyle=cycle(DASHES, at), **style)
    if share:
        axes.yaxis.set_major_formatter(ticker.PercentFormatter(1.0, decimals=0))
    if frame.index.dtype.kind == "M":
        locator = dates.AutoDateLocator(maxticks=5, minticks=2)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        axes.set_xlim(frame.index[0] - pd.Timedelta(hours=9), frame.index[-1] + pd.Timedelta(hours=9))
    return len(names) + banded
