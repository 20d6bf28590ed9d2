"""The support desk: what it replies, by which act, and that it is the same each time."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopbook.desk import authored
from loopbook.desk.desk import Desk
from loopbook.desk.memory import Memory
from loopbook.desk.parts import Template
from loopbook.desk.turn import Conversation
from loopbook.desk.understanding import Understanding
from loopbook.models.answers import Answers
from loopbook.scenario.desk import DeskSettings
from loopbook.scenario.errors import DataError

CLASSES = ("balance", "card_lost", "fees")


@dataclass(frozen=True)
class Words:
    """A model that knows an intent by a word: how sure it is stands in the text's other words."""

    classes: tuple[str, ...] = CLASSES
    features: None = None
    learned: None = None

    def answer(self, frame: pd.DataFrame, *_: object) -> Answers:
        rows = []
        for text in frame["text"]:
            hits = np.array([0.02 + (name.split("_")[0] in text) for name in CLASSES])
            rows.append(hits / hits.sum())
        return Answers(np.array(rows), CLASSES)


@pytest.fixture
def desk() -> Desk:
    titles = {"en": {"balance": "My balance", "card_lost": "A lost card", "fees": "What it costs"}, "zh": {}}
    understanding = Understanding(Words(), "text", titles, None, 0.05, Memory())  # type: ignore[arg-type]
    return Desk(DeskSettings(), understanding, templates=Past())


class Past:
    """One past dialogue an intent."""

    def best(self, question: str, given: Collection[str] = ()) -> Template | None:
        found = [name for name in CLASSES if name.split("_")[0] in question]
        found = [name for name in found if f"All about {name}." not in given]
        return Template(f"my {found[0]}", f"All about {found[0]}.", 4.5, 0.9) if found else None


@pytest.mark.parametrize(
    ("text", "act"), [("my balance", "answer"), ("card or fees", "clarify"), ("card fees balance", "clarify")]
)
def test_a_sure_question_is_answered_and_one_between_intents_asked_back(desk: Desk, text: str, act: str) -> None:
    reply = desk.reply(Conversation("c"), text)
    assert reply.act == act
    assert reply == desk.reply(Conversation("c"), text)
    assert bool(reply.options) == (act == "clarify")


def test_an_authored_table_says_where_it_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "intents.csv"
    file.write_text("intent,title_en\nbalance,My balance\nfees,\n")
    with pytest.raises(DataError, match="line 3: a value is empty"):
        authored.read(file, "intent", "title_en")
    with pytest.raises(DataError, match="no column 'title_zh'"):
        authored.read(file, "intent", "title_zh")
    with pytest.raises(DataError, match="is not there"):
        authored.read(tmp_path / "none.csv", "intent")
