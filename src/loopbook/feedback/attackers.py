"""Attackers that adapt, simulated: who behaves well at first, aims at one segment, copies, colludes, or floods.

References
----------
Miao et al. (2018), Attack under disguise: an intelligent data poisoning attack mechanism in crowdsourcing; Checco,
Bates & Demartini (2020), Adversarial attacks on crowdsourcing quality control.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.scenario.contract import Scenario
from loopbook.scenario.feedback import Attack
from loopbook.statistics.coin import coin

AWAKE = 0.6
"""Share of the log after which a sleeper begins to lie."""

_ADAPTIVE: tuple[Attack, ...] = ("sleeper", "segment", "copier", "colluder", "flood", "flip")
_CHOSEN = 0.1  # share of the answered rows on which colluders agree to lie, all of them
_FLOODED = 0.5  # share of the answered rows that a flooder answers

Asked = Sequence[tuple[str, str]]


def behaviours(harmful: Sequence[str], attack: Attack) -> dict[str, Attack]:
    """Return what each malicious user does; ``adaptive`` users differ from each other."""
    if attack == "adaptive":
        return {user: _ADAPTIVE[at % len(_ADAPTIVE)] for at, user in enumerate(harmful)}
    return dict.fromkeys(harmful, attack)


def joined(seed: int, answered: Sequence[str], asked: Asked, doing: Mapping[str, Attack]) -> list[tuple[str, str]]:
    """Return who answers which row, with what colluders and flooders answer beyond what they are asked."""
    unasked = [
        (row, user)
        for user, attack in doing.items()
        for row in answered
        if (attack == "flood" and _coin(seed, "flood", row, user) < _FLOODED)
        or (attack == "colluder" and _together(seed, row))
    ]
    return list(dict.fromkeys([*asked, *unasked]))


def lies(seed: int, asked: Asked, log: pd.DataFrame, doing: Mapping[str, Attack], scenario: Scenario) -> list[bool]:
    """Return whether each answer is a lie; what a malicious user says otherwise is as good as anybody's.

    Parameters
    ----------
    asked
        Rows with the users who answer them.
    log
        The decisions on these rows, in the same order.
    doing
        What `behaviours` returned.
    scenario
        Its first segment that the log has holds the aim of who attacks one; without any it is a class that was
        answered.
    """
    late = log["time"].rank(pct=True).to_numpy() if log["time"].notna().all() else (np.arange(len(log)) + 1) / len(log)
    several = pd.Series([row for row, user in asked if user not in doing]).value_counts()
    aims, found = _aims(log, scenario), []
    aimed = {user: _aim(seed, user, aims) for user, attack in doing.items() if attack == "segment"}
    for at, (row, user) in enumerate(asked):
        attack = doing.get(user)
        found.append(
            attack in ("flip", "flood")
            or (attack == "sleeper" and bool(late[at] > AWAKE))
            or (attack == "segment" and bool(aims[at] == aimed[user]))
            or (attack == "copier" and row not in several.index)
            or (attack == "colluder" and _together(seed, row))
        )
    return found


def copied(
    asked: Asked, says: Sequence[Any], times: Sequence[pd.Timestamp], doing: Mapping[str, Attack]
) -> tuple[list[Any], list[Any]]:
    """Return what is said and when: a copier says again, a minute later, what an honest user says of the row.

    A flooder answers within minutes, after the last decision.
    """
    given = list(zip(asked, says, times, strict=True))
    honest = {row: (said, when) for (row, user), said, when in given if user not in doing}
    last = max((when for when in times if pd.notna(when)), default=pd.NaT)
    found: list[tuple[Any, Any]] = []
    for at, ((row, user), said, when) in enumerate(given):
        if doing.get(user) == "copier" and row in honest:
            original, before = honest[row]
            found.append((original, before + pd.Timedelta(minutes=1)))
        elif doing.get(user) == "flood":
            found.append((said, last + pd.Timedelta(seconds=2 * at)))
        else:
            found.append((said, when))
    return [said for said, _ in found], [when for _, when in found]


def _aims(log: pd.DataFrame, scenario: Scenario) -> NDArray[np.object_]:
    segments = [name for name in scenario.monitoring.segments if name in log]
    values = log[segments[0]].astype(str) if segments else log["label"].astype(str)
    return values.to_numpy(dtype=object)


def _aim(seed: int, user: str, values: NDArray[np.object_]) -> str:
    """Return one of the commonest values: a rare one would not be worth the trouble."""
    common = pd.Series(values).value_counts().index.tolist()[:5]
    return str(common[int(len(common) * _coin(seed, "aim", user))]) if common else ""


def _together(seed: int, row: str) -> bool:
    return _coin(seed, "together", row) < _CHOSEN


def _coin(seed: int, *parts: str) -> float:
    return coin("\n".join((f"attacker {seed}", *parts)))
