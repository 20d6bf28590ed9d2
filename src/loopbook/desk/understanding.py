"""Understanding: what a customer wants, by the model and by the turns before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from loopbook.desk import memory
from loopbook.desk.memory import Floats, Memory
from loopbook.desk.parts import Outside
from loopbook.desk.turn import Conversation, Reply
from loopbook.models.seen_rows import Learner

CHOSEN = 0.97
"""Probability that a customer who chooses an option means it."""

_STRANGER = 0.4
"""Of the level of a question by itself: what a text that refers to nothing must stay below to be of no intent, though
it seems to go on. Chosen on the build half of the dialogues: none of its follow-ups is lost."""

_OFFERED = 3.0  # how much more probable an intent is that was offered, where the customer answers in other words


@dataclass(frozen=True)
class Meaning:
    """What a text is about.

    Attributes
    ----------
    about
        The question by itself: the text, or with the turns before it what it means.
    probability
        Of each intent, float64 [intents]; what is missing to 1 is the probability that it is none of them.
    reasons
        Why, in sentences.
    """

    about: str
    probability: Floats
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Understanding:
    """What reads texts.

    Attributes
    ----------
    model
        What knows the intents.
    field
        The text field that it reads.
    titles
        What customers read of an intent, by language and intent.
    outside, level
        What recognises questions of no intent, and the share of questions with one that it may take for such.
    memory
        None: every text is read by itself.
    """

    model: Learner
    field: str
    titles: Mapping[str, Mapping[str, str]]
    outside: Outside | None
    level: float
    memory: Memory | None

    def title(self, intent: str, language: str = "en") -> str:
        """Return what a customer reads of an intent; of one without a title, its name in words."""
        return self.titles.get(language, {}).get(intent) or intent.replace("_", " ").capitalize()

    def read(self, conversation: Conversation, text: str) -> Meaning | None:
        """Return what a text is about; None where it says that nothing of what was offered is meant."""
        last = conversation.turns[-1].reply if conversation.turns else None
        if self.memory is None or last is None:
            return self._alone(text)
        if last.act == "clarify":
            return self._answered(last, text, self.memory)
        return self._later(conversation, text, self.memory)

    def _alone(self, text: str) -> Meaning:
        (p,) = self.probabilities([text])
        if self._is_outside(text):
            return Meaning(text, p * 0.0, ("The question is unlike all that have an intent.",))
        return Meaning(text, p)

    def _answered(self, asked: Reply, text: str, known: Memory) -> Meaning | None:
        """Read what follows a question back: a choice, an answer in other words, or another subject."""
        choice = memory.choice(text, asked.options, tuple(self.titles.values()))
        if choice == "no":
            return None
        offered = np.isin(self.model.classes, asked.options)
        if choice == "yes":
            (p,) = self.probabilities([asked.about])
            return Meaning(asked.about, _normal(p * offered), ("The customer says yes to what was offered.",))
        if choice is not None:
            p = np.where(np.asarray(self.model.classes) == choice, CHOSEN, 0.0)
            about = f"{asked.about} {self.title(choice)}"
            return Meaning(about, p, (f"The customer chose {choice}.",))
        about = f"{asked.about} {text}"
        alone, joined = self.probabilities([text, about])
        stays = known.stays(text, np.flatnonzero(offered), alone)
        if stays < 0.5 or self._is_unlike(text, stays):
            new = self._alone(text)
            return replace(new, reasons=("The customer asks something else instead of answering.", *new.reasons))
        p = _normal(np.sqrt(alone * joined) * np.where(offered, _OFFERED, 1.0))
        return Meaning(about, p, ("The customer answered the question back in other words.",))

    def _later(self, conversation: Conversation, text: str, known: Memory) -> Meaning:
        """Read a text after others: it stays with the subject, changes it, or is outside all of them."""
        began = memory.subject(conversation)
        if began is None or began.reply.intent not in self.model.classes:
            return self._alone(text)
        before = self.model.classes.index(began.reply.intent)
        (p,) = self.probabilities([text])
        stays = known.stays(text, before, p)
        if self._is_unlike(text, stays):
            return Meaning(text, p * 0.0, ("The text is a new question, unlike all that have an intent.",))
        mixed = known.mixed(stays, before, p)
        if mixed.argmax() != before:
            return Meaning(text, mixed, (f"The subject changes (probability {1 - stays:.2f}).",))
        reason = f"The text goes on about {began.reply.intent} (probability {stays:.2f})."
        return Meaning(f"{began.reply.about} {text}", mixed, (reason,))

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """Return the probability of each intent for each text by itself, float64 [n, intents]."""
        return self.model.answer(pd.DataFrame({self.field: list(texts)})).probability

    def _is_unlike(self, text: str, stays: float) -> bool:
        """Return whether a text after others is a new question of no intent: follow-ups are unlike questions too."""
        level = self.level if stays < 0.5 else _STRANGER * self.level if memory.stands_alone(text) else 0.0
        return level > 0 and self._is_outside(text, level)

    def _is_outside(self, text: str, level: float | None = None) -> bool:
        return self.outside is not None and float(self.outside.tail([text])[0]) <= (level or self.level)


def _normal(p: Floats) -> Floats:
    return np.asarray(p / max(float(p.sum()), 1e-12), dtype=np.float64)
