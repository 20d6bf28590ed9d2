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

from loopbook.figures.figure import (
    DASHES,
    INK,
    MARKERS,
    MUTED,
    PAPER,
    Figure,
    colour,
    cycle,
    drawing,
    middle,
    plain,
    short,
)
from loopbook.statistics import confusions

_GRID = 6  # rows and columns that a grid's numbers can be read in
_POINTS = 600


def lines(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    title: str,
    x: str,
    y: str,
    alt: str,
    diagonal: bool = False,
    marks: Mapping[str, tuple[float, float]] | None = None,
    reference: float | None = None,
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
    reference
        A level to compare with, such as 0 for an error.

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
        if reference is not None:
            axes.axhline(reference, color=MUTED, linewidth=1.2, linestyle=(0, (3, 2)))
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

    Of more than six rows or columns it draws bars: the pairs of different names that hold most rows, the worst first.

    Raises
    ------
    ValueError
        If there is no cell, no title or no alt text.
    """
    if max(table.shape) > _GRID:
        return _pairs(table, title, x, y, alt)
    counts = table.to_numpy(dtype=float)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    with drawing(title, alt, table.index, height=1.4 + 0.6 * len(table)) as draw:
        axes = draw.axes(x, y)
        axes.grid(visible=False)
        of_row = " of row" if counts.shape[1] <= 3 else ""
        for row, column in np.ndindex(counts.shape):
            part = float(share[row, column])
            axes.add_patch(draw.cell(column, row, alpha=0.06 + 0.5 * part))
            words = f"{short(float(counts[row, column]))}\n{part:.0%}{of_row}"
            axes.text(column, row, words, ha="center", va="center", color=INK, linespacing=1.35)
        axes.set(xlim=(-0.5, counts.shape[1] - 0.5), ylim=(len(table) - 0.5, -0.5))
        side = max(min(22, len(plain(name))) for name in table.index)
        draw.names(axes, list(table.columns), horizontal=False, room=52 - side)
        draw.names(axes, list(table.index), horizontal=True)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
    return draw.done


def _pairs(table: pd.DataFrame, title: str, x: str, y: str, alt: str) -> Figure:
    """Draw the pairs of a table of counts that hold most rows, with their share of the row."""
    worst = confusions.worst(table)
    pairs = list(zip(*(worst.iloc[:, at] for at in range(4)), strict=True))
    told = "; ".join(
        f"{plain(side)} → {plain(top)}: {rows:,.0f}, {share:.0%} of the first" for side, top, rows, share in pairs
    )
    none = "No pair of different names."
    with drawing(title, f"{alt} {told or none}", table.index, height=1.5 + 0.48 * max(3, len(pairs))) as draw:
        axes = draw.axes("rows · share of the first", f"{y} → {x}")
        axes.grid(visible=False, axis="y")
        drawn = axes.barh(range(len(pairs)), [rows for *_, rows, _ in pairs], 0.66, color=colour(0))
        labels = [f"{rows:,.0f} · {share:.0%}" for *_, rows, share in pairs]
        axes.bar_label(drawn, labels=labels, padding=3, fontsize=9.5, color=INK)
        axes.set_yticks(
            range(len(pairs)), [f"{middle(side)}\n→ {middle(top)}" for side, top, *_ in pairs], fontsize=9.5
        )
        axes.set_xlim(0, 1.6 * max((rows for *_, rows, _ in pairs), default=1))
        axes.xaxis.get_major_locator().set_params(integer=True, nbins=4)
        axes.invert_yaxis()
        if not pairs:
            axes.text(0.5, 0.5, none, transform=axes.transAxes, ha="center", va="center", color=INK)
    return draw.done


def points(
    xs: ArrayLike,
    ys: ArrayLike,
    *,
    title: str,
    x: str,
    y: str,
    alt: str,
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    reference: float | None = None,
) -> Figure:
    """Draw a point a row, such as residuals by prediction; of more than 600 rows as many, evenly by `xs`, and says so.

    Parameters
    ----------
    xs, ys
        float [n]; rows that are not finite are left out.
    title, x, y, alt
        As of `lines`.
    curves
        Name to x and y of lines over the points, such as the mean in bins of `xs`.
    reference
        Draws a line at this height, such as 0 for a residual.

    Raises
    ------
    ValueError
        If there is no point, no title or no alt text.
    """
    every = np.column_stack([np.asarray(part, dtype=float) for part in (xs, ys)])
    every = every[np.isfinite(every).all(axis=1)]
    every = every[np.lexsort((every[:, 1], every[:, 0]))]
    kept = (
        every[np.unique(np.linspace(0, len(every) - 1, min(len(every), _POINTS)).astype(int))] if len(every) else every
    )
    name = "rows" if len(kept) == len(every) else f"{len(kept):,} of {len(every):,} rows"
    with drawing(title, alt, kept, height=3.3) as draw:
        axes = draw.axes(x, y)
        if reference is not None:
            axes.axhline(reference, color=MUTED, linewidth=1.2, linestyle=(0, (3, 2)))
        axes.plot(kept[:, 0], kept[:, 1], "o", color=colour(0), markersize=3, alpha=0.4, markeredgewidth=0, label=name)
        for at, (curve, (cx, cy)) in enumerate((curves or {}).items(), 1):
            axes.plot(cx, cy, color=colour(at), linestyle=cycle(DASHES, at - 1), label=plain(curve))
        draw.legend(1 + len(curves or {}) + (len(kept) < len(every)))
    return draw.done


def panels(slices: Mapping[str, tuple[ArrayLike, ArrayLike]], *, title: str, y: str, alt: str) -> Figure:
    """Draw small pictures beside each other, three a row, that share the axis `y`: a point a row, numbers or names.

    Parameters
    ----------
    slices
        What stands above each picture, to x and y of its points.

    Raises
    ------
    ValueError
        If there is no picture, no title or no alt text.
    """
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    rows = -(-len(slices) // 3)
    with drawing(title, alt, slices, height=0.8 + 2.1 * rows) as draw:
        made = draw.canvas.subplots(rows, min(3, len(slices)), sharey=True, squeeze=False)
        draw.canvas.supylabel(plain(y), fontsize=9.5)
        for axes, (name, (xs, ys)) in zip(made.flat, slices.items(), strict=False):
            values = np.asarray(xs)
            named = values.dtype.kind not in "iuf"
            axes.plot([plain(value) for value in values] if named else values, ys, "o", color=colour(0), markersize=4)
            axes.set_title(plain(name), fontsize=9.5)
            if not named and values.min() > 0 and values.max() >= 10 * values.min():
                axes.set_xscale("log")
                axes.xaxis.set_minor_formatter(NullFormatter())
            if not named:
                axes.xaxis.set_major_locator(LogLocator(numticks=3) if axes.get_xscale() == "log" else MaxNLocator(3))
                axes.xaxis.set_major_formatter(lambda value, _: short(value))
        for axes in made.flat[len(slices) :]:
            axes.set_visible(False)
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
    marks: Mapping[str, Sequence[Any]] | None = None,
) -> Figure:
    """Draw one line a column over the index (days); `spans` shades named stretches: name to first and last day.

    `marks` names moments that are marked at the upper edge.

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
        for name, moments in (marks or {}).items():
            at_top = axes.get_xaxis_transform()
            axes.plot(moments, [0.97] * len(moments), "v", color=INK, markersize=6, label=plain(name), transform=at_top)
        if table.index.dtype.kind == "M":
            locator = dates.AutoDateLocator(maxticks=7)
            axes.xaxis.set_major_locator(locator)
            if len(table) == 1:  # else the axis spans four years
                axes.set_xlim(*(table.index[0] + pd.Timedelta(days=days) for days in (-3, 3)))
            axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
        elif table.index.dtype.kind == "i":
            axes.xaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        draw.legend(len(table.columns) + len(spans or {}) + len(marks or {}))
    return draw.done
