"""Splitting: train, validation, test, gate, the agent's life in windows, and the proof that nothing leaks."""

from __future__ import annotations

import hashlib
import itertools
from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import neighbours
from loopbook.data.cleaning import texts
from loopbook.data.features import column
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import SimulationSource

SPLITS = ("train", "validation", "test", "gate", "stream")

PAST, LATER = "past", "later"
"""Windows of the agent's life before and after the stream; nothing is learned from them unless people approve it."""

_LEARNING = ("train", "validation", "test")  # these three must know both classes


def split(rows: pd.DataFrame, scenario: Scenario, window: int = 1) -> dict[str, pd.DataFrame]:
    """Return the five splits, and the windows before and after the stream; every row is in exactly one.

    * By time: stretches that follow each other, in the order of `SPLITS`; rows of the same moment stay together.
    * By group, and by stratum: a stable hash of the row's group (of its id, where it has none) decides, so that a row
      keeps its split whatever is added, removed or relabelled later. Shares are met within chance; by stratum, every
      split must have rows of each stratum.

    The agent's life has ``data.windows`` windows. The share `stream` is the first; the share `held_back`, or the later
    days of a simulation, is cut into the others. Only the window asked for is the stream; train, validation, test and
    gate are the same in every window.

    Parameters
    ----------
    rows
        Canonical rows, cleaned.
    scenario
        Its data section has the shares, the way to split and the seed of the hash.
    window
        Which window the stream is, counted from 1.

    Returns
    -------
    dict
        A table for each of `SPLITS`, with index 0, 1, …; with several windows `PAST` and `LATER` as well. In order of
        time, if the split is by time.

    Raises
    ------
    DataError
        If there is no such window, a split would be empty, or train, validation or test would have one class only.
    """
    data = scenario.data
    if window > data.windows:
        raise DataError(
            f"The current round is that of window {window}, but data.windows is {data.windows}; raise it again, or go "
            "back to an earlier round."
        )
    bounds = _bounds(scenario)
    if data.splits.by == "time":
        ordered = rows.sort_values(["time", "row_id"], kind="stable")
        places = _by_time(ordered["time"], bounds, scenario)
    else:
        ordered = rows
        places = np.searchsorted(bounds, _hashes(rows["group"], data.split_seed), side="right")
    stream = len(SPLITS) - 2 + window
    masks = {name: places == index for index, name in enumerate(SPLITS[:-1])}
    if data.windows > 1:
        masks[PAST] = (places >= len(masks)) & (places < stream)
    masks["stream"] = places == stream
    if data.windows > 1:
        masks[LATER] = places > stream
    splits = {name: ordered[mask].reset_index(drop=True) for name, mask in masks.items()}
    _refuse_thin(splits, rows, scenario)
    return splits


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
    if by_time:
        spans = [(frame["time"].min(), frame["time"].max()) for frame in splits.values() if len(frame)]
        overlaps = sum(one[1] >= later[0] for one, later in itertools.pairwise(spans))
        check("each split begins after the one before it has ended", int(overlaps), "overlaps")
    else:
        crossing = sides.groupby("group")["side"].nunique()
        check("all rows of a group are in one split", int((crossing > 1).sum()), f"of {len(crossing):,} groups cross")
    if scenario.task.text_fields:
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
    """Return what each split holds: rows, groups, share as wished and as it is, first and last time, share of yes.

    Rows without a time have no first and last.
    """
    total = sum(map(len, splits.values()))
    wished = scenario.data.splits.shares if scenario.data.windows == 1 else {}
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
                scenario.task.label.names[1]: frame["label"].mean(),
            }
            for name, frame in splits.items()
        ]
    ).dropna(axis="columns", how="all")


def _bounds(scenario: Scenario) -> NDArray[np.float64]:
    """Return where the shares of rows end, the last excepted; with those of the windows if they are held back."""
    settings, others = scenario.data.splits, scenario.data.windows - 1
    held_back = [settings.held_back / others] * others if settings.held_back else []
    return np.cumsum([*settings.shares.values(), *held_back])[:-1]


def _by_time(times: pd.Series[pd.Timestamp], bounds: NDArray[np.float64], scenario: Scenario) -> NDArray[np.int64]:
    """Return the place of each row in ordered times; a boundary inside equal times moves behind them.

    The later days of a simulation count in no share; they are cut into windows of equal length.
    """
    moments, source = times.to_numpy(), scenario.source
    later: list[pd.Timestamp] = []
    if isinstance(source, SimulationSource) and source.later_days:
        length = source.later_days / (scenario.data.windows - 1)
        begins = [source.horizon + timedelta(days=round(at * length)) for at in range(scenario.data.windows - 1)]
        later = [pd.Timestamp(begin, tz="UTC") for begin in begins]
    count = int(times.searchsorted(later[0])) if later else len(moments)
    cuts = []
    for bound in bounds:
        cut = min(round(bound * count), count)
        cuts.append(int(np.searchsorted(moments, moments[cut - 1], side="right")) if cut else 0)
    cuts += [int(times.searchsorted(begin)) for begin in later]
    return np.searchsorted(np.array(cuts), np.arange(len(moments)), side="right")


def _hashes(groups: pd.Series[str], seed: int) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each group: its SHA-256 with the seed, the same on every machine."""
    known = {
        group: int.from_bytes(hashlib.sha256(f"{seed}\n{group}".encode("utf-8", "replace")).digest()[:8], "big") / 2**64
        for group in groups.unique()
    }
    return groups.map(known).to_numpy(dtype=np.float64)


def _refuse_thin(splits: dict[str, pd.DataFrame], rows: pd.DataFrame, scenario: Scenario) -> None:
    settings = scenario.data.splits
    many = f"{len(rows):,} rows in {rows['group'].nunique():,} groups, split by {settings.by}"
    for name, frame in splits.items():
        if name in (PAST, LATER):
            continue
        if not len(frame):
            raise DataError(
                f"The split {name!r} is empty ({many}). Use more rows, raise data.splits.{name}, "
                f"or {'choose other days' if settings.by == 'time' else 'try another data.split_seed'}."
            )
        if name in _LEARNING and frame["label"].nunique() < 2:
            only = scenario.task.label.names[int(frame["label"].iloc[0])]
            raise DataError(f"The split {name!r} has {len(frame):,} rows and all are {only!r} ({many}). Use more rows.")
        if settings.by == "stratum":
            stratum = _stratum(rows, scenario)
            missing = set(rows[stratum]) - set(frame[stratum]) if len(frame) >= len(SPLITS) else set()
            if missing and name in _LEARNING:
                raise DataError(
                    f"The split {name!r} has no row whose {stratum} is {sorted(map(str, missing))[0]!r} ({many}). "
                    "Use more rows, or a stratum with fewer values."
                )


def _stratum(rows: pd.DataFrame, scenario: Scenario) -> str:
    name = scenario.source.stratum
    if name is None:
        return "label"
    return f"{name}_source" if f"{name}_source" in rows.columns else name
