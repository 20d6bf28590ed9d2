"""The noise band: how far apart two runs come to lie that differ by nothing but their seeds."""

import math
import statistics
from collections.abc import Sequence

LEVEL = 0.05
"""Probability that any varying metric of a pair without a real loss is flagged; half of it is the headline metric's."""
LEAST = 4
"""Repeats below which no band is made: with three, the quantile is so wide that it hides everything."""
ROUNDING = 1e-9
"""Difference, relative or absolute, below which two values are the same number.

Another order of summing (threads, another processor) moves a float64 mean over a million rows by 2e-10 at most, and one
decision of a hundred million moves a share by 1e-8: what lies below is rounding, what lies above is a result.
"""


def same(values: Sequence[float]) -> bool:
    """Say whether all values are the same number but for rounding."""
    return all(math.isclose(value, values[0], rel_tol=ROUNDING, abs_tol=ROUNDING) for value in values)


def shares(names: Sequence[str], headline: str = "") -> dict[str, float]:
    """Return each metric's part of the level: half for the headline if it is among them, the rest in equal parts.

    The parts add up to `LEVEL`, so by Bonferroni's inequality the level holds for all metrics together, however they
    hang together.
    """
    if headline not in names or len(names) == 1:
        return dict.fromkeys(names, LEVEL / max(1, len(names)))
    return {name: LEVEL / 2 if name == headline else LEVEL / 2 / (len(names) - 1) for name in names}


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
    return float(stats.t.ppf(1 - level, count - 1)) * statistics.stdev(values) * math.sqrt(2)


def chance(repeats: int) -> float:
    """Return the most that a band of no width can err: the probability that it flags a pair that only seeds part.

    All n repeats agree and B is worse than A. Of n + 2 runs that may change places, that takes one run that stands
    alone, and of the n + 2 places that it may have only B's (below) or A's (above) flags: at most 1 / (n + 2), whatever
    the distribution. (Two that stand alone must both be A and B, which is rarer.)

    Parameters
    ----------
    repeats
        n, how many repeats agree; at least `LEAST`.
    """
    return 1 / (repeats + 2)
