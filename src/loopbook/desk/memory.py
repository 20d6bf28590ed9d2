"""Dialogue memory: what a text means after the turns before it (dialogue state tracking by intent).

A text either stays with the subject of the turns before or changes it; how probable the one is, a logistic regression
says, which learns from authored conversations. Answers to a question back are read first: a number, a title, yes, no.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from loopbook.desk.turn import Conversation, Turn

Floats = NDArray[np.float64]
Kind = Literal["question", "choice", "refusal", "courtesy", "person"]

_CHANGES = re.compile(
    r"\b(something else|another (thing|question)|different (thing|question|matter)|by the way|btw|while i'?m here"
    r"|besides|apart from that|next question|new question|one more thing)\b",
    re.IGNORECASE,
)
_REFERS = re.compile(
    r"^(and|or|but|ok(ay)?|then|so|also|what about|how about|what if|even|only|just|no|yes|not|since|it|they)\b"
    r"|\b(it|that|this|them|they|one|there|then|again|too|both|instead|already)\b",
    re.IGNORECASE,
)
_WARM = re.compile(
    r"thank|thanks|thx|ty|cheers|hi|hello|hey|good|morning|evening|afternoon|bye|goodbye|ok|okay|great|perfect|super"
    r"|fine|nice|alright|lovely|wonderful|cool"
)
_FILLERS = re.compile(
    r"|you|there|day|right|a|lot|lots|very|much|so|for|your|the|help|all|god|hm+|well|i|i'?ll|wait|did|done|do|that|to"
    r"|know|got|it|yes|and|then"
)
_PERSON = re.compile(
    r"\b(talk|speak|chat|connect|transfer me|get me|give me|put me through|appointment|call me|reach)\b.{0,40}"
    r"\b(human|person|people|somebody|someone|employee|agent|adviser|advisor|operator|staff|representative|me)\b"
    r"|\b(real|actual|live) (human|person|employee|agent)\b|\b(human|agent|operator)\s*(please|now|!|$)"
    r"|\b(somebody|someone|anybody|anyone) (please )?(call|phone|ring) me\b"
    r"|\b(can|could|will|please) (somebody|someone|anybody|anyone) (please )?(call|phone|ring)\b",
    re.IGNORECASE,
)
_YES = re.compile(
    r"(yes|yep|yeah|y|right|exactly|correct|sure|that one|是|是的|对)( please| thanks| it is)?", re.IGNORECASE
)
_NO = re.compile(
    r"(no|nope|neither|none|none of (these|those|them)|something else|other|nothing of that|不是|都不是)"
    r"( of (these|those|them|the two))?( thanks| thank you)?",
    re.IGNORECASE,
)
_PLACES = (("first", "1st", "one", "1", "former", "第一"), ("second", "2nd", "two", "2", "latter", "第二"),
           ("third", "3rd", "three", "3", "第三"), ("fourth", "4th", "four", "4", "第四"))  # fmt: skip
_ALONE = 3  # words
_AROUND = {"the", "number", "option", "one", "please", "i", "mean", "take"}


@dataclass(frozen=True)
class Memory:
    """How probable it is that a text stays with the subject before it.

    Attributes
    ----------
    weights
        Of a constant and of `features`, float64 [6]. The defaults were learned on the build half of the conversations
        that come with the project.
    """

    weights: tuple[float, ...] = (8.13, 0.84, -1.85, 1.08, -2.14, -1.29)

    def stays(self, text: str, before: int | NDArray[np.int64], probability: Floats) -> float:
        """Return the probability that a text stays with intent number `before`, or with one of several.

        Parameters
        ----------
        text
            What the customer writes.
        before
            The intent of the subject so far; after a question back, those that it offered.
        probability
            What the model says of the text by itself, float64 [intents].
        """
        z = self.weights[0] + float(np.dot(self.weights[1:], features(text, before, probability)))
        return float(1 / (1 + np.exp(-z)))

    def mixed(self, stays: float, before: int, probability: Floats) -> Floats:
        """Return the intents' probabilities of a text that stays with a subject or changes it, float64 [intents]."""
        other = probability.copy()
        other[before] = 0.0
        mixed = (1 - stays) * other / max(other.sum(), 1e-12)
        mixed[before] = stays
        return np.asarray(mixed, dtype=np.float64)


def stands_alone(text: str) -> bool:
    """Return whether the words of a text ask something by themselves: three at least, and none that refers back."""
    return len(text.split()) >= _ALONE and not _REFERS.search(text)


def features(text: str, before: int | NDArray[np.int64], probability: Floats) -> tuple[float, ...]:
    """Return what tells a follow-up from a new subject.

    The log-odds of the intent before against the best other one; whether the words announce a change, or refer to what
    was said; the logarithm of the number of words; and how sure the model is of another intent.
    """
    other = float(np.delete(probability, before).max())
    odds = float(np.clip(np.log((np.max(probability[before]) + 1e-6) / (other + 1e-6)), -5, 5))
    refers, changes = bool(_REFERS.search(text)), bool(_CHANGES.search(text))
    return odds, float(changes), float(refers), float(np.log1p(len(text.split()))), other


def fit(rows: Sequence[tuple[str, int, Floats, bool]]) -> Memory:
    """Learn from texts after a subject: each with `before` and `probability` as of `Memory.stays`, and if it stayed."""
    from sklearn.linear_model import LogisticRegression

    x = np.array([features(text, before, probability) for text, before, probability, _ in rows])
    model = LogisticRegression(C=1.0, class_weight="balanced").fit(x, [stayed for *_, stayed in rows])
    return Memory((float(model.intercept_[0]), *map(float, model.coef_[0])))


def subject(conversation: Conversation) -> Turn | None:
    """Return the turn with which the present subject began: the first of the latest turns of one intent."""
    began: Turn | None = None
    for turn in reversed(conversation.turns):
        if turn.reply.intent is None or turn.reply.act == "clarify":
            continue
        if began is not None and turn.reply.intent != began.reply.intent:
            break
        began = turn
    return began


def kind(text: str) -> Kind:
    """Return whether a text is only polite, asks for a person, or is a question, by its words alone."""
    plain = text.strip().rstrip("!.?,; ")
    if _PERSON.search(plain):
        return "person"
    words = {word.strip(",.!?;:") for word in plain.casefold().split()}
    warm = {word for word in words if _WARM.fullmatch(word)}
    if warm and len(words) <= 7 and all(_FILLERS.fullmatch(word) for word in words - warm):
        return "courtesy"
    return "question"


def choice(text: str, options: Sequence[str], titles: Sequence[Mapping[str, str]]) -> str | Literal["yes", "no"] | None:
    """Return which option a short text chooses: its intent, ``yes``, ``no``, or None where it says something else.

    Parameters
    ----------
    text
        What the customer writes after a question back.
    options
        The intents that were offered, in their order.
    titles
        What customers read of each intent, for each language.
    """
    plain = text.strip().strip("!.?,;\"' ").casefold()
    for option in options:
        if plain in {option.casefold(), *(by.get(option, "").casefold() for by in titles)}:
            return option
    words = [word.strip(",.!?:#个") for word in plain.split()][:6]
    named = [word for word in words if word not in _AROUND] or words[-1:]
    if len(named) == 1:
        at = next((at for at, names in enumerate(_PLACES) if named[0] in names), None)
        at = len(options) - 1 if named[0] == "last" else at
        if at is not None and at < len(options):
            return options[at]
    plain = " ".join(words)
    return "yes" if _YES.fullmatch(plain) else "no" if _NO.fullmatch(plain) else None
