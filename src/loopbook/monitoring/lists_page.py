"""What notebooks 06 and 14 show of lists over time: coverage, the feedback loop, drift of taste, new items."""

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from loopbook.figures import sentence, time_series
from loopbook.figures.figure import Figure
from loopbook.figures.sentence import Sentence
from loopbook.monitoring import lists
from loopbook.statistics.intervals import between

if TYPE_CHECKING:
    from loopbook.decisions.shelf import Shelf

KINDS = 8
"""Kinds of items that are told apart by their content, where no column names them."""
_SHOWN = 8


def coverage(covered: pd.DataFrame) -> Figure | Sentence:
    """Draw which share of the items was shown, stretch by stretch, and how unequally."""
    if covered.empty:
        return Sentence("No list is known with its places, so nothing can be told of what was shown.")
    slope = lists.feedback_loop(covered)
    way = "narrows" if slope.low > 0 else "widens" if slope.high < 0 else "stays as wide as it is"
    first, last = (float(covered["coverage"].iloc[at]) for at in (0, -1))
    frame = covered[["coverage", "gini", "gini_taken"]].set_axis(
        ["items shown", "Gini of what is shown", "Gini of what is taken"], axis=1
    )
    return time_series.chart(
        frame.set_axis(pd.DatetimeIndex(covered.index).tz_convert(None), axis=0).rename_axis("from"),
        title=f"{last:.0%} of the items were shown at the end, {first:.0%} at the beginning; the choice {way}",
        y="share; Gini coefficient",
        alt=f"Coverage and Gini coefficients by time; Gini changes by {slope.value:+.3f} a stretch "
        f"({between(slope.low, slope.high, '+.3f')}).",
        share=True,
    )


def kinds(shelf: "Shelf", items: pd.DataFrame, column: str | None = None) -> "pd.Series[str]":
    """Return the kind of each item, by its id: a column's, or one of `KINDS` by content, named after a typical item."""
    if column is not None:
        return items.drop_duplicates("item").set_index("item")[column].astype(str)
    from sklearn.cluster import KMeans

    vectors = np.asarray(shelf.vectors, dtype=np.float64)
    if not vectors.shape[1]:
        return pd.Series("nothing is known of items", shelf.items)
    found = KMeans(min(KINDS, len(vectors)), n_init=4, random_state=0).fit(vectors)
    typical = found.transform(vectors).argmin(axis=0)
    names = [f"{number + 1}, like “{shelf.titles[at]}”" for number, at in enumerate(typical)]
    return pd.Series([names[label] for label in found.labels_], shelf.items)


def tastes(rows: pd.DataFrame, kind: "pd.Series[str]", looked: pd.DataFrame | None) -> pd.DataFrame | Sentence:
    """Return what readers take of each kind in the later half of the time, the largest change first."""
    if looked is None:
        return Sentence("How often places are looked at is not known, so taste cannot be told from what is shown.")
    table = lists.tastes(rows, kind, looked)
    shown = table.head(_SHOWN).round(3).rename(columns={"p": "p, by Holm"})
    return sentence.table(shown, "All rows are of one half of the time: no drift can be told.")


def starved(table: pd.DataFrame) -> Sentence:
    """Say how many new items are hardly shown."""
    if table.empty or not table["expected"].iloc[0]:
        return Sentence("There are no new items, or no lists in which they could have stood.")
    share, never = table["shown"] / table["expected"], int((table["shown"] == 0).sum())
    return Sentence(
        f"**New items**: of {len(table)}, {int(table['starved'].sum())} are starved, which means that they are shown "
        f"less than {lists.STARVED:.0%} as often as the mean item, beyond chance; {never} were never shown. The median "
        f"new item is shown {share.median():.2f} times as often as the mean item."
    )


def lived(rows: pd.DataFrame, items: int) -> list[Figure | Sentence]:
    """Draw clicks by place of the lists in a decision log, and how many of all items they show as time goes on."""
    placed = rows[rows["place"].notna()] if "place" in rows else rows.head(0)
    known = lists.of(placed)
    if known.empty:
        return [Sentence("It is not known of any list what stood at which place and was clicked.")]
    clicked = lists.by_place(known).rename_axis("place of the list")
    names = {"value": "clicked", "low": "clicked, low", "high": "clicked, high"}
    first, last = (float(clicked["value"].iloc[at]) for at in (0, -1))
    drawn = time_series.chart(
        clicked[list(names)].rename(columns=names),
        title=f"{first:.1%} of what stands first is clicked, {last:.1%} at place {clicked.index[-1]}",
        y="share that is clicked",
        alt=f"Clicks by place with 95% intervals, over {known['shown'].nunique():,} lists of which they are known.",
        share=True,
    )
    return [drawn, coverage(lists.coverage(placed, items))]


def recorded(covered: pd.DataFrame, hungry: pd.DataFrame, moved: pd.DataFrame | Sentence) -> dict[str, float]:
    """Return flat numbers of lists over time."""
    slope = lists.feedback_loop(covered)
    return {
        "lists_coverage": float(covered["coverage"].mean()),
        **slope.recorded("lists_gini_slope"),
        "lists_starved": float(hungry["starved"].mean()) if len(hungry) else 0.0,
        "lists_tastes_changed": float((moved["p, by Holm"] < 0.05).sum())
        if isinstance(moved, pd.DataFrame)
        else np.nan,
    }


def unseen(rows: pd.DataFrame, learned: pd.DataFrame) -> Collection[str]:
    """Return the items of some rows, or of the table of items, that nothing was learned from."""
    return sorted(set(rows["item"].astype(str)) - set(learned["item"].astype(str)))
