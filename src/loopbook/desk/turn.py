"""Turns of a conversation: what was asked, what the desk replied, and where each sentence stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Act = Literal["answer", "clarify", "hand_over", "decline"]


@dataclass(frozen=True)
class Passage:
    """A piece of a document.

    Attributes
    ----------
    document
        The file's name within its folder.
    address
        File name and heading, or the number of the piece: a person finds it again by this.
    text
        What stands there, as plain text.
    """

    document: str
    address: str
    text: str


@dataclass(frozen=True)
class Citation:
    """A sentence of a reply, and the passage that contains it."""

    sentence: str
    passage: Passage


@dataclass(frozen=True)
class Reply:
    """What the desk says.

    Attributes
    ----------
    act
        ``answer``, ``clarify`` (a question back), ``hand_over`` (to a person) or ``decline`` (harmful text, which is
        never repeated).
    text
        What the customer reads; plain text, to be escaped where it is shown.
    citations
        Where the answer's sentences stand; empty for a template and for the other acts.
    options
        Intents that a clarification offers, most probable first; `Desk.title` says what a customer reads of each.
    intent
        The most probable intent, or None where there is none.
    confidence
        Probability that the answer would be right.
    costs
        Expected cost of each act that was possible.
    reasons
        Why, in sentences for the person who takes over and for the log.
    about
        The question that was answered: the customer's words, or with the turns before them what they mean.
    """

    act: Act
    text: str
    citations: tuple[Citation, ...] = ()
    options: tuple[str, ...] = ()
    intent: str | None = None
    confidence: float = 0.0
    costs: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Turn:
    """What a customer wrote, and what the desk replied."""

    question: str
    reply: Reply


@dataclass(frozen=True)
class Conversation:
    """The turns so far, oldest first."""

    id: str
    turns: tuple[Turn, ...] = ()

    def then(self, question: str, reply: Reply) -> "Conversation":
        """Return the conversation with one turn more."""
        return Conversation(self.id, (*self.turns, Turn(question, reply)))
