"""What notebook 02 shows and records of the label, by the type of the task."""

from collections.abc import Mapping

import pandas as pd

from loopbook.data import distribution
from loopbook.data.cleaning import shorten
from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.scenario.task import Number, Task

_SHOWN = 10  # most frequent classes that are drawn; the others are summed up
_DRAWN = ["train", "test", "stream"]


def label(splits: Mapping[str, pd.DataFrame], task: Task) -> Figure:
    """Draw the label by split: the share of yes, of the most frequent classes, or the distribution of a number."""
    if isinstance(task, Number):
        return _of_number(splits, task)
    counted = distribution.counts(splits, task)
    percent = 100 * counted / counted.sum().clip(lower=1)
    if len(counted) == 2:
        name, shares = percent.index[1], percent.iloc[1]
        return plots.bars(
            shares,
            title=f"Between {shares.min():.0f} and {shares.max():.0f}% of the rows are “{name}”",
            x="split",
            y=f"share of “{name}”, %",
            alt=f"Share of rows with the label {name} in each split.",
        )
    often = counted.sum(axis=1).sort_values(ascending=False, kind="stable").index
    top, rest = often[:_SHOWN], often[_SHOWN:]
    shown = percent.loc[top, _DRAWN]
    shown.index = pd.Index([shorten(name, 30) for name in top])
    others = f"; {len(rest)} other classes have {percent.loc[rest, 'train'].sum():.0f}% of train" if len(rest) else ""
    first, new = percent.loc[top[0]], distribution.unseen(counted)
    title = (
        f"“{shorten(top[0], 30)}” is most frequent: {first['train']:.0f}% of train, {first['stream']:.0f}% of stream"
    )
    if len(new):
        title = f"Train has never seen {len(new)} of {len(counted)} classes, such as “{shorten(new.index[0], 30)}”"
    alt = "Share of each class in train, test and stream, the most frequent first."
    return plots.bars(shown, title=title, x=f"share of the split, %{others}", y="", alt=alt, horizontal=True)


def _of_number(splits: Mapping[str, pd.DataFrame], task: Number) -> Figure:
    medians = {name: splits[name]["label"].median() for name in _DRAWN}
    unit = f", {task.label.unit}" if task.label.unit else ""
    return plots.histogram(
        {name: splits[name]["label"] for name in _DRAWN},
        title=f"The median is {medians['train']:.3g} in train and {medians['stream']:.3g} in the stream",
        x=f"{task.label.column}{unit}",
        alt=f"Distribution of {task.label.column} in train, test and stream, as shares of the rows of each.",
    )


def recorded(kept: pd.DataFrame, splits: Mapping[str, pd.DataFrame], task: Task) -> dict[str, float]:
    """Return the flat numbers of the label that notebook 02 records, from all rows that were kept."""
    if isinstance(task, Number):
        return {"label_mean": float(kept["label"].mean()), "label_median": float(kept["label"].median())}
    counted = distribution.counts(splits, task)
    if len(counted) == 2:
        return {"positive_share": kept["label"].mean()}
    new = distribution.unseen(counted)
    rare = counted["train"].between(1, distribution.RARE - 1)
    found = {"classes": (counted.sum(axis=1) > 0).sum(), "rare_classes": rare.sum()}
    return {name: int(count) for name, count in {**found, "unseen_classes": len(new), "unseen_rows": new.sum()}.items()}
