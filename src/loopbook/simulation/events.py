"""What happens in the simulated world, and when: surges, changes of vocabulary, of base rate and of meaning."""

from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from loopbook.simulation.vocabulary import Sentiment, words

EffectKind = Literal[
    "surge", "vocabulary", "base_rate", "meaning", "label_noise", "style_gap", "reposts", "personal_data"
]

DRIFT_STARTS: dict[EffectKind, float] = {"vocabulary": 0.82, "base_rate": 0.87, "meaning": 0.92}
"""When each drift begins, as a share of the world's days. Each lasts to the world's end."""
QUIET_MATERIAL_NEGATIVE, RAISED_MATERIAL_NEGATIVE = 0.25, 0.42
"""Share of posts that are negative and material, before and after the change of base rate."""
NEW_WORDS = 0.8
"""After the change of vocabulary, the share of affected words that is replaced."""
MEANING: dict[str, Sentiment] = {"jobs": "positive", "payout": "neutral", "supply": "neutral", "leadership": "neutral"}
"""After the change of meaning, what bad news in these topics counts as: cost discipline, prudence, routine, renewal."""
_DAYS_PER_SURGE = 15
_WEEKDAY = (1.1, 1.15, 1.15, 1.1, 1.05, 0.7, 0.75)


@dataclass(frozen=True)
class Effect:
    """An injected effect: its first and last day (counted from the world's first, both included), and parameters."""

    kind: EffectKind
    first_day: int
    last_day: int
    company: str = ""
    topic: str = ""
    parameters: tuple[tuple[str, Any], ...] = ()

    def __getitem__(self, name: str) -> Any:
        return dict(self.parameters)[name]

    def on(self, day: int) -> bool:
        """Whether the effect is there on this day."""
        return self.first_day <= day <= self.last_day


def schedule(days: int, seed: int, later_days: int = 0) -> tuple[Effect, ...]:
    """Return the surges and drifts of a world.

    Parameters
    ----------
    days
        Days in which the drifts begin.
    seed
        Seed of the world.
    later_days
        Days after these: the drifts go on and new surges come; what happens before does not depend on them.
    """
    last = days + later_days - 1
    effects = [*_surges(Random(f"schedule {seed}"), 0, days), *_surges(Random(f"later {seed}"), days, last + 1)]
    begin = {kind: round(share * days) for kind, share in DRIFT_STARTS.items()}
    rates = ("before", QUIET_MATERIAL_NEGATIVE), ("after", RAISED_MATERIAL_NEGATIVE)
    meanings = [
        Effect("meaning", begin["meaning"], last, topic=topic, parameters=(("before", "negative"), ("after", becomes)))
        for topic, becomes in MEANING.items()
    ]
    return (
        *effects,
        Effect("vocabulary", begin["vocabulary"], last, parameters=(("new_words", NEW_WORDS),)),
        Effect("base_rate", begin["base_rate"], last, parameters=rates),
        *meanings,
    )


def _surges(rng: Random, first: int, end: int) -> list[Effect]:
    return [_surge(rng, start, min(start + _DAYS_PER_SURGE, end)) for start in range(first, end - 4, _DAYS_PER_SURGE)]


def _surge(rng: Random, start: int, end: int) -> Effect:
    first = rng.randrange(start, max(start + 1, end - 4))
    return Effect(
        "surge",
        first,
        min(first + rng.randint(1, 3), end - 1),
        company=rng.choice(words().companies).name,
        topic=rng.choice(tuple(words().topics)),
        parameters=(
            ("sentiment", rng.choices(("negative", "positive"), (0.7, 0.3))[0]),
            ("extra_share", round(rng.uniform(0.3, 0.6), 2)),
        ),
    )


def volumes(
    rows: int, days: int, first_weekday: int, seed: int, effects: tuple[Effect, ...], later_days: int = 0
) -> list[dict[int, int]]:
    """Return how many posts each day has, by source: -1 for ordinary posts, else the index of the surge in `effects`.

    In `days` the numbers add up to `rows` (largest remainders), whatever the effects; later days have as many each.

    Parameters
    ----------
    rows, days, seed
        As in the world's settings.
    first_weekday
        Weekday of the first day, Monday is 0.
    effects
        The world's effects; a surge with ``extra_share`` 0.5 adds half of an average day's posts on each of its days.
    later_days
        As in the world's settings.
    """
    rng = Random(f"volumes {seed}")
    weights: list[dict[int, float]] = []
    for day in range(days + later_days):
        ordinary = _WEEKDAY[(first_weekday + day) % 7] * rng.uniform(0.93, 1.07)
        surges = {
            at: float(one["extra_share"]) for at, one in enumerate(effects) if one.kind == "surge" and one.on(day)
        }
        weights.append({-1: ordinary, **surges})
    scale = rows / sum(weight for day in weights[:days] for weight in day.values())
    later = round(scale * sum(weight for day in weights[days:] for weight in day.values()))
    return [*_rounded(weights[:days], scale, rows), *_rounded(weights[days:], scale, later)]


def _rounded(weights: list[dict[int, float]], scale: float, total: int) -> list[dict[int, int]]:
    """Return the weights times `scale` as whole numbers that add up to `total`, by largest remainders."""
    counts = [{index: int(weight * scale) for index, weight in day.items()} for day in weights]
    cells = [(day, index) for day, row in enumerate(weights) for index in row]
    cells.sort(key=lambda cell: counts[cell[0]][cell[1]] - weights[cell[0]][cell[1]] * scale)
    for day, index in cells[: total - sum(sum(day.values()) for day in counts)]:
        counts[day][index] += 1
    return counts
