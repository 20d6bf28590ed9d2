"""Answer templates: the best-rated answer among the past dialogues nearest to a question."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.desk.parts import Template
from loopbook.models.encoders import sentence_encoder
from loopbook.scenario.errors import DataError

NEAR = 0.55
"""Cosine from which a past question is near; below it, no template fits. Where the desk also asks that both have one
intent, nine of ten templates above it are of the right intent (1,000 authored questions)."""

ALIKE = 0.1
"""What a past question may be less near than the nearest one, and still ask the same."""

GOOD = 4.0
"""Rating from which an answer is given again."""


@dataclass(frozen=True)
class PastDialogues:
    """Questions that were asked, with the embedding of each, [n, 384], its answer and rating from 1 to 5."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    ratings: NDArray[np.float64]
    vectors: NDArray[np.float32]

    @classmethod
    def of(
        cls, table: pd.DataFrame, cache: Path | None = None, progress: Callable[[str], object] | None = None
    ) -> Self:
        """Return the past dialogues of a table with the columns question, answer and rating.

        Raises
        ------
        DataError
            If a rating is no number from 1 to 5.
        """
        ratings = pd.to_numeric(table["rating"], errors="coerce").to_numpy(dtype=np.float64)
        wrong = ~((ratings >= 1) & (ratings <= 5))
        if wrong.any():
            at = int(wrong.argmax())
            raise DataError(f"Dialogue {at + 1} is rated {table['rating'].iloc[at]!r}; write a number from 1 to 5.")
        vectors = sentence_encoder.embed(list(table["question"]), cache, progress)
        return cls(tuple(table["question"]), tuple(table["answer"]), ratings, vectors)

    def best(self, question: str, given: Collection[str] = ()) -> Template | None:
        """Return the best-rated answer of those near a question, of equally rated ones the nearest; none of `given`.

        None where no past question is near, or none of the near ones was answered well.
        """
        if not self.answers or not question.strip():
            return None
        cosine = self.vectors @ sentence_encoder.embed([question])[0]
        near = np.flatnonzero((cosine >= max(NEAR, cosine.max() - ALIKE)) & (self.ratings >= GOOD))
        near = near[[self.answers[row] not in given for row in near]]
        if not len(near):
            return None
        at = max(near, key=lambda row: (self.ratings[row], cosine[row]))
        return Template(self.questions[at], self.answers[at], float(self.ratings[at]), float(cosine[at]))
