"""Hybrid retrieval: BM25, embeddings, late interaction, known questions (document expansion); the ranks fused."""

import functools
import logging
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

_log = logging.getLogger(__name__)
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+")
_DAMPING = 10  # of the ranks, chosen with the rest on the questions that are for choices; 60 was published
_LONGEST = 2_000  # characters of a question that are read


@dataclass(frozen=True)
class Index:
    """Passages that questions are answered from; their sections are what is scored.

    Attributes
    ----------
    passages
        Neighbouring sections together, as `documents.merged` makes them.
    addresses
        Of the n sections.
    place
        Which passage each section is in, [n], rising.
    bm25
        The sections' words.
    vectors
        Their embeddings, [n, 384].
    sentences
        Each sentence below its heading, by its embedding, [m, 384], m >= n.
    owner
        Which section each sentence is of, [m], rising.
    known
        Questions whose section a person has named, by their embeddings, [a, 384].
    answered
        Which section answers each of them, [a].
    pieces
        The embedding of each word piece within its section, [t, 384]: about 160 KB a section.
    starts
        Where the pieces of each section begin, [n].
    intents
        What gives the probability of each intent for texts, [n, intents]: it has learned how customers speak; None:
        nothing does.
    subjects
        Of the sections by it, [n, intents].
    """

    passages: tuple[Passage, ...]
    addresses: tuple[str, ...]
    place: NDArray[np.int64]
    bm25: "BM25"
    vectors: NDArray[np.float32]
    sentences: NDArray[np.float32]
    owner: NDArray[np.int64]
    known: NDArray[np.float32]
    answered: NDArray[np.int64]
    pieces: NDArray[np.float32]
    starts: NDArray[np.int64]
    intents: Intents | None = None
    subjects: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        sections: Sequence[Passage],
        cache: Path | None = None,
        progress: Callable[[str], object] | None = None,
        intents: Intents | None = None,
        known: Sequence[tuple[str, str, str]] = (),
    ) -> Self:
        """Return the index of some sections.

        Parameters
        ----------
        sections
            As `documents.read` returns them: at least one, none of them empty.
        cache
            Folder where embeddings are kept by the text that they are of: a changed document costs its own sections
            and no others.
        progress
            Told how far it is.
        intents
            Of the model that knows the intents, if there is one.
        known
            Questions that a person has matched: each with the document and the heading that answer it.

        References
        ----------
        Nogueira, Yang, Lin & Cho (2019), Document expansion by query prediction: a section is found by what was asked
        of it, too. Here people wrote the questions.
        """
        from bm25s import BM25

        asked = _matched(sections, known)
        # An address says by file name, title and heading what a section is about, which the section itself may not.
        texts = [
            "\n".join([re.sub(r"[-_.]", " ", section.address), section.text, *(text for of, text in asked if of == at)])
            for at, section in enumerate(sections)
        ]
        bm25 = BM25()
        bm25.index([words(text) for text in texts], show_progress=False)
        below = [
            (at, f"{section.address.rpartition(' › ')[2]}: {sentence}")
            for at, section in enumerate(sections)
            for sentence in documents.sentences(section.text)
        ]
        owner, answered = (np.array([at for at, _ in rows], dtype=np.int64) for rows in (below, asked))
        both = [*texts, *(text for _, text in [*below, *asked])]
        vectors, sentences, questions = np.split(
            sentence_encoder.embed(both, cache, progress), [len(texts), len(texts) + len(below)]
        )
        pieces = sentence_encoder.embed_pieces(texts, cache, progress)
        passages, place = documents.merged(sections)
        return cls(
            tuple(passages),
            tuple(section.address for section in sections),
            place,
            bm25,
            vectors,
            sentences,
            owner,
            questions,
            answered,
            np.concatenate(pieces).astype(np.float32),
            np.cumsum([0, *map(len, pieces[:-1])], dtype=np.int64),
            intents,
            intents(texts) if intents else None,
        )

    def rows(self, passage: Passage) -> slice:
        """Return where the sentences of one of the passages stand."""
        at = self.passages.index(passage)
        start, end = np.searchsorted(self.place[self.owner], [at, at + 1])
        return slice(int(start), int(end))

    def scores(self, question: str) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return how well each section fits a question, and how similar it is, [n] each.

        References
        ----------
        Robertson & Zaragoza (2009), The probabilistic relevance framework: BM25 and beyond. Cormack, Clarke & Büttcher
        (2009), Reciprocal rank fusion outperforms Condorcet and individual rank learning methods. Khattab &
        Zaharia (2020), ColBERT: efficient and effective passage search via contextualized late interaction.
        """
        vector = sentence_encoder.embed([question])[0]
        whole, tokens = self.vectors @ vector, words(question)
        lexical = self.bm25.get_scores(tokens) if tokens else np.zeros(len(whole))
        nearest = np.maximum.reduceat(self.sentences @ vector, np.searchsorted(self.owner, np.arange(len(whole))))
        np.maximum.at(nearest, self.answered, self.known @ vector)
        # For each piece of the question its nearest one in the section.
        near = sentence_encoder.embed_pieces([question])[0].astype(np.float32) @ self.pieces.T
        late = np.maximum.reduceat(near, self.starts, axis=1).mean(axis=0)
        told = [whole, nearest, late]
        if self.intents is not None and self.subjects is not None:
            told.append(np.sqrt(self.subjects) @ np.sqrt(self.intents([question])[0]))  # Bhattacharyya's coefficient
        fused = sum((1 / (_DAMPING + ranks(scores)) for scores in told), np.zeros(len(whole)))
        # A section without a single word of the question has no rank by words.
        fused += np.where(lexical > 0, 1 / (_DAMPING + ranks(lexical)), 0.0)
        return fused, np.maximum(whole, nearest)

    def search(self, question: str, most: int = 3) -> list[Found]:
        """Return the passages that fit a question best, best first; none for a question without a word.

        A passage fits as well as the best of its sections.
        """
        asked = question[:_LONGEST]
        if not _WORD.search(asked):
            return []
        fused, similarity = self.scores(asked)
        best: dict[int, int] = {}
        for section in np.argsort(-fused, kind="stable"):
            best.setdefault(int(self.place[section]), int(section))
        return [
            Found(self.passages[at], float(fused[section]), float(similarity[section]), self.addresses[section])
            for at, section in list(best.items())[:most]
        ]


def answers(passage: Passage, document: str, heading: str) -> bool:
    """Return whether a passage holds the section under a heading of a document, or a piece of it."""
    return passage.document == document and heading.split(" (")[0] in documents.headings(passage)


def _matched(sections: Sequence[Passage], known: Sequence[tuple[str, str, str]]) -> list[tuple[int, str]]:
    """Return known questions, each with the number of the section that answers it; others are told and left out."""
    found: list[tuple[int, str]] = []
    for question, document, heading in known:
        at = next((at for at, section in enumerate(sections) if answers(section, document, heading)), None)
        if at is None:
            _log.warning('No document has the place "%s › %s", which a known question names.', document, heading)
        else:
            found.append((at, question))
    return found


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
