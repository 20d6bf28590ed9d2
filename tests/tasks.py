"""Small simulated files and scenarios of each type of task, for tests that need one; nothing in them is real.

Tickets of a shop: a text, a channel and an amount; the topic of each (five classes, of which `fraud` comes in the last
days only and `praise` is rare), its tone (known for six in ten), and the minutes that it took.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Literal

import numpy as np
import pandas as pd

TOPICS = {
    "billing": "invoice charged refund card twice payment amount",
    "delivery": "parcel late courier address tracking door week",
    "returns": "return label shrunk exchange size broken box",
    "praise": "thanks lovely happy great kind friendly recommend",
    "fraud": "stolen unknown login password strange order not-mine",
}
TONES = {"negative": "angry awful never again", "neutral": "please could you tell", "positive": "thank good well"}
Kind = Literal["multiclass", "ordinal", "number"]

_TASKS = {
    "multiclass": """\
        task:
          type: multiclass
          unit: ticket
          fields: {text: text, channel: category, amount: number}
          label: {column: topic}
          also:
            tone: {column: mood, values: [negative, neutral, positive]}
        """,
    "ordinal": """\
        task:
          type: ordinal
          unit: ticket
          fields: {text: text, channel: category, amount: number}
          label: {column: stars}
        """,
    "number": """\
        task:
          type: number
          unit: ticket
          fields: {text: text, channel: category, amount: number}
          label: {column: minutes, limits: [30], unit: min}
          actions: [queue, escalate]
        """,
}
_SPLITS = "train: 0.5, validation: 0.12, test: 0.12, gate: 0.06, stream: 0.2"
_ROUNDS = "train: 0.08, validation: 0.06, test: 0.18, gate: 0.18, stream: 0.15, held_back: 0.35, windows: {}"
_REST = """\
name: {name}
title: Tickets (simulated)
description: Simulated tickets of a shop, for tests.
{task}
source:
  kind: csv
  path: {path}
  id: id
  time: time
training:
  candidates:
    majority: {{architecture: majority}}
    tfidf: {{architecture: tfidf}}
    mlp: {{architecture: mlp, settings: {{units: 16, layers: 1}}}}
requirements: {{days: 10}}
data:
  splits: {{by: time, {splits}}}
profiles:
  smoke:
    training: {{epochs: 3, bootstrap: 100}}
    optimization: {{export: true, trials: 0}}
"""


def tickets(
    rows: int = 900, days: int = 60, seed: int = 5, *, variants: int = 1, fraud_from: float = 0.85
) -> pd.DataFrame:
    """Return simulated tickets in the order of time.

    With more `variants` of each word there is more to learn; `fraud_from` is the share of the days before the first.
    """
    random = np.random.default_rng(seed)
    at = np.sort(random.uniform(0, days, rows))
    shares = np.tile([0.4, 0.35, 0.23, 0.02, 0.0], (rows, 1))
    shares[at > fraud_from * days] = [0.35, 0.3, 0.2, 0.02, 0.13]
    names = list(TOPICS)
    topic = np.array([names[int(np.searchsorted(np.cumsum(share), random.random()))] for share in shares])
    tone = random.choice(list(TONES), rows, p=[0.4, 0.4, 0.2])
    amount = np.round(random.lognormal(3, 0.8, rows), 2)
    channel = random.choice(["mail", "chat", "phone"], rows)

    def words(kind: str, mood: str) -> str:
        said = [*random.choice(TOPICS[kind].split(), 4), *random.choice(TONES[mood].split(), 2)]
        other = random.choice(list(TOPICS))
        said = [*said, random.choice(TOPICS[other].split())]
        if variants > 1:
            said = [f"{word}{chr(97 + random.integers(variants))}" for word in said]
        return " ".join(random.permutation([*said, f"no{random.integers(400)}"]))

    base = pd.Series(topic).map({"billing": 15.0, "delivery": 25.0, "returns": 20.0, "praise": 5.0, "fraud": 50.0})
    minutes = base + 0.3 * amount + (channel == "phone") * 6 + random.normal(0, 1, rows) * (2 + 0.1 * amount)
    return pd.DataFrame(
        {
            "id": [f"t{number}" for number in range(rows)],
            "time": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(at, unit="D"),
            "text": [words(kind, mood) for kind, mood in zip(topic, tone, strict=True)],
            "channel": channel,
            "amount": amount,
            "topic": topic,
            "mood": np.where(random.random(rows) < 0.6, tone, ""),
            "stars": np.clip(6 - minutes // 12, 1, 5).astype(int),
            "minutes": minutes.clip(1).round(1),
        }
    )


def write(folder: Path, kind: Kind, name: str = "tickets", rows: int = 900, *, windows: int = 1, seed: int = 5) -> Path:
    """Write the file and a scenario of a type of task into ``data/raw`` and ``notebooks/scenarios`` of a project.

    Of several `windows` later rounds can live: before them there is little to learn from, and no fraud.
    """
    file = folder / "data" / "raw" / f"{name}.csv"
    file.parent.mkdir(parents=True, exist_ok=True)
    harder = {"variants": 20, "fraud_from": 0.5} if windows > 1 else {}
    tickets(rows, seed=seed, **harder).to_csv(file, index=False)
    scenario = folder / "notebooks" / "scenarios" / f"{name}.yaml"
    scenario.parent.mkdir(parents=True, exist_ok=True)
    splits = _SPLITS if windows == 1 else _ROUNDS.format(windows)
    text = _REST.format(name=name, task=dedent(_TASKS[kind]), path=f"data/raw/{name}.csv", splits=splits)
    scenario.write_text(text, encoding="utf-8")
    return scenario
