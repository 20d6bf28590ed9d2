"""Out-of-vocabulary rate: are the texts made of words that the reference did not know?"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from loopbook.data.features import tokenize
from loopbook.monitoring import rates, signals
from loopbook.monitoring.timeline import Floats, Log, texts

LEAST_RATIO = 1.25
"""Smallest growth of the share of new words worth an alert."""
LEAST_RISE = 0.01
"""Smallest rise of that share: one word in a hundred."""
MOST_OF_A_TEXT = 0.15
"""No text counts for a larger share than this: a few texts full of slips of the keyboard are no new vocabulary."""


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
    # Only more new words are a change of vocabulary; fewer mean that the words of a surge have gone again.
    found = rates.mean("share of unknown words", (log.stream, log.reference), (new, old), _ratio, LEAST_RATIO)
    return rates.watch("vocabulary", log, [found], rise_only=True)


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


def _ratio(value: float, expected: float) -> float:
    if value - expected < LEAST_RISE:
        return 0.0
    return value / expected if expected > 0 else float("inf")


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
