"""Amounts and counts, in the many ways in which people write them."""

from collections.abc import Callable
from random import Random

_FEW = ("three", "four", "five", "six", "seven", "eight", "nine", "eleven", "a dozen", "twenty")
_PERCENT = tuple(range(20, 76))
_SMALL_PERCENT = ("1", "2", "0.5", "1.5", "3")


def usd(rng: Random) -> str:
    """Return a large amount of money."""
    if rng.random() < 0.35:
        amount, long, short = f"{rng.randint(11, 79) / 10:g}", "billion", "bn"
    else:
        amount, long, short = str(rng.randint(4, 95) * 10), "million", "m"
    form = rng.random()
    if form < 0.6:
        return f"{'$' if form < 0.5 else '€'}{amount} {long}"
    return f"{'$' if form < 0.8 else 'EUR '}{amount}{short}"


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


MAKERS: dict[str, Callable[[Random], str]] = {
    "usd": usd,
    "small": small,
    "bign": bign,
    "few": lambda rng: rng.choice(_FEW),
    "bigpct": lambda rng: f"{rng.choice(_PERCENT)}{'%' if rng.random() < 0.4 else ' percent'}",
    "smallpct": lambda rng: f"{rng.choice(_SMALL_PERCENT)} percent",
    "n": lambda rng: str(rng.randint(3, 30)),
}
"""A maker for each slot that stands for a number: amounts, counts in front of a noun or in words, shares."""
