"""Plain baselines: what a network has to beat. Each is fitted by a method of its own; no gradient is followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from loopbook.models.architectures.linear import Linear, terms_of
from loopbook.models.architectures.trees import Trees
from loopbook.scenario.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features

Floats = NDArray[np.float64]
_NONE = np.zeros(0)


def majority(features: Features, frame: pd.DataFrame, label: Floats, weight: Floats) -> Linear:
    """Return the base rate of train for every row: what can be said without reading."""
    # One row of each class is added, so that a class that train lacks is improbable, not impossible.
    yes, total = float(weight @ label) + 1, float(weight.sum()) + 2
    return Linear((), 1, _NONE, _NONE, False, _NONE, float(np.log(yes / (total - yes))))


def word_list(features: Features, frame: pd.DataFrame, label: Floats, weight: Floats, *, words: int = 200) -> Linear:
    """Count the words that are typical of each class: +1 for a word of *yes*, -1 for a word of *no*.

    Parameters
    ----------
    words
        Length of the list: the words whose log-odds differ most surely between the classes.

    References
    ----------
    Monroe, Colaresi & Quinn (2008), Fightin' words, equations 15-22: log-odds with an informative Dirichlet prior,
    here the words' own frequencies with a total of one count a word.
    """
    terms, counts = _counts(features, frame, 1, 2)
    yes = counts.T @ (weight * label) + 0.0
    no = counts.T @ (weight * (1 - label)) + 0.0
    prior = len(terms) * (yes + no) / (yes + no).sum()

    def odds(count: Floats) -> Floats:
        total = count.sum() + prior.sum()
        return np.asarray(np.log((count + prior) / (total - count - prior)))

    z = (odds(yes) - odds(no)) / np.sqrt(1 / (yes + prior) + 1 / (no + prior))
    chosen = np.sort(np.argsort(-np.abs(z), kind="stable")[:words])
    signs = np.sign(z[chosen])
    score = counts[:, chosen] @ signs
    slope, bias = _logistic(score[:, None], label, weight, 1e6)
    names = tuple(terms[at] for at in chosen)
    return Linear(names, 1, np.ones(len(chosen)), signs * slope[0], False, _NONE, bias)


def tfidf(
    features: Features,
    frame: pd.DataFrame,
    label: Floats,
    weight: Floats,
    *,
    C: float = 1.0,
    ngrams: int = 2,
    min_rows: int = 2,
) -> Linear:
    """Fit logistic regression on TF-IDF of words and phrases, and on the table where there is one.

    Parameters
    ----------
    C
        Inverse strength of the penalty on squared weights.
    ngrams
        Words in the longest phrase.
    min_rows
        A term counts if at least so many rows of train have it.

    References
    ----------
    Salton & Buckley (1988), Term-weighting approaches in automatic text retrieval; the smoothed form of scikit-learn.
    """
    from scipy import sparse

    terms, counts = _counts(features, frame, ngrams, min_rows)
    rows_with = np.asarray((counts > 0).sum(axis=0)).ravel()
    scales = np.log((1 + len(frame)) / (1 + rows_with)) + 1
    scaled = counts @ sparse.diags(scales)
    norm = np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
    scaled = sparse.diags(1 / np.where(norm > 0, norm, 1)) @ scaled
    table = features.table(frame).astype(np.float64)
    found, bias = _logistic(sparse.hstack([scaled, sparse.csr_matrix(table)]).tocsr(), label, weight, C)
    return Linear(tuple(terms), ngrams, scales, found[: len(terms)], True, found[len(terms) :], bias)


def table_logistic(features: Features, frame: pd.DataFrame, label: Floats, weight: Floats, *, C: float = 1.0) -> Linear:
    """Fit logistic regression on the table's scaled numbers and one-hot categories.

    Parameters
    ----------
    C
        Inverse strength of the penalty on squared weights.
    """
    found, bias = _logistic(features.table(frame).astype(np.float64), label, weight, C)
    return Linear((), 1, _NONE, _NONE, False, found, bias)


def boosted_trees(
    features: Features,
    frame: pd.DataFrame,
    label: Floats,
    weight: Floats,
    *,
    trees: int = 100,
    depth: int = 3,
    rate: float = 0.1,
    sample: float = 0.5,
) -> Trees:
    """Fit gradient-boosted trees on the table: each tree corrects what those before it still get wrong.

    Parameters
    ----------
    trees
        How many.
    depth
        Questions on the way through each.
    rate
        Share of each tree's correction that is taken over.
    sample
        Share of train, drawn anew, on which each tree is grown.

    References
    ----------
    Friedman (2002), Stochastic gradient boosting.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(
        n_estimators=trees, max_depth=depth, learning_rate=rate, subsample=sample, random_state=0
    ).fit(features.table(frame), label, sample_weight=weight)
    share = float(np.average(label, weights=weight))
    return Trees.of([tree.tree_ for tree in model.estimators_[:, 0]], rate, float(np.log(share / (1 - share))))


BASELINES: Mapping[str, Callable[..., Linear | Trees]] = {
    "majority": majority,
    "word_list": word_list,
    "tfidf": tfidf,
    "table_logistic": table_logistic,
    "boosted_trees": boosted_trees,
}
"""The fitting functions by the architecture's name; each takes features, train, label [n], weight [n] and settings."""


def _counts(features: Features, frame: pd.DataFrame, ngrams: int, min_rows: int) -> tuple[list[str], Any]:
    """Return the terms that occur in enough rows, sorted, and a sparse matrix of their counts [n, terms]."""
    from sklearn.feature_extraction.text import CountVectorizer

    lists = features.token_lists(frame)
    vectorizer = CountVectorizer(
        analyzer=lambda at: terms_of(lists[at], ngrams), min_df=min(min_rows, len(lists)), dtype=np.float64
    )
    try:
        counts = vectorizer.fit_transform(range(len(lists)))
    except ValueError as error:
        raise DataError(
            f"No word or phrase of train occurs in at least {min_rows} of its {len(lists)} rows: there is nothing to "
            "learn from. Lower min_rows, or give more rows."
        ) from error
    return [str(term) for term in vectorizer.get_feature_names_out()], counts


def _logistic(x: Any, label: Floats, weight: Floats, C: float) -> tuple[Floats, float]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, max_iter=2_000).fit(x, label, sample_weight=weight)
    return np.asarray(model.coef_[0], dtype=np.float64), float(model.intercept_[0])
