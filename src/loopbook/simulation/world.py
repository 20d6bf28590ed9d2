"""The simulated world of posts about companies: one seeded world, any window of its days."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

import numpy as np
import pandas as pd

from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.source import SimulationSource
from loopbook.simulation import events
from loopbook.simulation.events import Effect
from loopbook.simulation.posts import CASUAL_SHARE, HARD_SHARES, REPOST_SHARE, tastes_of, write_day


@dataclass(frozen=True, eq=False)
class Truth:
    """What was injected into the posts of a window.

    Attributes
    ----------
    effects
        One row an effect: kind, first_day, last_day (counted from the world's first day, both included), company, topic
        (empty: all), parameters (JSON).
    reposts
        One row a repost: post_id, original (its post_id), form ("exact", "rt" or "edited").
    personal_data
        One row a piece of personal data: post_id, kind (mail, phone, card, iban, ip), value as it stands in the text.
    """

    effects: pd.DataFrame
    reposts: pd.DataFrame
    personal_data: pd.DataFrame


@dataclass(frozen=True, eq=False)
class World:
    """A window of the simulated world.

    Attributes
    ----------
    posts
        One row a post, in order of time: post_id, author, time (datetime64, UTC), company, text, topics (several joined
        by "|"), sentiment (negative, neutral, positive), material, alert (annotators' label, 0/1), style (formal or
        casual), true_alert (0/1, before annotators' mistakes), hard_case ("" or one of ``vocabulary.HARD_CASES``),
        topic (the first of its topics, as annotators name it).
    truth
        What was injected.
    """

    posts: pd.DataFrame
    truth: Truth


def simulate(
    settings: SimulationSource, first_day: int = 0, days: int | None = None, injected: tuple[Effect, ...] | None = None
) -> World:
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
    injected
        Effects in place of those that the seed draws.

    Raises
    ------
    ScenarioError
        If the window does not lie in the world.
    """
    last = settings.all_days if days is None else first_day + days
    if not 0 <= first_day < last <= settings.all_days:
        raise ScenarioError(
            f"the window of days {first_day} to {last - 1} does not lie in the simulated world, which has days 0 to "
            f"{settings.all_days - 1}; choose an earlier window or set source.days higher"
        )
    later = settings.later_days
    drawn = events.schedule(settings.days, settings.seed, later) if settings.effects else ()
    effects = drawn if injected is None else injected
    volumes = events.volumes(settings.rows, settings.days, settings.start.weekday(), settings.seed, effects, later)
    tastes = tastes_of(settings.seed)
    rows: list[dict[str, object]] = []
    reposts: list[tuple[str, str, str]] = []
    personal: list[tuple[str, str, str]] = []
    for day in range(first_day, last):
        rng = Random(f"day {settings.seed} {day}")
        posts = write_day(rng, day, volumes[day], settings, effects, tastes)
        names = [f"d{day:04d}-{number:05d}" for number in range(len(posts))]
        midnight = np.datetime64(settings.start, "s") + np.timedelta64(day, "D")
        for name, post in zip(names, posts, strict=True):
            wrong = rng.random() < settings.label_noise
            rows.append(
                {
                    "post_id": name,
                    "author": post.author,
                    "time": midnight + np.timedelta64(post.second, "s"),
                    "company": post.brief.company.name,
                    "text": post.draft.text,
                    "topics": "|".join(post.draft.topics),
                    "sentiment": post.sentiment,
                    "material": post.brief.material,
                    "alert": int(post.true_alert != wrong),
                    "style": post.brief.style,
                    "true_alert": int(post.true_alert),
                    "hard_case": post.brief.hard_case,
                    "topic": post.brief.topic,
                }
            )
            personal += [(name, kind, value) for kind, value in post.draft.personal_data]
            if post.copy_form:
                reposts.append((name, names[post.copy_of], post.copy_form))
    frame = pd.DataFrame(rows)
    frame["time"] = frame["time"].astype("datetime64[us]").dt.tz_localize("UTC")
    frame = frame.astype({"alert": "int8", "true_alert": "int8", "material": bool})
    there = [
        effect
        for effect in (*effects, *_standing(settings))
        if effect.first_day < last and effect.last_day >= first_day
    ]
    truth = Truth(
        effects=_effects_table(there),
        reposts=pd.DataFrame(reposts, columns=["post_id", "original", "form"]),
        personal_data=pd.DataFrame(personal, columns=["post_id", "kind", "value"]),
    )
    return World(frame, truth)


def _standing(settings: SimulationSource) -> list[Effect]:
    """The effects that are there on every day."""
    last = settings.all_days - 1
    gap = tuple((style, dict(shares)) for style, shares in HARD_SHARES.items())
    return [
        Effect("label_noise", 0, last, parameters=(("share", settings.label_noise),)),
        Effect("style_gap", 0, last, parameters=(("casual_share", CASUAL_SHARE), *gap)),
        Effect("reposts", 0, last, parameters=(("share", REPOST_SHARE),)),
        Effect("personal_data", 0, last, parameters=(("share", settings.personal_data_share),)),
    ]


def _effects_table(effects: Iterable[Effect]) -> pd.DataFrame:
    """Return effects as a table, one row each; the parameters as JSON, so that the table can be stored anywhere."""
    columns = ["kind", "first_day", "last_day", "company", "topic", "parameters"]
    rows = [
        (e.kind, e.first_day, e.last_day, e.company, e.topic, json.dumps(dict(e.parameters), sort_keys=True))
        for e in effects
    ]
    return pd.DataFrame(rows, columns=columns)
