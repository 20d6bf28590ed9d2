"""TF-IDF: a linear model on words and phrases, each weighed by how few rows have it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from loopbook.models.architecture import Characters, Count, Strength, Words, architecture
from loopbook.models.linear import Linear, of_terms

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal


@architecture(Linear, needs="text", monotone=True)
def tfidf(
    features: "Features",
    train: "pd.DataFrame",
    goals: "Sequence[Goal]",
    *,
    C: Strength = 1.0,
    ngrams: Words = 2,
    characters: Characters = 0,
    min_rows: Count = 2,
) -> Linear:
    """Fit logistic regression (of a number: ridge) on TF-IDF of words and phrases, and on the table where there is one.

    Parameters
    ----------
    C
        Inverse strength of the penalty on squared weights; of several classes, in the mean over their scores.
    ngrams
        Words in the longest phrase.
    characters
        Characters in the longest part of a word, of 3 or more, that is a term too; 0: words and phrases alone.
    min_rows
        A term counts if at least so many rows of train have it.

    References
    ----------
    Salton & Buckley (1988), Term-weighting approaches in automatic text retrieval; the smoothed form of scikit-learn.
    """
    return of_terms(features, train, goals, C, min_rows, idf=True, ngrams=ngrams, characters=characters)
