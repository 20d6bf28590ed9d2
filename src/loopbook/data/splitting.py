"""Splitting: train, validation, test, gate, the agent's life in windows, and the proof that nothing leaks."""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import distribution, neighbours
from loopbook.data.cleaning import texts
from loopbook.data.features import column
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError, refuse
from loopbook.scenario.source import ShopSource, SimulationSource
from loopbook.scenario.task import Anomaly, Ranking
from loopbook.statistics import targets
from loopbook.statistics.coin import coin

SPLITS = ("train", "validation", "test", "gate", "stream")

PAST, LATER = "past", "later"
"""Windows of the agent's life before and after the stream; nothing is learned from them unless people approve it."""

_LEARNING = ("train", "validation", "test")  # these three must know two classes at least


def split(
    rows: pd.DataFrame, scenario: Scenario, window: int = 1, dates: Sequence[str] = ()
) -> dict[str, pd.DataFrame]:
    """Return the five splits, and the windows before and after the stream; every row is in exactly one.

    * By time: stretches that follow each other, in the order of `SPLITS`; rows of the same moment stay together. They
      end where `dates` says, whatever is added later; rows after the last date belong to the last window.
    * By last: each group's (user's) own stretches, in the order of `SPLITS`, by how many of its moments lie before;
      without a time by a hash of user and item, so that each user is known to train.
    * By group, and by stratum: a stable hash of the row's group (of its id, where it has none) decides, so that a row
      keeps its split whatever is added, removed or relabelled later. Shares of rows and of classes are met within
      chance; by stratum, train, validation and test must have rows of each value of the source's `stratum` column. A
      class of the label may be so rare that a split has no row of it: the dataset card names those.
      A group of which a row is fixed by ``data.splits.column`` goes there. Where ``data.splits.dates`` say when the
      stream begins, only the rows before are dealt, so that the agent learns from all its past and lives behind it.

    The agent's life has ``data.splits.windows`` windows. The share `stream` is the first; the share `held_back`, or the
    later days of a simulation, is cut into the others. Only the window asked for is the stream; train, validation,
    test and gate are the same in every window.

    Parameters
    ----------
    rows
        Canonical rows, cleaned.
    scenario
        Its data section has the shares, the way to split and the seed of the hash.
    window
        Which window the stream is, counted from 1.
    dates
        As `boundaries` returned them when the first of the rounds' proposals was approved; none: as it returns now.

    Returns
    -------
    dict
        A table for each of `SPLITS`, with index 0, 1, …; with several windows `PAST` and `LATER` as well. In order of
        time, if the split is by time.

    Raises
    ------
    DataError
        If there is no such window, the dates are too few or too many, a split would be empty, or train, validation or
        test would have one class only.
    """
    data = scenario.data
    if window > data.splits.windows:
        raise DataError(
            f"The current round is that of window {window}, but data.splits.windows is {data.splits.windows}; raise it "
            "again, or go back to an earlier round."
        )
    if data.splits.by == "time":
        ordered = rows.sort_values(["time", "row_id"], kind="stable")
        places = _begins(dates or boundaries(rows, scenario), scenario).searchsorted(
            pd.DatetimeIndex(ordered["time"]), side="right"
        )
    elif data.splits.by == "last":
        ordered = rows.sort_values(["time", "row_id"], kind="stable")
        own = None if scenario.source.time else _hashes(ordered["group"] + "\n" + ordered["item"], data.split_seed)
        moments = (ordered["time"] if own is None else pd.Series(own, ordered.index)).groupby(ordered["group"])
        places = np.searchsorted(
            _bounds(scenario), (moments.rank("dense") - 0.5) / moments.transform("nunique"), side="right"
        )
    else:
        ordered, begins = rows, _begins(dates or boundaries(rows, scenario), scenario)
        places = np.searchsorted(_bounds(scenario), _hashes(rows["group"], data.split_seed), side="right")
        if data.splits.column is not None:
            fixed = rows[data.splits.column].map({one: SPLITS.index(to) for one, to in data.splits.fixed.items()})
            places = fixed.groupby(rows["group"]).transform("max").fillna(pd.Series(places, rows.index)).to_numpy(int)
        windows = begins.searchsorted(pd.DatetimeIndex(rows["time"]), side="right") if len(begins) else 0
        places = np.where(windows, len(SPLITS) - 2 + windows, places)
    first, stream = len(SPLITS) - 1, len(SPLITS) - 2 + window
    masks = {name: places == index for index, name in enumerate(SPLITS[:-1])}
    around = {PAST: (places >= first) & (places < stream), "stream": places == stream, LATER: places > stream}
    masks |= around if data.splits.windows > 1 else {"stream": around["stream"]}
    splits = {name: ordered[mask].reset_index(drop=True) for name, mask in masks.items()}
    _refuse_thin(splits, rows, scenario)
    return splits


def boundaries(rows: pd.DataFrame, scenario: Scenario) -> list[str]:
    """Return when each stretch of a split by time begins, the first excepted, as the shares of these rows have it.

    Shares of rows move with every row that is added, so a later round takes the dates of the first approval: else a
    row that the agent has learned from would lie in tomorrow's test.

    The later days of a simulation count in no share; they are cut into windows of equal length. A boundary inside equal
    times moves behind them.

    Returns
    -------
    list of str
        ISO 8601 with the time zone, as many as there are splits and later windows, less one. Where a hash deals rows,
        whatever else is there, as many as there are windows, or none.
    """
    if scenario.data.splits.dates or scenario.data.splits.by != "time":
        return [pd.Timestamp(begin, tz="UTC").isoformat() for begin in scenario.data.splits.dates]
    times, source = rows["time"].sort_values(), scenario.source
    later: list[pd.Timestamp] = []
    if isinstance(source, SimulationSource | ShopSource) and source.later_days:
        windows = scenario.data.splits.windows - 1
        begins = (timedelta(days=round(number * source.later_days / windows)) for number in range(windows))
        later = [pd.Timestamp(source.horizon + begin, tz="UTC") for begin in begins]
    count = int(times.searchsorted(later[0])) if later else len(times)
    moments, cuts = pd.DatetimeIndex(times), []
    for bound in _bounds(scenario):
        cut = min(round(bound * count), count)
        behind = int(moments.searchsorted(moments[cut - 1], side="right")) if cut else 0
        cuts.append(moments[behind] if behind < len(moments) else moments[-1] + pd.Timedelta(seconds=1))
    return [moment.isoformat() for moment in (*cuts, *later)]


def proof(splits: dict[str, pd.DataFrame], scenario: Scenario) -> pd.DataFrame:
    """Check anew, from the splits alone, that nothing is on two sides.

    Returns
    -------
    DataFrame
        A row for each check: ``check`` (what must hold), ``value`` (what was found), ``holds``.

    Raises
    ------
    DataError
        If a row, a group, a text or a near duplicate is in two splits, or if two splits overlap in time.
    """
    sides = pd.concat([frame.assign(side=name) for name, frame in splits.items()], ignore_index=True)
    by_time = scenario.data.splits.by == "time"
    checks: list[tuple[str, str, bool]] = []

    def check(what: str, found: int, unit: str) -> None:
        checks.append((what, f"{found:,} {unit}", found == 0))

    check("no row is in two splits", int(sides["row_id"].duplicated().sum()), "rows twice")
    if scenario.data.splits.ordered:
        dealt = sides["side"].isin(SPLITS[:-1]) & (not by_time)
        spans = sides.groupby(sides["side"].mask(dealt, ""), sort=False)["time"].agg(["min", "max"])
        overlaps = (spans["max"].shift() >= spans["min"]).sum()
        what = "split begins after the one" if by_time else "window of the agent's life begins after all"
        check(f"each {what} before it has ended", int(overlaps), "overlaps")
    elif scenario.data.splits.by == "last" and not scenario.source.time:
        crossing = sides.groupby(["group", "item"])["side"].nunique()
        check("all rows of a user and an item are in one split", int((crossing > 1).sum()), "pairs cross")
    elif scenario.data.splits.by == "last":
        spans = sides.groupby(["group", "side"], sort=False)["time"].agg(["min", "max"])
        overlaps = (spans["max"].groupby("group").shift() >= spans["min"]).sum()
        check("each split of a user begins after the one before it has ended", int(overlaps), "overlaps")
    if not by_time and scenario.data.splits.by != "last":
        crossing = sides.groupby("group")["side"].nunique()
        check("all rows of a group are in one split", int((crossing > 1).sum()), f"of {len(crossing):,} groups cross")
    if scenario.task.texts_differ:
        inputs = [column(sides, name) for name in scenario.task.fields]
        same = pd.DataFrame({str(index): values for index, values in enumerate(inputs)}).assign(side=sides["side"])
        crossing = same.groupby([str(index) for index in range(len(inputs))], dropna=False)["side"].nunique()
        check("no text is in two splits", int((crossing > 1).sum()), "texts cross")
        links = neighbours.pairs(texts(sides, scenario), scenario.data.near_duplicate)
        side = sides["side"].to_numpy()
        check(
            "no near duplicates are in two splits", int((side[links[:, 0]] != side[links[:, 1]]).sum()), "pairs cross"
        )
    result = pd.DataFrame(checks, columns=["check", "value", "holds"])
    if not result["holds"].all():
        broken = "; ".join(f"{row.check}: {row.value}" for row in result[~result["holds"]].itertuples())
        raise DataError(f"The splits leak: {broken}. Run cleaning.deduplicate before splitting.split.")
    return result


def shares(splits: dict[str, pd.DataFrame], scenario: Scenario) -> pd.DataFrame:
    """Return what each split holds: rows, groups, share as wished and as it is, first and last time, and its label.

    Of a ranking also how many of its users and items train has never seen, and the share of its rows with one of them.
    Rows without a time have no first and last.
    """
    total = sum(map(len, splits.values()))
    of_label = distribution.summary(splits, scenario.task)
    wished = scenario.data.splits.shares if scenario.data.splits.windows == 1 else {}
    return pd.DataFrame(
        [
            {
                "split": name,
                "rows": len(frame),
                "groups": frame["group"].nunique(),
                "wished": wished.get(name, np.nan),
                "share": len(frame) / total,
                "first": frame["time"].min(),
                "last": frame["time"].max(),
                **of_label.loc[name],
                **(_new(frame, splits["train"]) if isinstance(scenario.task, Ranking) else {}),
            }
            for name, frame in splits.items()
        ]
    ).dropna(axis="columns", how="all")


def _new(frame: pd.DataFrame, train: pd.DataFrame) -> dict[str, float]:
    user, item = (~frame[name].isin(train[name].unique()) for name in ("query", "item"))
    met = {"new users": frame.loc[user, "query"].nunique(), "new items": frame.loc[item, "item"].nunique()}
    return {**met, "new share": float((user | item).mean())}


def _bounds(scenario: Scenario) -> NDArray[np.float64]:
    """Return where the shares of rows end, the last excepted; with those of the windows if they are held back."""
    settings, others = scenario.data.splits, scenario.data.splits.windows - 1
    held_back = [settings.held_back / others] * others if settings.held_back else []
    dated = settings.dates and settings.by != "time"
    own = {*settings.fixed.values(), *(["stream"] if dated else [])}
    dealt = [0.0 if name in own else share for name, share in settings.shares.items()]
    ends = np.cumsum([*dealt, *([] if dated else held_back)])
    return (ends / ends[-1] if own else ends)[:-1]


def _begins(dates: Sequence[str], scenario: Scenario) -> pd.DatetimeIndex:
    """Return the dates of `boundaries` as moments."""
    splits = scenario.data.splits
    wanted = (len(SPLITS) - 2 if splits.by == "time" else 0) + (splits.windows if splits.ordered else 0)
    if len(dates) != wanted:
        raise DataError(
            f"{len(dates)} dates divide the splits and windows by time, but data.splits.windows "
            f"({scenario.data.splits.windows}) needs {wanted}: set it back to what it was at the first approval."
        )
    return pd.DatetimeIndex([pd.Timestamp(date) for date in dates])


def _hashes(groups: "pd.Series[str]", seed: int) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each group: its SHA-256 with the seed, the same on every machine."""
    return groups.map({group: coin(f"{seed}\n{group}") for group in groups.unique()}).to_numpy(dtype=np.float64)


def _refuse_thin(splits: dict[str, pd.DataFrame], rows: pd.DataFrame, scenario: Scenario) -> None:
    settings = scenario.data.splits
    stratum = scenario.source.stratum
    stratum = f"{stratum}_source" if f"{stratum}_source" in rows.columns else stratum
    faults = "Name its days in source.series.injected, so that it has simulated faults"
    remedy = faults if isinstance(scenario.task, Anomaly) else "Use more rows"
    many = f"{len(rows):,} rows in {rows['group'].nunique():,} groups, split by {settings.by}"
    for name, frame in splits.items():
        if name in (PAST, LATER):
            continue
        classes, learning = frame["label"].unique(), name in _LEARNING
        known = targets.classes(frame["label"], scenario.task)
        only = "".join(known[code] for code in targets.codes(frame["label"].head(1), scenario.task))
        checked = stratum is not None and settings.by == "stratum" and learning and len(frame) >= len(SPLITS)
        missing = sorted(map(str, set(rows[stratum]) - set(frame[stratum]))) if checked else []
        refuse(
            DataError,
            (
                not len(frame),
                f"The split {name!r} is empty ({many}). Use more rows, raise data.splits.{name}, "
                f"or {'choose other days' if settings.by == 'time' else 'try another data.split_seed'}.",
            ),
            (
                learning and len(classes) < 2 and not (name == "train" and isinstance(scenario.task, Anomaly)),
                f"The split {name!r} has {len(frame):,} rows and all are {only!r} ({many}). {remedy}.",
            ),
            (
                missing,
                f"The split {name!r} has no row whose {stratum} is {''.join(missing[:1])!r} ({many}). "
                "Use more rows, or a stratum with fewer values.",
            ),
        )
