"""Vocabulary: are the texts made of words that the reference did not know, and which?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import chi2

from loopbook.data.features import tokenize
from loopbook.monitoring import shifts, signals
from loopbook.monitoring.timeline import Floats, Log, texts

LEAST_RATIO = 1.25
"""Smallest growth of the share of new words worth an alert."""
MOST_OF_A_TEXT = 0.15
"""No text counts for a larger share than this: a few texts full of slips of the keyboard are no new vocabulary."""
_LEAST_SEEN = 4  # times a word must stand in the current texts to be named


def watch(log: Log, earlier: Iterable[str] | None = None) -> pd.DataFrame:
    """Watch the share of a text's words that are not known.

    Parameters
    ----------
    log
        The log, surges taken out.
    earlier
        Texts that are older than both sides, such as those that the model was trained on: their words are known. More
        old texts make a finer watch. None: the words of the reference are known, and each reference text is judged by
        the other days of the reference, so that its share is what a new text from the same world would have (Good's
        estimate of the unseen; by days, because the reposts of a day share their words).

    Returns
    -------
    DataFrame
        A row a day (`signals.COLUMNS`): ``value`` is the mean share of unknown words, ``effect`` its ratio to
        the expected one.

    References
    ----------
    Good (1953), The population frequencies of species and the estimation of population parameters.
    """
    if "vocabulary" not in log.checks:
        return signals.table([])
    old, new = (np.minimum(shares, MOST_OF_A_TEXT) for shares in unknown(log, earlier))
    now = shifts.Moments.of(new, log.stream.day, log.stream.days)
    base = shifts.Moments.of(old, log.reference.day, log.reference.days)
    longest = log.scenario.monitoring.window_days
    # Only more new words are a change of vocabulary; fewer mean that the words of a surge have gone again.
    steps = shifts.watch(now, base, log.level, longest, _ratio, LEAST_RATIO)
    words = "{value:.1%} of the words of a text are unknown instead of {expected:.1%} ({p})"
    return signals.table(signals.from_steps("vocabulary", "", steps, 0, words))


def unknown(log: Log, earlier: Iterable[str] | None = None) -> tuple[Floats, Floats]:
    """Return the share of unknown words of each text of reference and stream, float64 [n] each; NaN for no word."""
    reference = [tokenize(text) for text in texts(log.reference, log.scenario)]
    stream = [tokenize(text) for text in texts(log.stream, log.scenario)]
    if earlier is not None:
        several = first = {word for text in earlier for word in tokenize(text)}
    elif len(set(log.reference.day.tolist())) > 1:
        several, first = _days_of_words(reference, log.reference.day)
    else:  # one day cannot be left out: its texts are judged one by one
        several, first = _days_of_words(reference, np.arange(len(reference)))
    old = [_share([word not in several for word in words]) for words in reference]
    new = [_share([word not in first for word in words]) for words in stream]
    return np.array(old, dtype="float64"), np.array(new, dtype="float64")


def new_words(log: Log, onset: int, last: int, count: int = 12) -> pd.DataFrame:
    """Name the words that a stretch of the stream uses far more often than the reference.

    Parameters
    ----------
    log
        The log, surges taken out.
    onset, last
        The stretch, in days of the stream, both included.
    count
        How many words at most.

    Returns
    -------
    DataFrame
        word, texts (of the stretch that have it), share (of them), reference_share, p (adjusted for all words that
        occur often enough); the clearest first.

    References
    ----------
    Dunning (1993), Accurate methods for the statistics of surprise and coincidence: the likelihood ratio of two shares.
    """
    inside = (log.stream.day >= onset) & (log.stream.day <= last)
    now = _counted(texts(log.stream.keep(inside), log.scenario))
    before = _counted(texts(log.reference, log.scenario))
    n, m = int(inside.sum()), len(log.reference)
    named = [word for word, seen in now.items() if seen >= _LEAST_SEEN]
    a = np.array([now[word] for word in named], dtype="float64")
    b = np.array([before[word] for word in named], dtype="float64")
    pooled = (a + b) / (n + m)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 2 * (_log_likelihood(a, n, a / n) + _log_likelihood(b, m, b / m))
        ratio -= 2 * (_log_likelihood(a, n, pooled) + _log_likelihood(b, m, pooled))
    p = signals.adjusted(chi2.sf(np.maximum(ratio, 0), 1))
    table = pd.DataFrame(
        {"word": named, "texts": a.astype(int), "share": a / max(n, 1), "reference_share": b / m, "p": p}
    )
    table = table.assign(ratio=ratio)[(table["share"] > table["reference_share"]) & (table["p"] <= 0.01)]
    return (
        table.sort_values(["ratio", "word"], ascending=[False, True])
        .drop(columns="ratio")
        .head(count)
        .reset_index(drop=True)
    )


def divergence(log: Log) -> pd.DataFrame:
    """Return the Jensen-Shannon divergence (bits) of each day's words from the reference's, beside what chance gives.

    Returns
    -------
    DataFrame
        day, value, expected: the latter from as many reference texts, drawn at random (seeded), against the others.
    """
    reference = [tokenize(text) for text in texts(log.reference, log.scenario)]
    stream = [tokenize(text) for text in texts(log.stream, log.scenario)]
    rng = np.random.default_rng(0)
    total = Counter(word for words in reference for word in words)
    rows = []
    for day in range(log.stream.days):
        today = [stream[at] for at in np.flatnonzero(log.stream.day == day)]
        if not today:
            continue
        size = min(len(today), len(reference) // 2)
        drawn = [reference[at] for at in rng.choice(len(reference), size, replace=False)]
        part = Counter(word for words in drawn for word in words)
        value = _jensen_shannon(Counter(word for words in today for word in words), total)
        rows.append({"day": day, "value": value, "expected": _jensen_shannon(part, total - part)})
    return pd.DataFrame(rows, columns=["day", "value", "expected"])


def _ratio(value: float, expected: float) -> float:
    return value / expected if expected > 0 else (float("inf") if value > 0 else 0.0)


def _days_of_words(tokens: list[list[str]], day: np.ndarray) -> tuple[set[str], set[str]]:
    """Return the words of at least two days, and all words."""
    first: dict[str, int] = {}
    several: set[str] = set()
    for words, at in zip(tokens, day.tolist(), strict=True):
        for word in words:
            if first.setdefault(word, at) != at:
                several.add(word)
    return several, set(first)


def _share(flags: list[bool]) -> float:
    return float(np.mean(flags)) if flags else float("nan")


def _counted(rows: list[str]) -> Counter[str]:
    return Counter(word for text in rows for word in set(tokenize(text)))


def _log_likelihood(seen: Floats, of: int, share: Floats) -> Floats:
    yes = np.where(seen > 0, seen * np.log(share), 0.0)
    no = np.where(seen < of, (of - seen) * np.log1p(-share), 0.0)
    return yes + no


def _jensen_shannon(one: Counter[str], other: Counter[str]) -> float:
    words = sorted(one.keys() | other.keys())
    p = np.array([one[word] for word in words], dtype="float64")
    q = np.array([other[word] for word in words], dtype="float64")
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(side > 0, side * np.log2(side / middle), 0.0).sum() for side in (p, q)]
    return float(sum(parts) / 2)
