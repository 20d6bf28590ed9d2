"""Hashed n-grams: a linear model on words, phrases and parts of words, by their hash; no word is kept."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from loopbook.models.architecture import Characters, Count, Strength, Words, architecture
from loopbook.models.linear import Linear, of_terms

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal


@architecture(Linear, needs="text", monotone=True)
def hashed(
    features: "Features",
    train: "pd.DataFrame",
    goals: "Sequence[Goal]",
    *,
    C: Strength = 3.0,
    ngrams: Words = 2,
    characters: Characters = 5,
    buckets: Count = 131_072,
) -> Linear:
    """Fit logistic regression (of a number: ridge) on hashed n-grams, and on the table where there is one.

    Misspelt and inflected words share parts with the words that train knows. The model is no larger than its buckets,
    however many words there are, and none of train's words can be read from it.

    Parameters
    ----------
    C
        Inverse strength of the penalty on squared weights; of several classes, in the mean over their scores.
    ngrams
        Words in the longest phrase.
    characters
        Characters in the longest part of a word, of 3 or more; 0: words and phrases alone.
    buckets
        Numbers that a hash can have; terms that share one share a weight.

    References
    ----------
    Weinberger, Dasgupta, Langford, Smola & Attenberg (2009), Feature hashing for large scale multitask learning.
    """
    return of_terms(features, train, goals, C, 1, idf=False, ngrams=ngrams, characters=characters, buckets=buckets)
