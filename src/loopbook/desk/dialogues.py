"""Authored dialogues: conversations of which people say what each turn means, to calibrate the desk and to judge it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pandas as pd

from loopbook.desk import memory as dialogue_memory
from loopbook.desk.memory import Memory
from loopbook.models.seen_rows import Learner
from loopbook.scenario.errors import DataError

Kind = Literal["question", "vague", "follow_up", "change", "correction", "courtesy", "person", "outside", "harmful"]
NEW = ("question", "vague", "change")
"""Kinds of turns that begin a subject."""

_FEWEST = 30  # turns from which the memory is learned


@dataclass(frozen=True)
class Line:
    """A turn as it was authored.

    Attributes
    ----------
    text
        What the customer writes.
    kind
        What it is: `vague` is a question that several intents fit.
    intent
        What is meant; None where it is no intent's.
    asked
        What the customer writes when asked back: ``ordinal`` or ``title`` of the option, or words of their own.
    """

    text: str
    kind: Kind
    intent: str | None = None
    asked: str = "ordinal"


@dataclass(frozen=True)
class Dialogue:
    """A conversation as it was authored; by the `build` half the desk is made, by the `test` half it is judged."""

    id: str
    half: Literal["build", "test"]
    lines: tuple[Line, ...]


def read(path: Path) -> tuple[Dialogue, ...]:
    """Return the dialogues of a file, one JSON object a line: ``id``, ``half``, ``turns``.

    Raises
    ------
    DataError
        If the file is not there, or a line is no dialogue; the message names the line.
    """
    if not path.is_file():
        raise DataError(
            f"The support desk needs {path}, which is not there. Write it, or name another in its settings."
        )
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            said = json.loads(line)
            lines = tuple(Line(**turn) for turn in said["turns"])
            if said["half"] not in ("build", "test") or not {one.kind for one in lines} <= set(get_args(Kind)):
                raise ValueError("an unknown half or kind of turn")
            found.append(Dialogue(said["id"], said["half"], lines))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path.name}, line {number}: no dialogue ({type(error).__name__}: {error}).") from None
    return tuple(found)


def ordinary(dialogues: tuple[Dialogue, ...]) -> list[str]:
    """Return what customers write in the build half that is not harmful."""
    return [line.text for one in dialogues if one.half == "build" for line in one.lines if line.kind != "harmful"]


def memory(dialogues: tuple[Dialogue, ...], model: Learner, field: str) -> Memory:
    """Return the memory that the build half teaches; where it speaks of other intents than the model, the default.

    Few authored turns change the subject; so every question that begins one is also set behind two other subjects,
    once with words that announce a change.
    """
    built = [dialogue.lines for dialogue in dialogues if dialogue.half == "build"]
    after: list[tuple[str, str, str]] = []
    begun: list[tuple[str, str]] = []
    for lines in built:
        before = None
        for line in lines:
            if line.intent is None:
                continue
            after += [(line.text, before, line.intent)] if before else []
            begun += [(line.text, line.intent)] if line.kind in NEW else []
            before = line.intent
    for at, (text, intent) in enumerate(begun):
        for shift, words in ((7, ""), (13, "something else, ")):
            before = begun[(at + shift) % len(begun)][1]
            after += [(words + text, before, intent)] if before != intent else []
    known = [row for row in after if {row[1], row[2]} <= set(model.classes)]
    if len(known) < _FEWEST:
        return Memory()
    said = model.answer(pd.DataFrame({field: [text for text, _, _ in known]})).probability
    rows = [(text, model.classes.index(before), p, before == intent)
            for (text, before, intent), p in zip(known, said, strict=True)]  # fmt: skip
    return dialogue_memory.fit(rows)
