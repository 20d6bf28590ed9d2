"""Lists watched: clicks by place, coverage and concentration over time, drift of taste, new items that are starved."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from loopbook.statistics import examination, intervals, ranking
from loopbook.statistics.intervals import NOTHING, Interval, Z, wilson
from loopbook.statistics.significance import holm

PERIODS = 6
"""Stretches of equal time that are set beside each other."""
STARVED = 0.2
"""An item is starved that is shown less often than this share of what an item is shown in the mean."""


def of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that stood at a known place of a list, their `place` a whole number; perhaps none."""
    if not {"shown", "place", "item", "label"} <= set(rows.columns):
        return pd.DataFrame(columns=["shown", "place", "item", "label", "time"])
    placed = rows[rows["place"].notna() & rows["label"].notna()]
    return placed.assign(place=placed["place"].astype("int64")).reset_index(drop=True)


def by_place(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how often each place is clicked: index ``place``; ``value, low, high`` (Wilson), ``shown``."""
    counted = rows.groupby("place")["label"].agg(["mean", "size"])
    ends = [wilson(float(share), int(size)) for share, size in counted.itertuples(index=False)]
    return pd.DataFrame(ends, index=counted.index, columns=["value", "low", "high"]).assign(shown=counted["size"])


def coverage(rows: pd.DataFrame, items: int, periods: int = PERIODS) -> pd.DataFrame:
    """Return what was shown of all items, stretch by stretch.

    Parameters
    ----------
    rows
        As `of` returns them, with ``time``.
    items
        How many there are to be shown.

    Returns
    -------
    DataFrame
        Index ``from``; ``lists``, ``coverage`` (share of the items that stood in one), ``gini`` of how often each was
        shown, ``gini_taken`` of how often each was clicked.
    """
    stretch, starts = _stretches(rows["time"], periods)
    found = []
    for number, start in enumerate(starts):
        own = rows[stretch == number]
        counts = [part["item"].value_counts().to_numpy() for part in (own, own[own["label"] == 1])]
        shown, taken = (np.pad(count, (0, max(0, items - len(count)))) for count in counts)
        shares = {"gini": ranking.gini(shown), "gini_taken": ranking.gini(taken)}
        found.append({"from": start, "lists": own["shown"].nunique(), "coverage": len(counts[0]) / items, **shares})
    return pd.DataFrame(found, columns=["from", "lists", "coverage", "gini", "gini_taken"]).set_index("from")


def feedback_loop(covered: pd.DataFrame) -> Interval:
    """Return by how much exposure is more concentrated with each stretch: the slope of ``gini``, with its interval.

    An agent that learns from clicks on what it has shown itself shows ever fewer items; then the slope lies above 0.

    References
    ----------
    Chaney, Stewart & Engelhardt (2018), How algorithmic confounding in recommendation systems increases homogeneity.
    """
    from scipy.stats import linregress, t

    gini = covered["gini"].dropna().to_numpy(np.float64)
    if len(gini) < 3:
        return NOTHING
    line = linregress(np.arange(len(gini)), gini)
    half = float(t.ppf(0.975, len(gini) - 2)) * float(line.stderr)
    return Interval(float(line.slope), float(line.slope) - half, float(line.slope) + half)


def tastes(rows: pd.DataFrame, of_item: "pd.Series[str]", looked: pd.DataFrame) -> pd.DataFrame:
    """Return what readers take of each kind of item in the later half of the time, beside the earlier half.

    The rate is clicks by places looked at, so that neither what is shown nor where it stands is taken for taste.

    Parameters
    ----------
    rows
        As `of` returns them, with ``time``.
    of_item
        The kind of each item, by its id.
    looked
        Examination by place, as `examination.estimate` returns it.

    Returns
    -------
    DataFrame
        Index ``kind``, the largest change first; ``before``, ``now``, ``change`` with ``low`` and ``high``, and ``p``,
        by Holm for all kinds together.
    """
    later, _ = _stretches(rows["time"], 2)
    kind = rows["item"].map(of_item)
    seen = pd.DataFrame({"kind": kind, "later": later, "seen": examination.at(looked, rows["place"])})
    sums = seen.assign(taken=rows["label"].astype("float64")).groupby(["kind", "later"])[["seen", "taken"]].sum()
    wide = sums.unstack("later", fill_value=0.0)
    if wide.shape[1] < 4:
        return pd.DataFrame(columns=["before", "now", "change", "low", "high", "p"]).rename_axis("kind")
    views, taken = (wide[name].clip(lower=1e-9) for name in ("seen", "taken"))
    rate = taken / views
    change = rate[1] - rate[0]
    error = np.sqrt(taken[0] / views[0] ** 2 + taken[1] / views[1] ** 2)
    table = pd.DataFrame({"before": rate[0], "now": rate[1], "change": change})
    table = table.assign(low=change - Z * error, high=change + Z * error, p=holm(_two_sided(change / error)))
    return table.sort_values("change", key=np.abs, ascending=False)


def starved(rows: pd.DataFrame, new: Collection[str], known: int) -> pd.DataFrame:
    """Return the new items that are hardly shown: so rarely that chance does not explain it.

    Parameters
    ----------
    rows
        As `of` returns them.
    new
        Ids of the items that the agent has not learned from.
    known
        Items that there are in all.

    Returns
    -------
    DataFrame
        Index ``item``; ``shown``, ``expected`` if all were shown alike, ``high`` (the most that 95% allow) and
        ``starved``; those that are shown least first. An item counts from the first list of `rows` on.
    """
    counts = rows["item"].value_counts().reindex(sorted(new), fill_value=0)
    expected = len(rows) / max(known, 1)
    high = [intervals.poisson(int(count), 1).high for count in counts]
    table = pd.DataFrame({"shown": counts, "expected": expected, "high": high}).rename_axis("item")
    return table.assign(starved=table["high"] < STARVED * expected).sort_values("shown", kind="stable")


def _two_sided(z: "pd.Series[float]") -> np.ndarray:
    from scipy.stats import norm

    return np.asarray(2 * norm.sf(np.abs(z)))


def _stretches(time: "pd.Series[pd.Timestamp]", periods: int) -> tuple[np.ndarray, list[pd.Timestamp]]:
    """Return the stretch of equal time in which each moment lies, from 0, and when each begins."""
    known = pd.to_datetime(time, utc=True)
    if not known.notna().any():
        return np.zeros(len(known), dtype=np.int64), []
    edges = pd.date_range(known.min(), known.max(), periods=periods + 1)
    inner = np.asarray(edges[1:-1].as_unit("ns").astype("int64"))
    return np.searchsorted(inner, known.astype("datetime64[ns, UTC]").astype("int64"), side="right"), list(edges[:-1])
