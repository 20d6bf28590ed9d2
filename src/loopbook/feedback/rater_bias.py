"""Rater bias and spread: how far off a user's numbers are, and which number is right where users contradict."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.feedback.dawid_skene import ACCEPTED, MALICIOUS, OUTCOME, PRIOR, SHRINK, TRUSTED, UNPROVEN

WIDE = 2.5
"""How many of the crowd's spreads a number may be off that is taken as right."""

SPOILT = 3.0
"""From how many spreads on an answer is a gross mistake, and rejected."""

FLOOR = 0.02
"""The crowd's spread is at least this share of the numbers' own: who rounds makes no gross mistake."""

_SHARP = 0.5  # spread of a known outcome, in the crowd's: as much as four proven users
_MAD = 1.4826  # from a normal distribution's median absolute deviation to its standard deviation

Floats = NDArray[np.float64]


def estimate(answers: pd.DataFrame, outcomes: Mapping[str, float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimate users' bias and spread, and from them each row's number.

    A user's differences are those to the row's outcome, or to the median of what the others say of it; their median is
    the bias, their scaled median absolute deviation the spread, shrunk to no bias and to a newcomer's spread. Reliable
    is who makes few gross mistakes, with the prior and the verdicts of users who name classes.

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
        and that not all who gave it have made a gross mistake.

    References
    ----------
    Hampel (1974), The influence curve and its role in robust estimation: median and median absolute deviation.
    """
    frame, crowd = _held_against(answers, outcomes)
    users = _users(frame, crowd)
    return users, _labels(frame, users.set_index("user"), outcomes, crowd)


def near(answers: pd.DataFrame, outcomes: Mapping[str, float]) -> Floats:
    """Return whether each answer is no gross mistake, 0 or 1; NaN where there is nothing to hold it against."""
    frame, crowd = _held_against(answers, outcomes)
    off = frame["off"].abs()
    return np.where(off.isna(), np.nan, off <= SPOILT * np.sqrt(2) * crowd)


def _held_against(answers: pd.DataFrame, outcomes: Mapping[str, float]) -> tuple[pd.DataFrame, float]:
    """Return the answers with how far `off` each is, and the crowd's spread."""
    frame = answers[["row_id", "user", "label"]].astype({"row_id": "str", "user": "str", "label": "float64"})
    frame["off"] = frame["label"] - _reference(frame, outcomes)
    every = frame["off"].dropna().to_numpy()
    crowd = _spread(every) if len(every) else float(frame["label"].std(ddof=0)) if len(frame) else 1.0
    if len(frame):  # by medians: one number that is far too large must not make all others look alike
        usual = float(frame["label"].abs().median()) or 1.0
        crowd = max(crowd, FLOOR * _spread(frame["label"].to_numpy()), 1e-6 * usual)
    return frame, crowd


def _reference(frame: pd.DataFrame, outcomes: Mapping[str, float]) -> Floats:
    """Return what each answer is held against: the outcome, or the others' median; NaN where nobody else speaks."""
    found = np.array(frame["row_id"].map(dict(outcomes)), dtype=np.float64)
    values = frame["label"].to_numpy()
    for at in frame.groupby("row_id").indices.values():
        for one in at if len(at) > 1 and np.isnan(found[at[0]]) else ():
            found[one] = np.median(values[at[at != one]])
    return found


def _spread(off: Floats) -> float:
    return float(_MAD * np.median(np.abs(off - np.median(off))))


def _users(frame: pd.DataFrame, crowd: float) -> pd.DataFrame:
    from scipy.stats import beta

    rows = []
    for user, mine in frame.groupby("user", sort=True):
        off = mine["off"].dropna().to_numpy()
        n = len(off)
        bias, own = (float(np.median(off)), _spread(off)) if n else (0.0, 0.0)
        spread = float(np.sqrt((SHRINK * 2 * crowd**2 + n * own**2) / (SHRINK + n)))
        near = int((np.abs(off) <= SPOILT * np.sqrt(2) * crowd).sum())
        rows.append((str(user), len(mine), n, near, bias * n / (SHRINK + n), spread))
    table = pd.DataFrame(rows, columns=["user", "answers", "checked", "agreed", "bias", "spread"])
    a, b = PRIOR[0] + table["agreed"], PRIOR[1] + table["checked"] - table["agreed"]
    low, high = beta.ppf(0.025, a, b), beta.ppf(0.975, a, b)
    verdict = np.where(high < 0.5, MALICIOUS, np.where(low > 0.5, TRUSTED, UNPROVEN))
    table = table.assign(reliability=a / (a + b), low=low, high=high, verdict=verdict)
    kinds = dict.fromkeys(["answers", "checked"], "int64") | {"user": "str", "verdict": "str"}
    return table.astype(kinds).sort_values(["reliability", "user"], ascending=[False, True], ignore_index=True)


def _labels(frame: pd.DataFrame, users: pd.DataFrame, outcomes: Mapping[str, float], crowd: float) -> pd.DataFrame:
    from scipy.special import erf

    told = frame.join(users[["bias", "spread", "reliability", "verdict"]], on="user")
    columns = [told["label"] - told["bias"], told["spread"], 1 - told["reliability"]]
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
