"""A simulated day at a support desk: customers who come, ask, wait for a person and leave if it takes too long.

A queue with several servers and impatient customers (Erlang A), and arrivals that follow the hours of the day.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.scenario.desk import DeskCosts, DeskSettings

_HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 10, 9, 9, 9, 9, 10, 11, 11, 10, 8, 6, 4, 3], dtype=np.float64)
"""How many customers come in each hour of a day, in proportion, without the rush hour: an assumption."""


class Talk(NamedTuple):
    """What a customer has with the desk before a person writes, if one does."""

    clarifications: int
    wrong: int
    handed_over: bool


Talking = Callable[[int, float], Talk]
"""What happens to customer number n, where a person is expected in so many minutes."""


@dataclass(frozen=True)
class Day:
    """A day.

    Attributes
    ----------
    customers
        Who come.
    rush
        How many times as many come in the rush hour as else at that time.
    hour
        When it begins.
    staff, minutes, patience
        People at work, mean minutes of a person for a conversation, mean minutes that a customer waits for one; both
        are exponentially distributed.
    """

    customers: int = 10_000
    rush: float = 3.0
    hour: int = 18
    staff: int = 12
    minutes: float = 6.0
    patience: float = 8.0

    @classmethod
    def of(cls, settings: DeskSettings, customers: int = 10_000) -> "Day":
        """Return the day of a scenario's desk."""
        return cls(customers, staff=settings.staff, minutes=settings.minutes, patience=settings.patience)

    @property
    def needed(self) -> int:
        """People who would have time for everybody, in the mean of the rush hour too."""
        return int(np.ceil(self.customers * self._share().max() / 60 * self.minutes))

    def arrivals(self, random: np.random.Generator) -> NDArray[np.float64]:
        """Return when each customer comes, in minutes after midnight, float64 [customers], in order."""
        hour = random.choice(24, self.customers, p=self._share())
        return np.sort((hour + random.random(self.customers)) * 60)

    def _share(self) -> NDArray[np.float64]:
        share = _HOURS.copy()
        share[self.hour] *= self.rush
        return np.asarray(share / share.sum(), dtype=np.float64)


def live(day: Day, talking: Talking, costs: DeskCosts, seed: int) -> pd.DataFrame:
    """Live through a day.

    Customers come first, whatever a desk does with them, so that two desks with one seed meet the same.

    Returns
    -------
    DataFrame
        A row a customer: `minute` of arrival, `clarifications`, `wrong` answers, `handed_over`, `waited` minutes for a
        person, `lost` (left before one wrote), and `cost`.
    """
    random = np.random.default_rng(seed)
    come = day.arrivals(random)
    takes, waits = random.exponential(day.minutes, len(come)), random.exponential(day.patience, len(come))
    free = [0.0] * day.staff  # when each person has time again
    heapq.heapify(free)
    queue: list[float] = []  # when those who wait will be served, or leave
    rows = []
    for at, now in enumerate(come):
        while queue and queue[0] <= now:
            heapq.heappop(queue)
        expected = 0.0 if free[0] <= now else (len(queue) + 1) * day.minutes / day.staff
        talk = talking(at, expected)
        waited, lost = 0.0, False
        if talk.handed_over:
            begins = max(now, free[0])
            waited = min(begins - now, waits[at])
            lost = bool(begins - now > waits[at])
            if not lost:
                heapq.heapreplace(free, begins + takes[at])
            if begins > now:
                heapq.heappush(queue, now + waited)
        rows.append((now, talk.clarifications, talk.wrong, talk.handed_over, waited, lost))
    names = ["minute", "clarifications", "wrong", "handed_over", "waited", "lost"]
    frame = pd.DataFrame(rows, columns=names)
    person = (frame["handed_over"] & ~frame["lost"]) * costs.person + frame["lost"] * costs.lost
    asked = frame["clarifications"] * costs.clarification + frame["wrong"] * costs.wrong
    return frame.assign(cost=asked + person + frame["waited"] * costs.waiting)
