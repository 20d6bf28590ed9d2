"""A recorded metric of two runs, and its noise band: by how much it may be worse without being called so."""

import math
from dataclasses import dataclass
from typing import Literal

from loopbook.comparison import band
from loopbook.statistics.metrics import Direction
from loopbook.store.records import Run


def recorded(run: Run) -> dict[str, float]:
    """Return the numbers that a run's stages recorded, by stage and name."""
    return {
        f"{name} {metric}": float(value)
        for name, record in run.stages.items()
        for metric, value in record.metrics.items()
        if isinstance(value, bool | int | float) and math.isfinite(value)
    }


@dataclass(frozen=True)
class Band:
    """What a metric may lose without being called worse.

    Attributes
    ----------
    half
        Half-width around zero.
    basis
        What it comes from: the ``spread`` of repeats; that they are all ``equal``; that they are equal because no seed
        enters the stage's key (``fixed``); the drawn ``rows`` of a paired bootstrap.
    """

    half: float
    basis: Literal["spread", "equal", "fixed", "rows"]


@dataclass(frozen=True)
class Metric:
    """A metric of both runs; without a direction or a band it is shown and not judged."""

    name: str
    a: float | None
    b: float | None
    direction: Direction | None = None
    band: Band | None = None

    @property
    def difference(self) -> float | None:
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def gain(self) -> float | None:
        """The difference, positive where B is better."""
        return None if self.a is None or self.b is None or not self.direction else self.direction.gain(self.a, self.b)

    @property
    def judged(self) -> bool:
        return self.band is not None and self.gain is not None

    @property
    def equal(self) -> bool:
        """Whether there is nothing to tell: it is the same in both runs, but for rounding."""
        return self.a is not None and self.b is not None and band.same((self.a, self.b))

    @property
    def worse(self) -> bool:
        """Whether B loses more than the band allows."""
        return self._beyond(-1)

    @property
    def better(self) -> bool:
        """Whether B gains more than the band's half-width; of drawn rows only the losing side is known."""
        return self._beyond(1) and self.band is not None and self.band.basis != "rows"

    def _beyond(self, sign: int) -> bool:
        if self.band is None or self.gain is None or self.equal:
            return False
        return sign * self.gain > self.band.half + band.ROUNDING
