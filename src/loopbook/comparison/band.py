"""The noise band: how far apart two runs come to lie that differ by nothing but their seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

LEVEL = 0.05
"""Probability that any metric of a pair without a real loss is flagged; half of it is the headline metric's."""
LEAST = 4
"""Repeats below which no band is made: with three, the quantile is so wide that it hides everything."""


def shares(names: Sequence[str]) -> dict[str, float]:
    """Return each metric's part of the level: half for the first, the headline; the rest in equal parts.

    The parts add up to `LEVEL`, so by Bonferroni's inequality the level holds for all metrics together, however they
    hang together.
    """
    if len(names) < 2:
        return dict.fromkeys(names, LEVEL)
    return {name: LEVEL / 2 if at == 0 else LEVEL / 2 / (len(names) - 1) for at, name in enumerate(names)}


def half_width(values: Sequence[float], level: float) -> float:
    """Return by how much a run may be worse than another by its seed alone.

    For normal repeats, the difference of two further runs over s √2 has Student's t distribution with n - 1 degrees of
    freedom. Only a loss is judged, so the quantile is one-sided.

    Parameters
    ----------
    values
        The metric in each repeat, [n], at least `LEAST`.
    level
        Probability of a larger loss where there is none.
    """
    from scipy import stats

    count = len(values)
    if count < LEAST:
        raise ValueError(f"{count} repeats are too few for a band; it takes {LEAST}.")
    mean = math.fsum(values) / count
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    return float(stats.t.ppf(1 - level, count - 1)) * spread * math.sqrt(2)
