"""Amounts and counts, in the many ways in which people write them."""

from collections.abc import Callable
from random import Random

_FEW = ("three", "four", "five", "six", "seven", "eight", "nine", "eleven", "a dozen", "twenty")
_PERCENT = tuple(n for n in range(20, 76))
_SMALL_PERCENT = ("1", "2", "0.5", "1.5", "3")


def usd(rng: Random) -> str:
    """Return a large amount of money."""
    if rng.random() < 0.35:
        amount, long, short = f"{rng.randint(11, 79) / 10:g}", "billion", "bn"
    else:
        amount, long, short = str(rng.randint(4, 95) * 10), "million", "m"
    form = rng.random()
    if form < 0.5:
        return f"${amount} {long}"
    if form < 0.6:
        return f"€{amount} {long}"
    if form < 0.8:
        return f"${amount}{short}"
    return f"EUR {amount}{short}"


def small(rng: Random) -> str:
    """Return a small amount of money."""
    return rng.choice(
        (f"${rng.randint(12, 95)}", f"€{rng.randint(12, 95)}", f"{rng.randint(2, 9)}0 euros", f"${rng.randint(1, 9)}00")
    )


def bign(rng: Random) -> str:
    """Return a large count, written in front of a noun."""
    form = rng.random()
    if form < 0.4:
        return f"{rng.randint(2, 98)},{rng.randint(0, 9)}00"
    if form < 0.6:
        return f"{rng.randint(2, 9)}0,000"
    return rng.choice(
        (
            "thousands of",
            "tens of thousands of",
            f"more than {rng.randint(2, 9)},000",
            f"some {rng.randint(2, 9)}0,000",
            f"{rng.randint(2, 9)}00,000",
        )
    )


def few(rng: Random) -> str:
    """Return a small count in words."""
    return rng.choice(_FEW)


def bigpct(rng: Random) -> str:
    """Return a large share, in percent."""
    return f"{rng.choice(_PERCENT)}{'%' if rng.random() < 0.4 else ' percent'}"


def smallpct(rng: Random) -> str:
    """Return a small share, in percent."""
    return f"{rng.choice(_SMALL_PERCENT)} percent"


def n(rng: Random) -> str:
    """Return a count between three and thirty, as a number."""
    return str(rng.randint(3, 30))


MAKERS: dict[str, Callable[[Random], str]] = {
    "usd": usd,
    "small": small,
    "bign": bign,
    "few": few,
    "bigpct": bigpct,
    "smallpct": smallpct,
    "n": n,
}
"""A maker for each slot that stands for a number."""
