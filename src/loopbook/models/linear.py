"""A linear model on words and table columns: the form of plain baselines, kept as plain arrays, without pickle."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from loopbook.scenario.errors import DataError, LoopbookError
from loopbook.store import content

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features

Floats = NDArray[np.float64]

ARRAYS, TERMS = "linear", "terms"
_BLOCK = 4_096  # rows at a time, to bound the padded arrays


def _none() -> Floats:
    return np.zeros(0)


@dataclass(frozen=True)
class Linear:
    """The logit ``bias + x · weights + table · table_weights``, where x holds a row's terms.

    x is the count of each term times `scales`, divided by its length if `unit`: TF-IDF with the inverse document
    frequency as scale.

    Attributes
    ----------
    bias
        The logit of a row without known terms, where the table is zero.
    terms
        Words, and phrases of up to `ngrams` words joined by a space.
    scales, weights
        One for each term, float64.
    table_weights
        One for each column of the table, float64; empty where the table is not used.
    """

    bias: float
    terms: tuple[str, ...] = ()
    scales: Floats = field(default_factory=_none)
    weights: Floats = field(default_factory=_none)
    table_weights: Floats = field(default_factory=_none)
    ngrams: int = 1
    unit: bool = False

    family: ClassVar[Literal["network", "plain"]] = "plain"

    @property
    def parameters(self) -> int:
        """Numbers that were learnt."""
        return len(self.weights) + len(self.table_weights) + 1

    @property
    def learnt(self) -> Mapping[str, NDArray[np.float64]]:
        """What was learnt, by name, for histograms."""
        return {"weights/terms": self.weights, "weights/table": self.table_weights}

    def logits(self, features: Features, frame: pd.DataFrame, *_: Any) -> Floats:
        """Return the logit of each row, float64 [n]."""
        result = np.empty(len(frame))
        for start in range(0, len(frame), _BLOCK):
            block = frame.iloc[start : start + _BLOCK]
            positions, counts, table = self.encode(features, block)
            scaled = counts * np.append(0.0, self.scales)[positions]
            if self.unit:
                norm = np.sqrt((scaled**2).sum(axis=1, keepdims=True))
                scaled = scaled / np.where(norm > 0, norm, 1)
            logits = (scaled * np.append(0.0, self.weights)[positions]).sum(axis=1) + self.bias
            result[start : start + _BLOCK] = logits + table.astype(np.float64) @ self.table_weights
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
                row.update(self._index[term] for term in terms_of(tokens, self.ngrams) if term in self._index)
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

    def save(self, folder: Path) -> None:
        """Write `linear.npz` and `terms.json` into a folder."""
        numbers = {"bias": np.array(self.bias), "ngrams": np.array(self.ngrams), "unit": np.array(self.unit)}
        arrays = {"scales": self.scales, "weights": self.weights, "table_weights": self.table_weights}
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
        numbers = {name: arrays.pop(name).item() for name in ("bias", "ngrams", "unit")}
        return cls(terms=tuple(terms), **arrays, **numbers)


def terms_of(tokens: Sequence[str], ngrams: int) -> list[str]:
    """Return the tokens and the phrases of 2 to `ngrams` of them, joined by a space."""
    phrases = (
        " ".join(tokens[start : start + size])
        for size in range(2, ngrams + 1)
        for start in range(len(tokens) - size + 1)
    )
    return [*tokens, *phrases]


def counted(features: Features, frame: pd.DataFrame, ngrams: int, min_rows: int) -> tuple[list[str], Any]:
    """Return the terms that occur in enough rows, sorted, and a sparse matrix of their counts [n, terms]."""
    from sklearn.feature_extraction.text import CountVectorizer

    lists = features.token_lists(frame)
    vectorizer = CountVectorizer(
        analyzer=lambda row: terms_of(lists[row], ngrams), min_df=min(min_rows, len(lists)), dtype=np.float64
    )
    try:
        counts = vectorizer.fit_transform(range(len(lists)))
    except ValueError as error:
        raise DataError(
            f"No word or phrase of train occurs in at least {min_rows} of its {len(lists)} rows: there is nothing to "
            "learn from. Lower min_rows, or give more rows."
        ) from error
    return [str(term) for term in vectorizer.get_feature_names_out()], counts


def logistic(x: Any, label: Floats, weight: Floats, C: float) -> tuple[Floats, float]:
    """Fit logistic regression and return its coefficients and its bias; `C` is the inverse strength of the penalty."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, max_iter=2_000).fit(x, label, sample_weight=weight)
    return np.asarray(model.coef_[0], dtype=np.float64), float(model.intercept_[0])
