"""TF-IDF: a linear model on words and phrases, each weighed by how few rows have it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from loopbook.models.architecture import Count, Strength, architecture
from loopbook.models.linear import Linear, counted, fitted

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal

Words = Annotated[int, Field(ge=1, le=5)]


@architecture(Linear, needs="text", monotone=True)
def tfidf(
    features: "Features",
    train: "pd.DataFrame",
    goals: "Sequence[Goal]",
    *,
    C: Strength = 1.0,
    ngrams: Words = 2,
    min_rows: Count = 2,
) -> Linear:
    """Fit logistic regression (of a number: ridge) on TF-IDF of words and phrases, and on the table where there is one.

    Parameters
    ----------
    C
        Inverse strength of the penalty on squared weights; of several classes, in the mean over their scores.
    ngrams
        Words in the longest phrase.
    min_rows
        A term counts if at least so many rows of train have it.

    References
    ----------
    Salton & Buckley (1988), Term-weighting approaches in automatic text retrieval; the smoothed form of scikit-learn.
    """
    from scipy import sparse

    terms, counts = counted(features, train, ngrams, min_rows)
    rows_with = np.asarray((counts > 0).sum(axis=0)).ravel()
    scales = np.log((1 + len(train)) / (1 + rows_with)) + 1
    scaled = counts @ sparse.diags(scales)
    norm = np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
    scaled = sparse.diags(1 / np.where(norm > 0, norm, 1)) @ scaled
    table = features.table(train).astype(np.float64)
    found, bias = fitted(sparse.hstack([scaled, sparse.csr_matrix(table)]).tocsr(), goals, C)
    return Linear(bias, tuple(terms), scales, found[: len(terms)], found[len(terms) :], ngrams, unit=True)
