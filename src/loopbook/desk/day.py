"""A day of the desk: simulated customers, each with an authored dialogue or question, answered by the desk itself."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from loopbook.desk import judging
from loopbook.desk.desk import Desk
from loopbook.desk.dialogues import Dialogue, Line
from loopbook.desk.judging import Fits
from loopbook.simulation.customers import Day, Talk, Talking, live
from loopbook.statistics import intervals

NEVER = 1e6
"""Expected minutes with which a desk never hands over what it has any answer to."""

_STEPS = (0.0, 5.0, 15.0)  # expected minutes that make a difference; between them, the lower one counts


def questions(rows: pd.DataFrame, field: str) -> list[Dialogue]:
    """Return labelled questions as dialogues of one turn."""
    return [
        Dialogue(str(row["row_id"]), "test", (Line(str(row[field]), "question", str(row["label"])),))
        for _, row in rows.iterrows()
    ]


def strangers(texts: Sequence[str]) -> list[Dialogue]:
    """Return questions of no intent as dialogues of one turn."""
    return [Dialogue(f"outside {at}", "test", (Line(text, "outside"),)) for at, text in enumerate(texts)]


class Talks:
    """What becomes of dialogues at a desk; each is played once for each expected wait, however many customers have it.

    Parameters
    ----------
    desk
        Who answers.
    dialogues
        What customers bring.
    fits
        What judges an answer beside its intent.
    """

    def __init__(self, desk: Desk, dialogues: Sequence[Dialogue], fits: Fits | None = None) -> None:
        self._desk, self._dialogues, self._fits = desk, dialogues, fits
        self._known: dict[tuple[int, float], Talk] = {}

    def talking(self, drawn: Sequence[int], never: bool = False) -> Talking:
        """Return what happens to customers who have the dialogues of these numbers."""
        return lambda at, minutes: self._of(drawn[at], NEVER if never else _step(minutes))

    def _of(self, number: int, minutes: float) -> Talk:
        if (number, minutes) not in self._known:
            outcomes = judging.play(self._desk, self._dialogues[number], self._fits, minutes)
            over = next((at for at, one in enumerate(outcomes) if one.reply.act == "hand_over"), len(outcomes))
            before, reached = outcomes[:over], outcomes[: over + 1]
            asked, wrong = sum(one.clarified for one in reached), sum(one.wrong for one in before)
            self._known[number, minutes] = Talk(asked, wrong, over < len(outcomes))
        return self._known[number, minutes]


def compare(
    desk: Desk, groups: Mapping[float, Sequence[Dialogue]], day: Day, seeds: Sequence[int], fits: Fits | None = None
) -> pd.DataFrame:
    """Live through days with the desk, with a person for everything, and with the desk alone.

    A person for everything is tried twice: by the staff that the desk has, and by as many as the rush hour needs.

    Parameters
    ----------
    groups
        What customers bring: the share of each group of dialogues. Shares add up to 1.
    day, seeds
        The day, and a seed for each time that it is lived through; all desks meet the same customers.

    Returns
    -------
    DataFrame
        A row for each desk and seed: `desk`, `seed`, `cost` a conversation, the shares `resolved` (neither handed over
        nor wrong), `wrong`, `handed_over`, `lost`, mean `waited` of those who were handed over, in minutes, and
        `waited_95`, the time that 5% of them wait longer.
    """
    dialogues = [one for group in groups.values() for one in group]
    shares = np.concatenate([np.full(len(group), share / len(group)) for share, group in groups.items()])
    enough = replace(day, staff=day.needed)
    talks, costs, rows = Talks(desk, dialogues, fits), desk.settings.costs, list[dict[str, Any]]()
    for seed in seeds:
        drawn = np.random.default_rng([seed, 1]).choice(len(dialogues), day.customers, p=shares).tolist()
        desks: dict[str, Talking] = {
            "the desk": talks.talking(drawn),
            "a person for everything": lambda _, __: Talk(0, 0, True),
            "never a person": talks.talking(drawn, never=True),
        }
        everything = live(enough, desks["a person for everything"], costs, seed)
        rows.append({"desk": f"a person for everything, {enough.staff} people", "seed": seed, **_summary(everything)})
        for name, talking in desks.items():
            # Where nobody is at work, who is handed over all the same (who asks for a person) leaves without one.
            lived = live(day, talking, costs, seed)
            if name == "never a person":
                gone = lived["handed_over"]
                cost = lived["wrong"] * costs.wrong + lived["clarifications"] * costs.clarification + gone * costs.lost
                lived = lived.assign(cost=cost, lost=gone, waited=0.0)
            rows.append({"desk": name, "seed": seed, **_summary(lived)})
    return pd.DataFrame(rows)


def intervals_of(compared: pd.DataFrame) -> pd.DataFrame:
    """Return the means of `compare` over the days, and the desk's cost less that of the others, with intervals."""
    cost = compared.pivot(index="seed", columns="desk", values="cost")
    rows = []
    for name, part in compared.groupby("desk", sort=False):
        mean, less = intervals.student(part["cost"]), intervals.student(cost["the desk"] - cost[name])
        shares = part.drop(columns=["desk", "seed", "cost"]).mean().to_dict()
        spread = {"cost": mean.value, "low": mean.low, "high": mean.high}
        gain = {"gain": -less.value, "gain_low": -less.high, "gain_high": -less.low}
        rows.append({"desk": name, **spread, **gain, **{str(key): value for key, value in shares.items()}})
    return pd.DataFrame(rows)


def _summary(lived: pd.DataFrame) -> dict[str, float]:
    waited = lived.loc[lived["handed_over"], "waited"]
    fine = ~lived["handed_over"] & (lived["wrong"] == 0)
    return {
        "cost": float(lived["cost"].mean()),
        "resolved": float(fine.mean()),
        "wrong": float((lived["wrong"] > 0).mean()),
        "handed_over": float(lived["handed_over"].mean()),
        "lost": float(lived["lost"].mean()),
        "waited": float(waited.mean()) if len(waited) else 0.0,
        "waited_95": float(waited.quantile(0.95)) if len(waited) else 0.0,
    }


def _step(minutes: float) -> float:
    return max(step for step in _STEPS if step <= minutes)
