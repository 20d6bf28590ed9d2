"""One day's posts: what each must say, who says it, and which are shared again."""

from dataclasses import dataclass, replace
from random import Random

import numpy as np

from loopbook.scenario.source import SimulationSource
from loopbook.simulation import events
from loopbook.simulation.events import Effect
from loopbook.simulation.text import Brief, Draft, compose
from loopbook.simulation.vocabulary import HARD_CASES, Sentiment, Style, words

CASUAL_SHARE = 0.38
"""Share of posts in the casual style."""
HARD_SHARES: dict[Style, dict[str, float]] = {
    "formal": {
        "negation": 0.11, "mixed": 0.155, "quotation": 0.045, "sarcasm": 0.03, "two_companies": 0.075, "typo": 0.02
    },
    "casual": {
        "negation": 0.10, "mixed": 0.145, "quotation": 0.04, "sarcasm": 0.08, "two_companies": 0.065, "typo": 0.05
    },
}  # fmt: skip
"""How often each hard case comes, by style: the style gap. The rest are plain posts."""
REPOST_SHARE = 0.03
_NEUTRAL, _MATERIAL = 0.14, 0.6  # share of neutral posts; share of material ones among negative or positive posts
_SURGE_SENTIMENT, _SURGE_MATERIAL = 0.75, 0.8
_AUTHORS = 260


@dataclass(frozen=True)
class Post:
    """A post of a day: `sentiment` as it counts that day; `copy_of`: place in the day of what it repeats, or -1."""

    author: str
    second: int
    brief: Brief
    draft: Draft
    sentiment: Sentiment
    copy_of: int = -1
    copy_form: str = ""

    @property
    def true_alert(self) -> bool:
        return self.sentiment == "negative" and self.brief.material


@dataclass(frozen=True)
class Tastes:
    """What the world likes to talk about: cumulative weights over companies and over topics."""

    companies: tuple[float, ...]
    topics: tuple[float, ...]


def tastes_of(seed: int) -> Tastes:
    """Return the tastes of the world with this seed."""
    rng = Random(f"tastes {seed}")

    def cumulative(count: int, flat: float) -> tuple[float, ...]:
        weights = [1 / (rank + flat) for rank in range(count)]
        rng.shuffle(weights)
        return tuple(np.cumsum(weights).tolist())

    return Tastes(cumulative(len(words().companies), 12), cumulative(len(words().topics), 14))


def write_day(
    rng: Random,
    day: int,
    volume: dict[int, int],
    settings: SimulationSource,
    effects: tuple[Effect, ...],
    tastes: Tastes,
) -> list[Post]:
    """Return the posts of one day, in order of time.

    Parameters
    ----------
    rng
        The day's own generator, so that no other day changes this one.
    day
        The day, counted from the world's first.
    volume
        How many posts come from each source: see `events.volumes`.
    settings, effects, tastes
        The world's.
    """
    drifts = {effect.kind: effect for effect in effects if effect.kind != "surge" and effect.on(day)}
    changed = {effect.topic: effect["after"] for effect in effects if effect.kind == "meaning" and effect.on(day)}
    material_negative = drifts["base_rate"]["after"] if "base_rate" in drifts else events.QUIET_MATERIAL_NEGATIVE
    new_words = drifts["vocabulary"]["new_words"] if "vocabulary" in drifts else 0.0
    posts: list[Post] = []
    for source, count in volume.items():
        surge = effects[source] if source >= 0 else None
        for _ in range(count):
            sentiment, material = _meaning(rng, material_negative, surge)
            brief = _brief(rng, sentiment, material, surge, tastes)
            personal = rng.random() < settings.personal_data_share
            posts.append(_write(rng, replace(brief, new_words=new_words, personal_data=personal), changed))
    posts.sort(key=lambda post: post.second)
    for at in range(1, len(posts)):
        if rng.random() < REPOST_SHARE:
            posts[at] = _repost(rng, posts, at)
    return posts


def _meaning(rng: Random, material_negative: float, surge: Effect | None) -> tuple[Sentiment, bool]:
    if surge is not None and rng.random() < _SURGE_SENTIMENT:
        return surge["sentiment"], rng.random() < _SURGE_MATERIAL
    if rng.random() < material_negative:
        return "negative", True
    trivial_negative = events.QUIET_MATERIAL_NEGATIVE / _MATERIAL * (1 - _MATERIAL)
    quiet = 1 - events.QUIET_MATERIAL_NEGATIVE
    roll = rng.random() * quiet
    if roll < trivial_negative:
        return "negative", False
    if roll < trivial_negative + _NEUTRAL:
        return "neutral", False
    return "positive", rng.random() < _MATERIAL


def _brief(rng: Random, sentiment: Sentiment, material: bool, surge: Effect | None, tastes: Tastes) -> Brief:
    lexicon = words()
    company = rng.choices(lexicon.companies, cum_weights=tastes.companies)[0]
    topic = rng.choices(tuple(lexicon.topics), cum_weights=tastes.topics)[0]
    if surge is not None:
        company = next(known for known in lexicon.companies if known.name == surge.company)
        topic = surge.topic
    rival = rng.choice(lexicon.companies)
    while rival is company:
        rival = rng.choice(lexicon.companies)
    style: Style = "casual" if rng.random() < CASUAL_SHARE else "formal"
    shares = HARD_SHARES[style]
    roll, case = rng.random(), ""
    for kind in HARD_CASES:
        roll -= shares[kind]
        if roll < 0:
            case = kind
            break
    if sentiment == "neutral" and case not in ("typo", "two_companies"):
        case = ""
    return Brief(company, rival, topic, sentiment, material, style, case)


def _write(rng: Random, brief: Brief, changed: dict[str, Sentiment]) -> Post:
    draft = compose(rng, brief)
    sentiment = brief.sentiment
    if brief.topic in changed and sentiment == "negative" and brief.material:
        sentiment = changed[brief.topic]
    hour = rng.triangular(6, 20, 10) if brief.style == "formal" else rng.triangular(0, 24, 19)
    return Post(
        author=_author(rng, brief.style),
        second=min(int(hour * 3600), 86_399),
        brief=brief,
        draft=draft,
        sentiment=sentiment,
    )


def _author(rng: Random, style: Style) -> str:
    """An author of this style; some write far more than others."""
    number = int(_AUTHORS * rng.random() ** 2)
    if style == "casual":
        return f"{_pick('adjectives', number)}_{_pick('nouns', number // 18)}{number % 7 or ''}"
    if number % 10 == 0:
        return f"{_pick('places', number // 10)} {_pick('desks', number)}"
    return f"{_pick('first', number)} {_pick('last', number // 24)}"


def _pick(of: str, number: int) -> str:
    known = words().people[of]
    return known[number % len(known)]


def _repost(rng: Random, posts: list[Post], at: int) -> Post:
    """What stands at `at` instead: an earlier post of the same day, shared again by somebody else."""
    original = rng.randrange(at)
    source, form = posts[original], rng.choice(("exact", "rt", "edited"))
    text = source.draft.text
    if form == "rt":
        text = f"RT @{source.author.replace(' ', '')}: {text}"
    elif form == "edited":
        text = f"{text} {rng.choice(('(via ' + source.author + ')', '!!', '- worth a read', '^ this'))}"
    author = _author(rng, source.brief.style)
    draft = source.draft._replace(text=text)
    return replace(source, author=author, second=posts[at].second, draft=draft, copy_of=original, copy_form=form)
