"""The simulated world of posts about companies: one seeded world, any window of its days."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

import numpy as np
import pandas as pd

from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.source import SimulationSource
from loopbook.simulation import events
from loopbook.simulation.events import Effect
from loopbook.simulation.text import Brief, compose
from loopbook.simulation.truth import Truth, effects_table
from loopbook.simulation.vocabulary import HARD_CASES, Sentiment, Style, words

CASUAL_SHARE = 0.38
"""Share of posts in the casual style."""
HARD_SHARES: dict[Style, dict[str, float]] = {
    "formal": {"negation": 0.20, "mixed": 0.17, "quotation": 0.09, "sarcasm": 0.05, "two_companies": 0.13, "typo": 0.02},
    "casual": {"negation": 0.18, "mixed": 0.15, "quotation": 0.08, "sarcasm": 0.13, "two_companies": 0.11, "typo": 0.06},
}
"""How often each hard case comes, by style: the style gap. The rest are plain posts."""
REPOST_SHARE = 0.03
_NEUTRAL, _MATERIAL = 0.14, 0.6  # share of neutral posts; share of material ones among negative or positive posts
_SURGE_SENTIMENT, _SURGE_MATERIAL = 0.75, 0.8
_AUTHORS = 260
_COLUMNS = ["post_id", "author", "time", "company", "text", "topics", "sentiment", "material", "alert", "style", "true_alert", "hard_case"]


@dataclass(frozen=True, eq=False)
class World:
    """A window of the simulated world.

    Attributes
    ----------
    posts
        One row a post, in order of time: post_id, author, time (datetime64, UTC), company, text, topics (several joined
        by "|"), sentiment (negative, neutral, positive), material, alert (annotators' label 0/1), style (formal, casual),
        true_alert (0/1, before annotators' mistakes), hard_case ("" or one of ``vocabulary.HARD_CASES``).
    truth
        What was injected.
    """

    posts: pd.DataFrame
    truth: Truth


@dataclass(frozen=True)
class _Post:
    author: str
    second: int
    company: str
    text: str
    topics: tuple[str, ...]
    sentiment: Sentiment
    material: bool
    style: Style
    hard_case: str
    personal_data: tuple[tuple[str, str], ...]
    copy_of: int = -1
    copy_form: str = ""

    @property
    def true_alert(self) -> bool:
        return self.sentiment == "negative" and self.material


@dataclass(frozen=True)
class _Tastes:
    """What the world likes to talk about: cumulative weights over companies and over topics."""

    companies: tuple[float, ...]
    topics: tuple[float, ...]


def simulate(settings: SimulationSource, first_day: int = 0, days: int | None = None) -> World:
    """Return the posts of some days of a seeded world, and the truth about them.

    The same day has the same posts whatever window is asked for.

    Parameters
    ----------
    settings
        The world: posts and days in all, first date, seed, label noise, share of personal data, effects.
    first_day
        First day of the window, counted from 0.
    days
        Length of the window; None: to the world's end.

    Raises
    ------
    ScenarioError
        If the window does not lie in the world.
    """
    last = settings.days if days is None else first_day + days
    if not 0 <= first_day < last <= settings.days:
        raise ScenarioError(
            f"the window of days {first_day} to {last - 1} does not lie in the simulated world, which has days 0 to "
            f"{settings.days - 1}; choose an earlier window or set source.days higher"
        )
    effects = events.schedule(settings.days, settings.seed) if settings.effects else ()
    volumes = events.volumes(settings.rows, settings.days, settings.start.weekday(), settings.seed, effects)
    tastes = _tastes(settings.seed)
    rows: list[tuple[object, ...]] = []
    reposts: list[tuple[str, str, str]] = []
    personal: list[tuple[str, str, str]] = []
    for day in range(first_day, last):
        rng = Random(f"day {settings.seed} {day}")
        posts = _day(rng, day, volumes[day], settings, effects, tastes)
        names = [f"d{day:04d}-{number:05d}" for number in range(len(posts))]
        midnight = np.datetime64(settings.start, "s") + np.timedelta64(day, "D")
        for name, post in zip(names, posts, strict=True):
            wrong = rng.random() < settings.label_noise
            rows.append(
                (
                    name,
                    post.author,
                    midnight + np.timedelta64(post.second, "s"),
                    post.company,
                    post.text,
                    "|".join(post.topics),
                    post.sentiment,
                    post.material,
                    int(post.true_alert != wrong),
                    post.style,
                    int(post.true_alert),
                    post.hard_case,
                )
            )
            personal += [(name, kind, value) for kind, value in post.personal_data]
            if post.copy_form:
                reposts.append((name, names[post.copy_of], post.copy_form))
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    frame["time"] = frame["time"].astype("datetime64[us]").dt.tz_localize("UTC")
    frame = frame.astype({"alert": "int8", "true_alert": "int8", "material": bool})
    injected = [effect for effect in (*effects, *_standing(settings)) if effect.first_day < last and effect.last_day >= first_day]
    truth = Truth(
        effects=effects_table(injected),
        reposts=pd.DataFrame(reposts, columns=["post_id", "original", "form"]),
        personal_data=pd.DataFrame(personal, columns=["post_id", "kind", "value"]),
    )
    return World(frame, truth)


def _standing(settings: SimulationSource) -> list[Effect]:
    """The effects that are there on every day."""
    last = settings.days - 1
    gap = tuple((style, dict(shares)) for style, shares in HARD_SHARES.items())
    return [
        Effect("label_noise", 0, last, parameters=(("share", settings.label_noise),)),
        Effect("style_gap", 0, last, parameters=(("casual_share", CASUAL_SHARE), *gap)),
        Effect("reposts", 0, last, parameters=(("share", REPOST_SHARE),)),
        Effect("personal_data", 0, last, parameters=(("share", settings.personal_data_share),)),
    ]


def _tastes(seed: int) -> _Tastes:
    rng = Random(f"tastes {seed}")

    def cumulative(count: int, flat: float) -> tuple[float, ...]:
        weights = [1 / (rank + flat) for rank in range(count)]
        rng.shuffle(weights)
        return tuple(np.cumsum(weights).tolist())

    return _Tastes(cumulative(len(words().companies), 12), cumulative(len(words().topics), 14))


def _day(
    rng: Random, day: int, volume: dict[int, int], settings: SimulationSource, effects: tuple[Effect, ...], tastes: _Tastes
) -> list[_Post]:
    drifts = {effect.kind: effect for effect in effects if effect.kind != "surge" and effect.on(day)}
    changed = {effect.topic: effect["after"] for effect in effects if effect.kind == "meaning" and effect.on(day)}
    material_negative = drifts["base_rate"]["after"] if "base_rate" in drifts else events.QUIET_MATERIAL_NEGATIVE
    new_words = drifts["vocabulary"]["new_words"] if "vocabulary" in drifts else 0.0
    posts: list[_Post] = []
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


def _brief(rng: Random, sentiment: Sentiment, material: bool, surge: Effect | None, tastes: _Tastes) -> Brief:
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


def _write(rng: Random, brief: Brief, changed: dict[str, Sentiment]) -> _Post:
    draft = compose(rng, brief)
    sentiment = brief.sentiment
    if brief.topic in changed and sentiment == "negative" and brief.material:
        sentiment = changed[brief.topic]
    hour = rng.triangular(6, 20, 10) if brief.style == "formal" else rng.triangular(0, 24, 19)
    return _Post(
        author=_author(rng, brief.style),
        second=min(int(hour * 3600), 86_399),
        company=brief.company.name,
        text=draft.text,
        topics=draft.topics,
        sentiment=sentiment,
        material=brief.material,
        style=brief.style,
        hard_case=brief.hard_case,
        personal_data=draft.personal_data,
    )


def _author(rng: Random, style: Style) -> str:
    """An author of this style; some write far more than others."""
    people, number = words().people, int(_AUTHORS * rng.random() ** 2)
    if style == "casual":
        first, second = people["adjectives"], people["nouns"]
        return f"{first[number % len(first)]}_{second[number // len(first) % len(second)]}{number % 7 or ''}"
    if number % 10 == 0:
        return f"{people['places'][number // 10 % len(people['places'])]} {people['desks'][number % len(people['desks'])]}"
    return f"{people['first'][number % len(people['first'])]} {people['last'][number // len(people['first']) % len(people['last'])]}"


def _repost(rng: Random, posts: list[_Post], at: int) -> _Post:
    """What stands at `at` instead: an earlier post of the same day, shared again by somebody else."""
    original = rng.randrange(at)
    source, form = posts[original], rng.choice(("exact", "rt", "edited"))
    text = source.text
    if form == "rt":
        text = f"RT @{source.author.replace(' ', '')}: {text}"
    elif form == "edited":
        text = f"{text} {rng.choice(('(via ' + source.author + ')', '!!', '- worth a read', '^ this'))}"
    author = _author(rng, source.style)
    return replace(source, author=author, second=posts[at].second, text=text, copy_of=original, copy_form=form)
