"""Rater bias and spread: how far off a user's numbers are, and which number is right where users contradict."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.feedback.dawid_skene import ACCEPTED, MALICIOUS, OUTCOME, SHRINK, TRUSTED, UNPROVEN

WIDE = 2.5
"""How many of the crowd's spreads a user may be off, and a number that is taken as right."""

SPOILT = 3.0
"""From how many spreads on an answer is rejected, and from how many times the crowd's spread on a user is."""

_SHARP = 0.5  # spread of a known outcome, in the crowd's: as much as four proven users
_MAD = 1.4826  # from a normal distribution's median absolute deviation to its standard deviation
_MEDIAN, _LOG_MAD = 1.2533, 1.17  # asymptotic standard errors of median and log MAD, times the root of the answers

Floats = NDArray[np.float64]


def estimate(answers: pd.DataFrame, outcomes: Mapping[str, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimate users' bias and spread, and from them each row's number.

    A user's differences are those to the row's outcome, or to the median of what the others say of it; their median is
    the bias, their scaled median absolute deviation the spread, shrunk to no bias and to a newcomer's spread.

    Parameters
    ----------
    answers
        With a number each.
    outcomes
        What has become known, by `row_id`.

    Returns
    -------
    users, labels
        As `trust.Trust` has them: a row's number is the mean of what users say less their bias, weighted by precision;
        what lies `SPOILT` spreads from the middle is rejected. Its confidence is the probability that it is near enough
        and that not all who gave it have made a gross mistake, as frequent as each one's were where they were checked.

    References
    ----------
    Hampel (1974), The influence curve and its role in robust estimation: median and median absolute deviation.
    """
    frame = answers[["row_id", "user", "label"]].astype({"row_id": "str", "user": "str", "label": "float64"})
    frame["off"] = frame["label"] - _reference(frame, outcomes)
    every = frame["off"].dropna()
    crowd = _spread(every) if len(every) else float(frame["label"].std(ddof=0)) if len(frame) else 1.0
    crowd = max(crowd, 1e-6 * float(frame["label"].abs().max() or 1.0)) if len(frame) else crowd
    users = _users(frame, crowd)
    return users, _labels(frame, users.set_index("user"), outcomes, crowd)


def _reference(frame: pd.DataFrame, outcomes: Mapping[str, float]) -> Floats:
    """Return what each answer is held against: the outcome, or the others' median; NaN where nobody else speaks."""
    found = np.array(frame["row_id"].map(dict(outcomes)), dtype=np.float64)
    values = frame["label"].to_numpy()
    for at in frame.groupby("row_id").indices.values():
        for one in at if len(at) > 1 and np.isnan(found[at[0]]) else ():
            found[one] = np.median(values[at[at != one]])
    return found


def _spread(off: "pd.Series[float]") -> float:
    return float(_MAD * np.median(np.abs(off - np.median(off))))


def _users(frame: pd.DataFrame, crowd: float) -> pd.DataFrame:
    rows = []
    for user, mine in frame.groupby("user", sort=True):
        off = mine["off"].dropna()
        n = len(off)
        raw, own = (float(off.median()), _spread(off)) if n else (0.0, 0.0)
        spread = float(np.sqrt((SHRINK * 2 * crowd**2 + n * own**2) / (SHRINK + n)))
        half = 1.96 * _MEDIAN * spread / np.sqrt(SHRINK + n)
        bias = raw * n / (SHRINK + n)
        low, high = bias - half, bias + half
        apart = np.exp(1.96 * _LOG_MAD / np.sqrt(max(n, 1)))
        off_for_sure = min(abs(low), abs(high)) > WIDE * crowd and low * high > 0
        gross = (1 + float((np.abs(off - raw) > SPOILT * np.hypot(spread, crowd)).sum())) / (3 + n)
        malicious = off_for_sure or own / apart > SPOILT * crowd
        trusted = max(abs(low), abs(high)) < WIDE * crowd and own * apart < SPOILT * crowd and n > 0
        verdict = MALICIOUS if malicious else TRUSTED if trusted else UNPROVEN
        rows.append((user, len(mine), n, bias, low, high, spread, gross, verdict))
    names = ["user", "answers", "checked", "bias", "low", "high", "spread", "gross", "verdict"]
    table = pd.DataFrame(rows, columns=names).astype({"user": "str", "verdict": "str"})
    return table.sort_values(["bias", "user"], key=lambda c: c.abs() if c.name == "bias" else c, ignore_index=True)


def _labels(frame: pd.DataFrame, users: pd.DataFrame, outcomes: Mapping[str, float], crowd: float) -> pd.DataFrame:
    from scipy.special import erf

    told = frame.join(users[["bias", "spread", "gross", "verdict"]], on="user")
    columns = [told["label"] - told["bias"], told["spread"], told["gross"]]
    values, spreads, grosses = (column.to_numpy(np.float64) for column in columns)
    believed = (told["verdict"] != MALICIOUS).to_numpy(dtype=bool)
    rows = []
    for row, at in sorted(told.groupby("row_id").indices.items()):
        every = np.asarray(at)
        mine = every[believed[every]]
        known = float(outcomes.get(str(row), np.nan))
        anchored = [] if np.isnan(known) else [known]
        value = np.concatenate([values[mine], anchored])
        weight = np.concatenate([spreads[mine], [_SHARP * crowd] * len(anchored)]) ** -2.0
        middle = _weighted_median(value, weight) if len(value) else np.nan
        kept = np.abs(value - middle) <= SPOILT * np.sqrt(1 / weight + crowd**2)
        votes, against = len(mine), int((~kept[: len(mine)]).sum())
        label = float(np.average(value[kept], weights=weight[kept])) if kept.any() else np.nan
        near = float(erf(WIDE * crowd * np.sqrt(weight[kept].sum() / 2)))
        gross = float(grosses[mine][kept[: len(mine)]].prod()) * (1 - OUTCOME if anchored else 1.0)
        sure = near * (1 - gross)
        conflict = not bool(kept.all())
        rows.append((str(row), label, sure, votes, against, known, conflict, sure >= ACCEPTED and votes > against))
    names = ["row_id", "label", "confidence", "votes", "against", "outcome", "conflict", "accepted"]
    kinds = ("str", "float64", "float64", "int64", "int64", "float64", "bool", "bool")
    return pd.DataFrame(rows, columns=names).astype(dict(zip(names, kinds, strict=True)))


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order[np.searchsorted(reached, reached[-1] / 2)]])
