"""Hybrid retrieval: BM25, embeddings of passages and of their sentences, late interaction; the four ranks fused."""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from loopbook.desk import documents
from loopbook.desk.parts import Found
from loopbook.desk.turn import Passage
from loopbook.models.encoders import sentence_encoder

if TYPE_CHECKING:
    from bm25s import BM25

Intents = Callable[[Sequence[str]], NDArray[np.float64]]
"""Texts to the probability of each intent, [n, intents]."""

_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
_DAMPING = 10  # of the ranks, chosen with the rest on the 40 questions that are for choices; 60 was published
_LONGEST = 2_000  # characters of a question that are read


@dataclass(frozen=True)
class Index:
    """Passages that questions are answered from.

    Attributes
    ----------
    passages
        n of them.
    bm25
        Their words.
    vectors
        Their embeddings, [n, 384].
    sentences
        Each sentence below its heading, by its embedding, [m, 384], m >= n.
    owner
        Which passage each sentence is of, [m], rising.
    pieces
        The embedding of each word piece within its passage, [t, 384]: about 160 KB a passage.
    starts
        Where the pieces of each passage begin, [n].
    intents
        What gives the probability of each intent for texts, [n, intents]: it has learned how customers speak; None:
        nothing does.
    subjects
        Of the passages by it, [n, intents].
    """

    passages: tuple[Passage, ...]
    bm25: "BM25"
    vectors: NDArray[np.float32]
    sentences: NDArray[np.float32]
    owner: NDArray[np.int64]
    pieces: NDArray[np.float32]
    starts: NDArray[np.int64]
    intents: Intents | None = None
    subjects: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        passages: Sequence[Passage],
        cache: Path | None = None,
        progress: Callable[[str], object] | None = None,
        intents: Intents | None = None,
    ) -> Self:
        """Return the index of some passages.

        Parameters
        ----------
        passages
            At least one, none of them empty.
        cache
            Folder where embeddings are kept by the text that they are of: a changed document costs its own passages
            and no others.
        progress
            Told how far it is.
        intents
            Of the model that knows the intents, if there is one.
        """
        from bm25s import BM25

        # An address says by file name, title and heading what a passage is about, which the passage itself may not.
        texts = [f"{re.sub(r'[-_.]', ' ', passage.address)}\n{passage.text}" for passage in passages]
        bm25 = BM25()
        bm25.index([words(text) for text in texts], show_progress=False)
        below = [
            (at, f"{passage.address.rpartition(' › ')[2]}: {sentence}")
            for at, passage in enumerate(passages)
            for sentence in documents.sentences(passage.text)
        ]
        vectors = sentence_encoder.embed([*texts, *(text for _, text in below)], cache, progress)
        owner = np.array([at for at, _ in below], dtype=np.int64)
        pieces = sentence_encoder.embed_pieces(texts, progress)
        starts = np.cumsum([0, *map(len, pieces[:-1])], dtype=np.int64)
        return cls(
            tuple(passages),
            bm25,
            vectors[: len(texts)],
            vectors[len(texts) :],
            owner,
            np.concatenate(pieces).astype(np.float32),
            starts,
            intents,
            intents(texts) if intents else None,
        )

    def rows(self, passage: Passage) -> slice:
        """Return where the sentences of one of the passages stand."""
        at = self.passages.index(passage)
        start, end = np.searchsorted(self.owner, [at, at + 1])
        return slice(int(start), int(end))

    def search(self, question: str, most: int = 3) -> list[Found]:
        """Return the passages that fit a question best, best first; none for a question without a word.

        References
        ----------
        Robertson & Zaragoza (2009), The probabilistic relevance framework: BM25 and beyond. Cormack, Clarke & Büttcher
        (2009), Reciprocal rank fusion outperforms Condorcet and individual rank learning methods. Khattab &
        Zaharia (2020), ColBERT: efficient and effective passage search via contextualized late interaction.
        """
        asked = question[:_LONGEST]
        if not _WORD.search(asked):
            return []
        vector = sentence_encoder.embed([asked])[0]
        passage, tokens = self.vectors @ vector, words(asked)
        lexical = self.bm25.get_scores(tokens) if tokens else np.zeros(len(passage))
        starts = np.searchsorted(self.owner, np.arange(len(self.passages)))
        sentence = np.maximum.reduceat(self.sentences @ vector, starts)
        # For each piece of the question its nearest one in the passage.
        near = sentence_encoder.embed_pieces([asked])[0].astype(np.float32) @ self.pieces.T
        late = np.maximum.reduceat(near, self.starts, axis=1).mean(axis=0)
        told = [passage, sentence, late]
        if self.intents is not None and self.subjects is not None:
            told.append(np.sqrt(self.subjects) @ np.sqrt(self.intents([asked])[0]))  # Bhattacharyya's coefficient
        fused = sum((1 / (_DAMPING + ranks(scores)) for scores in told), np.zeros(len(passage)))
        # A passage without a single word of the question has no rank by words.
        fused += np.where(lexical > 0, 1 / (_DAMPING + ranks(lexical)), 0.0)
        order = np.argsort(-fused, kind="stable")[:most]
        return [Found(self.passages[at], float(fused[at]), float(max(passage[at], sentence[at]))) for at in order]


def words(text: str) -> list[str]:
    """Return the stems of a text's words but for stop words, and each Chinese sign for itself."""
    from Stemmer import Stemmer

    found = [word for word in _WORD.findall(text.lower()) if word not in _stop_words()]
    return list(map(str, Stemmer("english").stemWords(found)))


@functools.cache
def _stop_words() -> frozenset[str]:
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    return frozenset(STOPWORDS_EN_PLUS)


def ranks(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the rank of each score, 1 for the highest; of equal ones the first one's is higher."""
    found = np.empty(len(scores), dtype=np.int64)
    found[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return found
