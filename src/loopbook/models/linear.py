"""A linear model on words and table columns: the form of plain baselines, kept as plain arrays, without pickle."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from loopbook.models.arrays import encode
from loopbook.scenario.errors import DataError, LoopbookError
from loopbook.store import content

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.architecture import Family
    from loopbook.models.heads import Goal

Floats = NDArray[np.float64]

ARRAYS, TERMS = "linear", "terms"
_NUMBERS = ("ngrams", "unit", "characters", "buckets")
_PATIENT = {"maxiter": 10_000, "maxfun": 20_000, "ftol": 1e-12, "gtol": 1e-7}
_BLOCK = 4_096  # rows at a time, to bound the padded arrays


def _none() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True)
class Linear:
    """Raw scores: ``bias + x · weights + table · table_weights + e · embedding_weights``.

    x holds a row's terms, e is its sentence embedding.

    x is the count of each term times `scales`, divided by its length if `unit`: TF-IDF with the inverse document
    frequency as scale.

    Attributes
    ----------
    bias
        The scores of a row without known terms, where the table is zero, float64 [W].
    terms
        What `terms_of` makes of a row's tokens by `ngrams`, `characters` and `buckets`.
    scales
        One for each term, float64 [terms].
    weights
        float64 [terms, W].
    table_weights
        float64 [columns of the table, W]; no rows where the table is not used.
    embedding_weights
        float64 [width of the embedding, W]; no rows where the sentence encoder is not used.
    """

    bias: Floats
    terms: tuple[str, ...] = ()
    scales: Floats = field(default_factory=_none)
    weights: Floats = field(default_factory=_none)
    table_weights: Floats = field(default_factory=_none)
    embedding_weights: Floats = field(default_factory=_none)
    ngrams: int = 1
    unit: bool = False
    characters: int = 0
    buckets: int = 0

    family: ClassVar[Family] = "plain"

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        return self.weights.size + self.table_weights.size + self.embedding_weights.size + len(self.bias)

    @property
    def learnt(self) -> Mapping[str, NDArray[np.float64]]:
        """What was learnt, by name, for histograms."""
        names = ("weights", "table_weights", "embedding_weights")
        return {f"weights/{name.rpartition('_')[0] or 'terms'}": getattr(self, name) for name in names}

    def raw(
        self,
        features: Features,
        frame: pd.DataFrame,
        cache: Path | None = None,
        progress: Callable[[str], object] | None = None,
    ) -> Floats:
        """Return the raw scores of each row, float64 [n, W]; cache and progress are the sentence encoder's."""
        result = np.empty((len(frame), len(self.bias)))
        for start in range(0, len(frame), _BLOCK):
            block = frame.iloc[start : start + _BLOCK]
            positions, counts, table = self.encode(features, block)
            scaled = counts * np.append(0.0, self.scales)[positions]
            if self.unit:
                norm = np.sqrt((scaled**2).sum(axis=1, keepdims=True))
                scaled = scaled / np.where(norm > 0, norm, 1)
            for at, bias in enumerate(self.bias):
                result[start : start + _BLOCK, at] = (scaled * self._padded[at][positions]).sum(axis=1) + bias
            if len(self.table_weights):
                result[start : start + _BLOCK] += table.astype(np.float64) @ self.table_weights
        if len(self.embedding_weights):
            embedding = encode(features, frame, ["embedding"], cache, progress)["embedding"]
            result += embedding.astype(np.float64) @ self.embedding_weights
        return result

    def encode(
        self, features: Features, frame: pd.DataFrame
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """Return the terms of each row and the table.

        Returns
        -------
        positions
            int64 [n, k]: position of a known term, counted from 1; 0 is padding.
        counts
            float32 [n, k]: how often it occurs in the row.
        table
            float32 [n, width], or [n, 0] where the model does not use it.
        """
        rows: list[Counter[int]] = [Counter() for _ in range(len(frame))]
        if self.terms:
            for row, tokens in zip(rows, features.token_lists(frame), strict=True):
                found = terms_of(tokens, self.ngrams, self.characters, self.buckets)
                row.update(self._index[term] for term in found if term in self._index)
        widest = max((len(row) for row in rows), default=0) or 1
        positions = np.zeros((len(frame), widest), dtype=np.int64)
        counts = np.zeros((len(frame), widest), dtype=np.float32)
        for number, row in enumerate(rows):
            positions[number, : len(row)] = list(row)
            counts[number, : len(row)] = list(row.values())
        table = features.table(frame) if len(self.table_weights) else np.zeros((len(frame), 0), dtype=np.float32)
        return positions, counts, table

    @cached_property
    def _index(self) -> dict[str, int]:
        return {term: position for position, term in enumerate(self.terms, start=1)}

    @cached_property
    def _padded(self) -> Floats:
        """The weights of terms by their positions, [W, 1 + terms]."""
        weights = self.weights.reshape(len(self.terms), len(self.bias))
        return np.ascontiguousarray(np.vstack([np.zeros(len(self.bias)), weights]).T)

    def save(self, folder: Path) -> None:
        """Write `linear.npz` and `terms.json` into a folder."""
        numbers = {name: np.array(getattr(self, name)) for name in _NUMBERS}
        arrays = {
            "bias": self.bias,
            "scales": self.scales,
            "weights": self.weights,
            "table_weights": self.table_weights,
            "embedding_weights": self.embedding_weights,
        }
        content.save(arrays | numbers, folder / ARRAYS)
        content.save(list(self.terms), folder / TERMS)

    @classmethod
    def load(cls, folder: Path) -> Linear:
        """Return what `save` wrote.

        Raises
        ------
        LoopbookError
            If terms and weights do not belong together.
        """
        arrays = content.load(folder / f"{ARRAYS}.npz")
        terms = json.loads((folder / f"{TERMS}.json").read_text(encoding="utf-8"))
        if not len(terms) == len(arrays["weights"]) == len(arrays["scales"]):
            raise LoopbookError(f"{folder}: {len(terms)} terms do not fit {len(arrays['weights'])} weights.")
        numbers = {name: arrays.pop(name).item() for name in _NUMBERS}
        return cls(terms=tuple(terms), **arrays, **numbers)


def terms_of(tokens: Sequence[str], ngrams: int, characters: int = 0, buckets: int = 0) -> list[str]:
    """Return the terms of a row.

    Parameters
    ----------
    tokens
        Of the row, in their order: each is a term.
    ngrams
        Phrases of 2 to so many tokens are terms, joined by a space.
    characters
        Parts of 3 to so many characters of a token, with a blank at both its ends, are terms, behind a ``~``.
    buckets
        Not 0: instead of each term stands the number of its bucket, one of so many, by the term's CRC-32.

    References
    ----------
    Cavnar & Trenkle (1994), N-gram-based text categorization. Weinberger, Dasgupta, Langford, Smola & Attenberg
    (2009), Feature hashing for large scale multitask learning (without its signs).
    """
    phrases = (
        " ".join(tokens[start : start + size])
        for size in range(2, ngrams + 1)
        for start in range(len(tokens) - size + 1)
    )
    parts = (
        f"~{token[start : start + size]}"
        for token in (f" {token} " for token in tokens if characters)
        for size in range(3, characters + 1)
        for start in range(len(token) - size + 1)
    )
    terms = [*tokens, *phrases, *parts]
    return [str(zlib.crc32(term.encode("utf-8", "replace")) % buckets) for term in terms] if buckets else terms


def counted(features: Features, frame: pd.DataFrame, min_rows: int, **how: int) -> tuple[list[str], Any]:
    """Return the terms that occur in enough rows, sorted, and a sparse matrix of their counts [n, terms].

    `how` is given to `terms_of`.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    lists = features.token_lists(frame)
    vectorizer = CountVectorizer(
        analyzer=lambda row: terms_of(lists[row], **how), min_df=min(min_rows, len(lists)), dtype=np.float64
    )
    try:
        counts = vectorizer.fit_transform(range(len(lists)))
    except ValueError as error:
        raise DataError(
            f"No word or phrase of train occurs in at least {min_rows} of its {len(lists)} rows: there is nothing to "
            "learn from. Lower min_rows, or give more rows."
        ) from error
    return [str(term) for term in vectorizer.get_feature_names_out()], counts


def of_terms(
    features: Features, train: pd.DataFrame, goals: Sequence[Goal], C: float, min_rows: int, idf: bool, **how: int
) -> Linear:
    """Fit a linear model to terms, those of each row together of length 1, and to the table where there is one.

    Parameters
    ----------
    C
        As of `fitted`.
    min_rows
        A term counts if at least so many rows of train have it.
    idf
        Whether a term weighs the more the fewer rows of train have it.
    how
        Is given to `terms_of`.
    """
    from scipy import sparse

    terms, counts = counted(features, train, min_rows, **how)
    rows_with = np.asarray((counts > 0).sum(axis=0)).ravel()
    scales = np.log((1 + len(train)) / (1 + rows_with)) + 1 if idf else np.ones(len(terms))
    scaled = counts @ sparse.diags(scales)
    norm = np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
    scaled = sparse.diags(1 / np.where(norm > 0, norm, 1)) @ scaled
    table = features.table(train).astype(np.float64)
    found, bias = fitted(sparse.hstack([scaled, sparse.csr_matrix(table)]).tocsr(), goals, C)
    linear = Linear(bias, tuple(terms), scales, found[: len(terms)], found[len(terms) :], unit=True)
    return replace(linear, **how)  # type: ignore[arg-type]


def fitted(x: Any, goals: Sequence[Goal], C: float) -> tuple[Floats, Floats]:
    """Fit each head on the rows that it knows: logistic regression for classes, ridge regression for a number.

    Parameters
    ----------
    x
        Dense or sparse, [n, columns].
    C
        Inverse strength of the penalty on squared weights, in the mean over the scores of a head.

    Returns
    -------
    weights
        float64 [columns, W].
    bias
        float64 [W].
    """
    parts = []
    for goal in goals:
        known = goal.known
        target, weight = goal.target[known], goal.weight[known]
        fit = ridge if goal.head.numeric else logistic
        # The penalty is on the mean over the scores of a head: each pays as much as the one score of two classes.
        strength = C if goal.head.numeric else C * goal.head.width
        given = x if known.all() else x[known]
        if goal.signs is None:
            weights, bias = fit(given, target, weight, strength)
        else:
            weights, bias = bounded(given, replace(goal, target=target, weight=weight), strength)
        # Of two classes scikit-learn gives the second's score over that of the first.
        lacks = goal.head.width - len(bias)
        parts.append((np.pad(weights, ((0, 0), (lacks, 0))), np.pad(bias, (lacks, 0))))
    return np.column_stack([weights for weights, _ in parts]), np.concatenate([bias for _, bias in parts])


def logistic(x: Any, label: Floats, weight: Floats, C: float) -> tuple[Floats, Floats]:
    """Fit logistic regression and return its coefficients [columns, scores] and biases; of two classes one score."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, max_iter=2_000).fit(x, label, sample_weight=weight)
    return np.asarray(model.coef_.T, dtype=np.float64), np.asarray(model.intercept_, dtype=np.float64)


def bounded(x: Any, goal: Goal, C: float) -> tuple[Floats, Floats]:
    """Fit what `logistic` or `ridge` does, with weights of the signs that the goal's columns are to have.

    Those columns say nothing of a number's spread, so that the probability of lying above a limit keeps to them too.

    Parameters
    ----------
    x
        Its last columns are those of the table.

    References
    ----------
    Zhu, Byrd, Lu & Nocedal (1997), L-BFGS-B: Fortran subroutines for large-scale bound-constrained optimization.
    """
    from scipy import sparse
    from scipy.optimize import minimize

    from loopbook.statistics.scores import sigmoid

    assert goal.signs is not None
    sign = np.concatenate([np.zeros(x.shape[1] - len(goal.signs), dtype=np.int64), goal.signs])
    target, weight, number = goal.target, goal.weight, goal.head.numeric

    def loss(line: Floats) -> tuple[float, Floats]:
        weights, z = line[:-1], x @ line[:-1] + line[-1]
        error = z - target if number else sigmoid(z) - target
        each = error**2 / 2 if number else np.logaddexp(0, z) - target * z
        step = C * weight * error
        return float(C * weight @ each + weights @ weights / 2), np.append(x.T @ step + weights, step.sum())

    bounds = [(0 if one > 0 else None, 0 if one < 0 else None) for one in sign] + [(None, None)]
    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", bounds=bounds, options=_PATIENT).x
    if not number:
        return found[:-1, None], found[-1:]
    error = np.abs(target - x @ found[:-1] - found[-1])
    others = x @ sparse.diags_array((sign == 0).astype(np.float64))
    spread = _spread().fit(others, np.log(np.maximum(error, 0.1 * error.mean())), sample_weight=weight)
    return np.column_stack([found[:-1], spread.coef_]), np.array([found[-1], float(spread.intercept_)])


def ridge(x: Any, target: Floats, weight: Floats, C: float) -> tuple[Floats, Floats]:
    """Fit ridge regression to a number and, to the errors that it makes on rows it was not fitted on, their spread.

    Returns
    -------
    weights
        float64 [columns, 2]: of the middle, and of the logarithm of the spread.
    bias
        float64 [2].
    """
    from sklearn.linear_model import Ridge

    def model() -> Any:
        return Ridge(alpha=1 / C)

    aims = ((model(), target), (_spread(), log_spread(model, x, target, weight)))
    found = [made.fit(x, aim, sample_weight=weight) for made, aim in aims]
    return np.column_stack([each.coef_ for each in found]), np.array([float(each.intercept_) for each in found])


def _spread() -> Any:
    """Return the ridge regression of a spread, as strict as folds bear out: logarithms of errors are mostly chance."""
    from sklearn.linear_model import RidgeCV

    return RidgeCV(alphas=(1, 10, 100, 1_000, 10_000), cv=5)


def log_spread(model: Callable[[], Any], x: Any, target: Floats, weight: Floats) -> Floats:
    """Return the logarithm of the absolute error on each row, by a model that was fitted on other rows, float64 [n].

    An error of less than a tenth of the mean counts as that, because a logarithm would take chance for certainty.
    """
    from sklearn.model_selection import KFold

    apart = np.empty(len(target))
    for rest, held in KFold(min(5, len(target)), shuffle=True, random_state=0).split(target):
        apart[held] = np.abs(
            target[held] - model().fit(x[rest], target[rest], sample_weight=weight[rest]).predict(x[held])
        )
    return np.log(np.maximum(apart, 0.1 * max(float(apart.mean()), 1e-6)))
