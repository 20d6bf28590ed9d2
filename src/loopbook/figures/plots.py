"""Figures in one style: a few general kinds, each an SVG with a text for readers who do not see it.

A figure is drawn from plain values, has no state and is the same bytes for the same values. It follows the reader's
light or dark setting, keeps its letters readable at the width of a phone, and tells series apart by dash and marker
as well as by colour. Texts from data are hostile: they are cleaned, shortened, and never read as mathematics.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from loopbook.figures.figure import DASHES, INK, MARKERS, MUTED, PAPER, Figure, colour, cycle, drawing, plain, short


def lines(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    title: str,
    x: str,
    y: str,
    alt: str,
    diagonal: bool = False,
    marks: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Draw curves, such as losses by epoch, ROC or calibration.

    Parameters
    ----------
    curves
        Name to x and y, both ``[n]``; a NaN makes a gap.
    title
        The finding, as a sentence.
    x, y
        What the axes carry, with unit.
    alt
        The finding and its figures, for readers who do not see the picture.
    diagonal
        Draw the unit square with its diagonal (ROC, calibration).
    marks
        Name to one point that is ringed and named, such as the best epoch.

    Raises
    ------
    ValueError
        If there is no curve, no title or no alt text.
    """
    with drawing(title, alt, curves, height=4.6 if diagonal else 3.3) as draw:
        axes = draw.axes(x, y)
        for at, (name, (xs, ys)) in enumerate(curves.items()):
            points = {"marker": "o", "markersize": 3.5} if np.size(xs) <= 20 else {}
            axes.plot(xs, ys, color=colour(at), linestyle=cycle(DASHES, at), label=plain(name), **points)
        if diagonal:
            axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 2)))
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        for name, (px, py) in (marks or {}).items():
            axes.plot([px], [py], "o", markersize=9, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.4)
            left, right = axes.get_xlim()
            inward = -1 if (px - left) > 0.6 * (right - left) else 1
            axes.annotate(
                plain(name),
                (px, py),
                xytext=(9 * inward, 9),
                textcoords="offset points",
                ha="left" if inward > 0 else "right",
                color=INK,
            )
        if not diagonal and all(np.all(np.mod(xs, 1) == 0) for xs, _ in curves.values()):
            axes.xaxis.get_major_locator().set_params(integer=True)
        draw.legend(len(curves))
    return draw.done


def bars(values: pd.Series | pd.DataFrame, *, title: str, x: str, y: str, alt: str, horizontal: bool = False) -> Figure:
    """Draw one bar a row, or for a DataFrame one a row and column; `x` and `y` name the axes as they are seen.

    Raises
    ------
    ValueError
        If there is no value, no title or no alt text.
    """
    table = pd.DataFrame(values)
    count, series = table.shape
    height = 1.3 + 0.32 * count * max(1, 0.6 * series) if horizontal else 3.3
    with drawing(title, alt, table.index, height=min(height, 12)) as draw:
        axes = draw.axes(x, y)
        place, width = np.arange(count), 0.76 / max(series, 1)
        for at, name in enumerate(table.columns):
            offset = place + (at - (series - 1) / 2) * width
            kind = {"color": colour(at), "label": plain(name)}
            numbers = table[name].to_numpy(dtype=float)
            drawn = (axes.barh if horizontal else axes.bar)(offset, numbers, width * 0.94, **kind)
            if count * series <= 16:
                axes.bar_label(drawn, labels=[short(value) for value in numbers], padding=2, fontsize=9.5, color=INK)
        axes.margins(**{"x" if horizontal else "y": 0.12})
        axes.grid(visible=False, axis="y" if horizontal else "x")
        draw.names(axes, list(table.index), horizontal)
        if horizontal:
            axes.invert_yaxis()
        draw.legend(series if values.ndim == 2 else 1)
    return draw.done


def intervals(
    table: pd.DataFrame, *, title: str, x: str, alt: str, reference: float | None = None, reference_name: str = ""
) -> Figure:
    """Draw estimates with their intervals, one a row: columns ``value``, ``low``, ``high``, the index their names.

    `reference` draws a line to compare with, such as 0 for a difference or 0.5 for chance.

    Raises
    ------
    ValueError
        If a column or every row is missing, or title or alt text is empty.
    """
    missing = [name for name in ("value", "low", "high") if name not in table.columns]
    if missing:
        raise ValueError(f"intervals needs the columns value, low and high; missing: {', '.join(missing)}.")
    with drawing(title, alt, table.index, height=1.4 + 0.36 * len(table)) as draw:
        axes = draw.axes(x, "")
        value, low, high = (table[name].to_numpy(dtype=float) for name in ("value", "low", "high"))
        if reference is not None:
            axes.axvline(reference, color=MUTED, linewidth=1.2, linestyle=(0, (3, 2)))
            if reference_name:
                axes.annotate(
                    plain(reference_name),
                    (reference, 1),
                    xycoords=("data", "axes fraction"),
                    xytext=(0, 3),
                    textcoords="offset points",
                    ha="center",
                    fontsize=9.5,
                    color=MUTED,
                )
        for at in range(len(table)):
            axes.plot([low[at], high[at]], [at, at], color=colour(0), linewidth=3, alpha=0.45, solid_capstyle="round")
        axes.plot(value, range(len(table)), "o", color=colour(0), markersize=6.5)
        for at in range(len(table)):
            axes.annotate(
                short(value[at]),
                (value[at], at),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=9.5,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
            )
        axes.set_ylim(-0.6, len(table) - 0.4)
        axes.margins(x=0.08)
        axes.grid(visible=False, axis="y")
        draw.names(axes, list(table.index), horizontal=True)
        axes.invert_yaxis()
    return draw.done


def matrix(table: pd.DataFrame, *, title: str, x: str, y: str, alt: str) -> Figure:
    """Draw counts in a grid, such as a confusion matrix: the shade is the share of the row, the numbers say both.

    Raises
    ------
    ValueError
        If there is no cell, no title or no alt text.
    """
    counts = table.to_numpy(dtype=float)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    with drawing(title, alt, table.index, height=1.4 + 0.6 * len(table)) as draw:
        axes = draw.axes(x, y)
        axes.grid(visible=False)
        for row, column in np.ndindex(counts.shape):
            part = float(share[row, column])
            axes.add_patch(draw.cell(column, row, alpha=0.06 + 0.5 * part))
            words = f"{short(float(counts[row, column]))}\n{part:.0%} of row"
            axes.text(column, row, words, ha="center", va="center", color=INK, linespacing=1.35)
        axes.set(xlim=(-0.5, counts.shape[1] - 0.5), ylim=(len(table) - 0.5, -0.5))
        draw.names(axes, list(table.columns), horizontal=False)
        draw.names(axes, list(table.index), horizontal=True)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    return draw.done


def histogram(
    samples: Mapping[str, ArrayLike],
    *,
    title: str,
    x: str,
    y: str = "share of rows",
    alt: str,
    bins: int | Sequence[float] = 30,
) -> Figure:
    """Draw distributions over shared bins, each as shares of its own rows so that unequal sizes compare.

    Raises
    ------
    ValueError
        If no sample holds a finite value, or title or alt text is empty.
    """
    arrays = {name: np.asarray(values, dtype=float) for name, values in samples.items()}
    finite = {name: array[np.isfinite(array)] for name, array in arrays.items()}
    filled = {name: array for name, array in finite.items() if array.size}
    with drawing(title, alt, filled, height=3.1) as draw:
        axes = draw.axes(x, y)
        edges = np.histogram_bin_edges(
            np.concatenate(list(filled.values())), bins=np.asarray(bins) if not isinstance(bins, int) else bins
        )
        for at, (name, array) in enumerate(filled.items()):
            heights = np.histogram(array, bins=edges)[0] / array.size
            kind = {"color": colour(at), "linestyle": cycle(DASHES, at), "linewidth": 1.6}
            axes.stairs(heights, edges, fill=True, alpha=0.16, color=colour(at))
            axes.stairs(heights, edges, label=plain(name), **kind)
        axes.set_ylim(bottom=0)
        draw.legend(len(filled))
    return draw.done


def timeline(
    frame: pd.DataFrame | pd.Series,
    *,
    title: str,
    y: str,
    alt: str,
    x: str = "day",
    spans: Mapping[str, tuple[Any, Any]] | None = None,
) -> Figure:
    """Draw one line a column over the index (days); `spans` shades named stretches: name to first and last day.

    Raises
    ------
    ValueError
        If there is no row, no title or no alt text.
    """
    from matplotlib import dates, ticker

    table = pd.DataFrame(frame)
    with drawing(title, alt, table.index, height=3.3) as draw:
        axes = draw.axes(x, y)
        for at, (name, (start, end)) in enumerate((spans or {}).items()):
            axes.axvspan(start, end, color=colour(len(table.columns) + at), alpha=0.16, linewidth=0, label=plain(name))
        for at, name in enumerate(table.columns):
            axes.plot(
                table.index,
                table[name].to_numpy(dtype=float),
                color=colour(at),
                linestyle=cycle(DASHES, at),
                marker=cycle(MARKERS, at) if len(table) <= 45 else None,
                markersize=3.5,
                label=plain(name),
            )
        if table.index.dtype.kind == "M":
            locator = dates.AutoDateLocator(maxticks=7)
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        elif table.index.dtype.kind == "i":
            axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        draw.legend(len(table.columns) + len(spans or {}))
    return draw.done
