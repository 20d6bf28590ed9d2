"""What the desk is put together from: each part by what it is asked, whoever answers."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from loopbook.desk.turn import Citation, Passage


class Found(NamedTuple):
    """A passage that was retrieved, and how well it fits, higher is better.

    Scores of one search are comparable; `similarity`, the cosine of question and passage, is so from search to search.
    `section` is the address of the part of the passage that fits best.
    """

    passage: Passage
    score: float
    similarity: float
    section: str


class Template(NamedTuple):
    """The best-rated answer among past dialogues near a question.

    `question` is what was answered by it; `similarity` is the cosine of the two questions.
    """

    question: str
    answer: str
    rating: float
    similarity: float


class Retrieval(Protocol):
    """Passages for a question."""

    def search(self, question: str, most: int = 3) -> Sequence[Found]:
        """Return the passages that fit best, best first."""


class Templates(Protocol):
    """Answers that were given before."""

    def best(self, question: str, given: Collection[str] = ()) -> Template | None:
        """Return the best-rated answer of the nearest past dialogues, none of `given`; None where none is near."""


class Composer(Protocol):
    """Answers in sentences of passages."""

    def compose(self, question: str, found: Sequence[Found]) -> Sequence[Citation]:
        """Return the sentences that answer, each contained in its passage; none where nothing answers."""


class Abuse(Protocol):
    """Harmful text."""

    def harmful(self, text: str) -> bool:
        """Return whether a text is harmful or abusive."""


class Outside(Protocol):
    """Questions of no intent."""

    def tail(self, questions: Sequence[str]) -> Sequence[float]:
        """Return for each question how probable such a distance is of one that has an intent: small is outside."""
