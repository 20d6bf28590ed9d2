"""Learning curve: how good a method is by how many rows it learns from, and what twice as many have brought."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.models.predictions import Floats
from loopbook.models.studies.refitting import Refitting
from loopbook.models.training.method import Method
from loopbook.statistics import bootstrap, metrics, targets
from loopbook.statistics.intervals import Interval, between

LEAST = 32
"""Rows below which nothing is fitted: they need not hold two classes."""


@dataclass(frozen=True)
class Curve:
    """A learning curve.

    Attributes
    ----------
    scores
        The primary metric on test by `rows` (index) and method; each an `Interval`.
    gain
        By how much more the first method reaches than the second, at each size; none of one method.
    doubling
        By method what it reaches with all of train above what it reaches with half of it.
    """

    metric: metrics.Metric
    scores: pd.DataFrame
    gain: "pd.Series[Any]"
    doubling: Mapping[str, Interval]

    def table(self) -> pd.DataFrame:
        """Return it for readers: each value with its interval."""
        shown = self.scores if self.gain.empty else self.scores.assign(**{"first less second": self.gain})
        return shown.map(lambda found: f"{found.value:.3f} ({between(found.low, found.high)})").rename_axis("rows")

    def figure(self) -> Figure:
        """Draw quality by the number of rows, each twice the one before."""
        (name, found), known = next(iter(self.doubling.items())), " and ".join(map(str, self.scores))
        rows = np.log2(self.scores.index / self.scores.index[-1])
        return plots.lines(
            {method: (rows, [each.value for each in self.scores[method]]) for method in map(str, self.scores)},
            title=f"{name}: the second half of train brought {found.value:+.3f} ({between(found.low, found.high)})",
            x=f"how often train was halved, of {self.scores.index[-1]:,} rows",
            y=f"{self.metric.title} on test",
            alt=f"Learning curve: {self.metric.title} on test by rows of train, for {known}.",
        )

    def figures(self) -> dict[str, float]:
        """Return what all of train reaches, and what its second half brought, as flat numbers to record."""
        champion = next(iter(self.doubling))
        last = f"learned_{self.metric.name}"
        return Interval(*self.scores[champion].iloc[-1]).recorded(last) | self.doubling[champion].recorded("doubling")


def run(refitting: Refitting, methods: Mapping[str, Method], sizes: int, draws: int, seed: int) -> Curve:
    """Fit each method on all of train, on half of it, on a quarter …, and judge each on test.

    Parameters
    ----------
    sizes
        Numbers of rows at most; none below `LEAST`.
    draws
        Samples of each size below all of train, by groups; the smaller of a draw lie in its larger ones.

    Returns
    -------
    Curve
        Intervals are over the rows of test, by groups, and over the samples, drawn anew together.
    """
    whole = len(refitting.train)
    counts = [count for half in reversed(range(sizes)) if (count := whole >> half) >= LEAST or not half]
    judged: dict[tuple[int, str, int], Floats] = {}
    for draw in range(draws):
        order = sampled(refitting.train["group"], seed + draw)
        for count in counts:
            for name, method in methods.items():
                refitting.stage.progress(f"learning curve: {name} on {count:,} rows, sample {draw + 1} of {draws}")
                again = draw and count == whole
                part = refitting.train.iloc[np.sort(order[:count])].reset_index(drop=True)
                judged[count, name, draw] = (
                    judged[count, name, 0] if again else targets.narrow(refitting.judged(method, part))
                )
    metric = metrics.primary(refitting.task.type)
    own, drawn = _resampled(refitting, judged, metric.name, (len(counts), len(methods), draws), seed)
    units = bootstrap.units(len(refitting.test), refitting.test["group"])

    def interval(value: Floats, resampled: Floats) -> Interval:
        return bootstrap.percentile(float(value), resampled, units)

    scores = pd.DataFrame(
        {name: [interval(own[at, of], drawn[at, of]) for at in range(len(counts))] for of, name in enumerate(methods)},
        index=pd.Index(counts, name="rows"),
        dtype=object,
    )
    both = range(len(counts)) if len(methods) > 1 else ()
    gain = [interval(own[at, 0] - own[at, 1], drawn[at, 0] - drawn[at, 1]) for at in both]
    doubling = {
        name: interval(own[-1, of] - own[-2, of], drawn[-1, of] - drawn[-2, of])
        for of, name in enumerate(methods)
        if len(counts) > 1
    }
    return Curve(metric, scores, pd.Series(gain, index=scores.index[: len(gain)], dtype=object), doubling)


def sampled(groups: "pd.Series[Any]", seed: int) -> NDArray[np.intp]:
    """Return the rows [n] in an order whose beginnings are samples: groups follow at random, each whole."""
    members, names = pd.factorize(groups)
    place = np.random.default_rng(seed).permutation(len(names))
    return np.argsort(place[members], kind="stable")


def _resampled(
    refitting: Refitting, judged: Mapping[Any, Floats], metric: str, shape: tuple[int, int, int], seed: int
) -> tuple[Floats, Floats]:
    """Return the means over the samples, [sizes, methods], and those of resamples of rows and samples, [.., b]."""
    function, y, test = metrics.computed(metric), targets.numbers(refitting.test["label"]), refitting.test
    keys = sorted({key[0] for key in judged})
    names = list(dict.fromkeys(key[1] for key in judged))
    answers = [judged[count, name, draw] for count in keys for name in names for draw in range(shape[2])]
    blocks = [
        np.stack([function(y, said, 0.5, weights) for said in answers])
        for weights in bootstrap.weights(len(test), test["group"], refitting.resamples, seed)
    ]
    each = np.concatenate(blocks, axis=1).reshape(*shape, -1)
    own = np.stack([function(y, said, 0.5, np.ones((1, len(y)))) for said in answers]).reshape(shape).mean(axis=2)
    taken = np.random.default_rng(seed).integers(shape[2], size=(shape[2], each.shape[3]))
    return own, np.take_along_axis(each, taken[None, None], axis=2).mean(axis=2)
