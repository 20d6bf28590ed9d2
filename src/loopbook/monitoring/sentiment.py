"""Sentiment: how many of the rows are predicted to be bad news, and how many are so once the errors are allowed for.

The answers' shares q are those of a classifier that errs. With the confusion matrix C of the labelled rows of the
reference, q = Cp, so that p = C⁻¹q (`label_shift`): each answer counts for each class by a weight. Counts and shares
are told both ways. The correction moves the level and widens the interval; it adds no evidence, and where C has itself
changed it overshoots. So what is tested are the answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.monitoring.timeline import Days, Floats, Log, Mask, Side
from loopbook.scenario.monitoring import SentimentSettings
from loopbook.statistics.intervals import Interval, Z
from loopbook.statistics.label_shift import Correction, correction

NEGATIVE, OTHER, POSITIVE = range(3)
_UNKNOWN = -1
_MOST = 0.5


class Excess(NamedTuple):
    """By how many rows a surge exceeds what is usual: all, bad and good news, each by the answers and corrected."""

    rows: float
    bad: float
    bad_corrected: float
    good: float
    good_corrected: float

    @property
    def is_good(self) -> bool:
        """Whether more than half of it is good news."""
        return self.good_corrected > max(_MOST * self.rows, self.bad_corrected, 0.0)

    @property
    def is_bad(self) -> bool:
        """Whether more than half of it is bad news."""
        return self.bad_corrected > max(_MOST * self.rows, self.good_corrected, 0.0)

    def __str__(self) -> str:
        """Return it in words."""
        bad, good = f"{self.bad:+.0f} bad news", f"{self.good:+.0f} good news"
        corrected = f"corrected for errors {self.bad_corrected:+.0f} and {self.good_corrected:+.0f}"
        return f"{self.rows:+.0f} in all, {bad}, {good}; {corrected}"


@dataclass(frozen=True, eq=False)
class Sentiment:
    """What the rows of stream and reference are predicted to be.

    Attributes
    ----------
    stream, reference
        `NEGATIVE`, `OTHER` or `POSITIVE`, int64 [n]; -1 where the model was not asked.
    correction
        What the labelled rows of the reference teach of the errors.
    correlation
        Of two rows of one day.
    name
        What bad news is called: the names of its classes.
    """

    stream: Days
    reference: Days
    correction: Correction
    correlation: float
    name: str

    @property
    def corrects(self) -> bool:
        """Whether labelled rows tell bad news from the rest, so that there is a correction."""
        return bool(self.correction.told[NEGATIVE])

    def rows(self, kind: int) -> tuple[Mask, Mask]:
        """Return which rows of stream and reference are of a kind."""
        return self.stream == kind, self.reference == kind

    def corrected(self, codes: Days, kind: int = NEGATIVE) -> Floats:
        """Return for how many rows of a kind each answer stands, float64 [n]; 0 where there is none."""
        return np.append(self.correction.weights[kind], 0.0)[codes]

    def excess(self, rows: NDArray[np.intp], usual: float) -> "Excess":
        """Return what stream rows bring beyond `usual` ones, which are as good and bad news as the reference."""
        extra = [len(rows) - usual]
        for kind in (NEGATIVE, POSITIVE):
            raw, base = (codes == kind for codes in (self.stream[rows], self.reference))
            corrected, level = (self.corrected(codes, kind) for codes in (self.stream[rows], self.reference))
            extra += [raw.sum() - usual * base.mean(), corrected.sum() - usual * level.mean()]
        extra[2::2] = extra[2::2] if self.corrects else extra[1::2]
        return Excess(*map(float, extra))

    def share(self, codes: Days) -> tuple[float, Interval]:
        """Return the share of answers that are bad news, and the corrected share with its 95% interval.

        Its variance is that of the rows' weights, which are alike within a day, and that of the confusion matrix.
        """
        known = codes[codes != _UNKNOWN]
        if not len(known):
            return float("nan"), Interval(*[float("nan")] * 3)
        raw, value = float((known == NEGATIVE).mean()), self.corrected(known)
        q = np.bincount(known, minlength=3) / len(known)
        p = np.clip(self.correction.weights @ q, 0.0, 1.0)
        variance = float(value.var()) * (1 / len(known) + self.correlation) + float(p**2 @ self.correction.error[:, 0])
        half, level = Z * float(np.sqrt(variance)), float(value.mean())
        found = np.clip([level, level - half, level + half], 0.0, 1.0).tolist()
        return raw, Interval(*found) if self.corrects else Interval(*[float("nan")] * 3)


def read(log: Log) -> Sentiment | None:
    """Return the sentiment of a log; None where the scenario does not say which answer it is."""
    settings = log.scenario.monitoring.sentiment
    if settings is None:
        return None
    if settings.output in log.scenario.task.also:
        now, base = (_codes(side, settings.output, settings) for side in (log.stream, log.reference))
        label = _codes(log.reference, f"label_{settings.output}", settings)
    else:
        kind = np.append(_kinds(log.classes, settings), _UNKNOWN)
        now, base, label = (kind[part] for part in (log.stream.said, log.reference.said, log.reference.code))
    learned = (label != _UNKNOWN) & (base != _UNKNOWN)
    correlation, answers = float(log.spread.correlation), np.eye(3)[base[learned]]
    taught = correction(answers, label[learned], log.reference.day[learned], correlation)
    return Sentiment(now, base, taught, correlation, " or ".join(settings.negative))


def _codes(side: Side, column: str, settings: SentimentSettings) -> Days:
    if column not in side.frame:
        return np.full(len(side), _UNKNOWN, "int64")
    values = side.frame[column]
    return np.where(values.isna(), _UNKNOWN, _kinds(values.astype(str).tolist(), settings)).astype("int64")


def _kinds(names: Sequence[str], settings: SentimentSettings) -> Days:
    of = dict.fromkeys(settings.negative, NEGATIVE) | dict.fromkeys(settings.positive, POSITIVE)
    return np.asarray(pd.Series(list(names), dtype="str").map(of).fillna(OTHER), dtype="int64")
