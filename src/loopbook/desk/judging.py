"""Judging the desk: authored dialogues played with it, and what of each turn was right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from loopbook.desk.desk import Desk
from loopbook.desk.dialogues import Dialogue, Line
from loopbook.desk.turn import Act, Conversation, Reply
from loopbook.statistics import bootstrap
from loopbook.statistics.intervals import Interval

Fits = Callable[[Reply, str], bool]
"""Whether an answer's source is about an intent."""

_PLACES = ("the first one", "the second", "3")
_EXPECTED: dict[str, Act] = {"courtesy": "answer", "person": "hand_over", "outside": "hand_over", "harmful": "decline"}


@dataclass(frozen=True)
class Outcome:
    """What became of a turn.

    Attributes
    ----------
    line
        The turn as it was authored.
    reply
        The desk's last word on it.
    clarified
        Whether the desk asked back first.
    right
        Whether the right thing was done: the intent's answer, not one that was given before; a person where one was
        asked for or no intent fits; harmful text declined.
    """

    line: Line
    reply: Reply
    clarified: bool
    right: bool

    @property
    def wrong(self) -> bool:
        """Whether an answer was given that does not answer."""
        return self.reply.act == "answer" and not self.right

    @property
    def needless(self) -> bool:
        """Whether the desk asked back though the question was plain."""
        return self.clarified and self.line.kind != "vague"


def play(desk: Desk, dialogue: Dialogue, fits: Fits | None = None, minutes: float = 0.0) -> list[Outcome]:
    """Return what becomes of each turn of a dialogue.

    Asked back, the customer answers as authored, or says that nothing fits. After a hand-over the customer goes on.

    Parameters
    ----------
    fits
        What judges an answer beside its intent; None: the intent alone.
    minutes
        Expected minutes until a person writes.
    """
    conversation, found = Conversation(dialogue.id), []
    for line in dialogue.lines:
        said = {turn.reply.text for turn in conversation.turns}
        reply = desk.reply(conversation, line.text, minutes)
        conversation = conversation.then(line.text, reply)
        clarified = reply.act == "clarify"
        if clarified:
            text = answer(desk, line, reply.options)
            reply = desk.reply(conversation, text, minutes)
            conversation = conversation.then(text, reply)
        found.append(Outcome(line, reply, clarified, _right(line, reply, said, fits)))
    return found


def answer(desk: Desk, line: Line, options: Sequence[str]) -> str:
    """Return what the customer of an authored turn writes when asked back."""
    if line.intent is None or line.intent not in options:
        return "none of these"
    if line.asked == "ordinal":
        return _PLACES[options.index(line.intent)]
    return desk.title(line.intent) if line.asked == "title" else line.asked


def table(outcomes: Sequence[Sequence[Outcome]]) -> pd.DataFrame:
    """Return the share of each thing that can become of a dialogue or turn, with its interval by dialogues.

    Returns
    -------
    DataFrame
        A row a measure of which there is something to tell: `measure`, turns (or dialogues) that it is `of`, `value`,
        `low`, `high`.
    """
    rows = []
    for name, of in MEASURES.items():
        values = [(at, of(one)) for at, played in enumerate(outcomes) for one in played]
        known = [(at, float(value)) for at, value in values if value is not None]
        rows += [(name, len(known), *_mean(known))] if known else []
    whole = [(at, float(all(one.right for one in played))) for at, played in enumerate(outcomes)]
    rows.insert(0, ("dialogues resolved", len(whole), *_mean(whole)))
    return pd.DataFrame(rows, columns=["measure", "of", "value", "low", "high"])


def _follows(one: Outcome) -> bool:
    return one.line.kind in ("follow_up", "correction")


MEASURES: dict[str, Callable[[Outcome], bool | None]] = {
    "turns right": lambda one: one.right,
    "follow-ups right": lambda one: one.right if _follows(one) else None,
    "follow-ups understood": lambda one: one.reply.intent == one.line.intent if _follows(one) else None,
    "changes of subject right": lambda one: one.right if one.line.kind == "change" else None,
    "vague questions right": lambda one: one.right if one.line.kind == "vague" else None,
    "needless clarifications": lambda one: one.needless if one.line.kind != "vague" else None,
    "wrong answers": lambda one: one.wrong,
    "handed over": lambda one: one.reply.act == "hand_over",
}


def _mean(known: Sequence[tuple[int, float]]) -> Interval:
    frame = pd.DataFrame(known, columns=["dialogue", "value"])
    return bootstrap.mean(frame["value"].to_numpy(), frame["dialogue"].to_numpy(), 2_000, 1)


def _right(line: Line, reply: Reply, said: set[str], fits: Fits | None) -> bool:
    if line.kind in _EXPECTED:
        return reply.act == _EXPECTED[line.kind] and (line.kind != "courtesy" or reply.intent is None)
    if reply.act != "answer" or reply.intent != line.intent or line.intent is None or reply.text in said:
        return False
    return fits is None or fits(reply, line.intent)
