"""Simulated decision logs of several classes and of a number: calibrated answers, known outcomes, days that differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from loopbook.monitoring.timeline import Log, Side, prepare
from loopbook.scenario.contract import Scenario

Floats = NDArray[np.float64]
Change = Callable[["Drawn", NDArray[np.int64], np.random.Generator], None]
"""Changes a stream in place, given the day of each row."""
START = pd.Timestamp("2026-01-05", tz="UTC")
SHARPNESS = 3.0
"""How far apart the classes are; at 3 the answers are right in 19 of 20 cases of 5 classes, in 6 of 7 of 77."""


def scenario(classes: int | None = None) -> Scenario:
    """Return a scenario of so many classes, or of a number."""
    task: dict[str, Any] = {"type": "multiclass", "label": {"column": "topic"}}
    if classes is None:
        task = {"type": "number", "label": {"column": "minutes", "limits": [10, 20], "unit": "min"}}
    return Scenario.model_validate(
        {
            "name": "made-up",
            "title": "Made up",
            "description": "Made up tickets.",
            "task": {"unit": "ticket", "fields": {"text": "text"}, **task},
            "source": {"kind": "csv", "path": "none.csv", "time": "time", "protected": ["style"]},
            "training": {"candidates": {"one": {"architecture": "majority"}}},
            "monitoring": {"segments": ["company"]},
        }
    )


class Drawn:
    """Rows of one side: class codes, what the model says, and the other columns."""

    def __init__(self, rng: np.random.Generator, classes: int, days: int, per_day: int, correlation: float) -> None:
        usual = 1 / np.arange(1, classes + 1)
        usual = usual / usual.sum()
        size = (days, classes)
        share = rng.gamma(usual * (1 / correlation - 1), size=size) if correlation else np.broadcast_to(usual, size)
        self.day = np.repeat(np.arange(days), per_day)
        draw = rng.random(len(self.day))[:, None]
        self.code = (np.cumsum(share / share.sum(axis=1, keepdims=True), axis=1)[self.day] < draw).sum(axis=1)
        self.code = np.minimum(self.code, classes - 1)
        self.names = [f"c{number}" for number in range(classes)]
        self.prior = np.log(usual)
        self.rng = rng
        self.say()
        n = len(self.day)
        words = rng.choice(400, (n, 6), p=(1 / np.arange(1, 401)) / (1 / np.arange(1, 401)).sum())
        self.frame = pd.DataFrame(
            {
                "text": [" ".join(f"w{chr(97 + word // 26)}{chr(97 + word % 26)}" for word in row) for row in words],
                "company": [f"f{number}" for number in rng.integers(0, 8, n)],
                "style": rng.choice(["formal", "casual"], n),
            }
        )

    def say(self, rows: Any = slice(None), of: NDArray[np.int64] | None = None) -> None:
        """Let the model answer these rows as it answers rows of the classes `of`, by default their own."""
        code = (self.code if of is None else of)[rows]
        seen = self.rng.normal(size=(len(code), len(self.names))) + SHARPNESS * np.eye(len(self.names))[code]
        said = softmax(self.prior + SHARPNESS * seen, axis=1)
        if not hasattr(self, "probability"):
            self.probability = said
        self.probability[rows] = said


def log(
    seed: int, classes: int = 5, change: Change | None = None, days: int = 20, per_day: int = 100,
    correlation: float = 0.0, names: list[str] | None = None,
) -> Log:  # fmt: skip
    """Return 14 days of reference and a stream after them, changed by `change` if there is one."""
    sides, scores = [], []
    for at, length in ((0, 14), (1, days)):
        rng = np.random.default_rng([seed, classes, at])
        drawn = Drawn(rng, classes, length, per_day, correlation)
        drawn.names = names or drawn.names
        if at and change is not None:
            change(drawn, drawn.day, rng)
        said = np.array(drawn.names, dtype=object)[drawn.probability.argmax(axis=1)]
        hours = drawn.day * 24 + rng.uniform(0, 23.9, len(drawn.day))
        label = pd.Categorical.from_codes(drawn.code, [*drawn.names, *(["new"] if classes > 2 else [])])
        frame = drawn.frame.assign(row_id=[f"r{at}-{row}" for row in range(len(said))], label=label)
        frame["time"] = START + pd.Timedelta(days=14 * at) + pd.to_timedelta(hours, unit="h")
        sides.append(frame.assign(action=said) if at else frame)
        scores.append(pd.DataFrame(drawn.probability, columns=drawn.names).assign(row_id=frame["row_id"]))
    return prepare(sides[1], sides[0], scenario(classes), scores=(scores[1], scores[0]))


def said(side: Side) -> pd.DataFrame:
    """Return what the model says of a side, as 05 leaves it: by row, a column a class that it knows."""
    names = [f"c{number}" for number in range(side.probability.shape[1] - 1)]
    return pd.DataFrame(side.probability[:, :-1], columns=names).assign(row_id=side.frame["row_id"])


def again(log: Log, kept: NDArray[np.bool_] | None = None, same: Floats | None = None) -> Log:
    """Return a log of these reference rows only, in which the model says the same of all rows, [k]."""
    frame = log.reference.frame if kept is None else log.reference.frame[kept]
    scores = [said(side) for side in (log.stream, log.reference)]
    if same is not None:
        for one in scores:
            one[list(one.columns[:-1])] = same
    return prepare(log.stream.frame, frame, log.scenario, scores=(scores[0], scores[1]))


def numbers(seed: int, change: Callable[[pd.DataFrame, NDArray[np.int64]], None] | None = None, days: int = 20) -> Log:
    """Return a log of a number: minutes around a prediction, with intervals that hold nine of ten."""
    sides, scores = [], []
    for at, length in ((0, 14), (1, days)):
        rng = np.random.default_rng([seed, 7, at])
        drawn = Drawn(rng, 3, length, 100, 0.0)
        value = rng.normal(15, 5, len(drawn.day))
        frame = drawn.frame.assign(row_id=[f"r{at}-{row}" for row in range(len(value))], value=value)
        frame["label"] = value + rng.normal(0, 3, len(value))
        frame["time"] = START + pd.to_timedelta((drawn.day + 14 * at) * 24 + rng.uniform(0, 23.9, len(value)), unit="h")
        if at and change is not None:
            change(frame, drawn.day)
        frame["low"], frame["high"] = frame["value"] - 1.645 * 3, frame["value"] + 1.645 * 3
        names = scenario().task.label.classes
        limits = np.array([10.0, 20.0])
        below = np.stack([_normal((limit - frame["value"]) / 3) for limit in limits], axis=1)
        p = np.column_stack([below[:, 0], below[:, 1] - below[:, 0], 1 - below[:, 1]])
        if at:
            frame["action"] = np.array(names, dtype=object)[p.argmax(axis=1)]
        sides.append(frame)
        scores.append(pd.DataFrame(p, columns=list(names)).assign(row_id=frame["row_id"]))
    return prepare(sides[1], sides[0], scenario(), scores=(scores[1], scores[0]))


def _normal(z: pd.Series[float]) -> Floats:
    from scipy.special import ndtr

    return np.asarray(ndtr(z.to_numpy()))
