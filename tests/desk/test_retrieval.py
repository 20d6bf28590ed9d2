from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from loopbook.desk.retrieval import Index, ranks, words
from loopbook.desk.turn import Passage

PASSAGES = [
    Passage("card.md", "card.md › Cards › Lost", "Block the card in the app. A new one costs 10 euro."),
    Passage("card.md", "card.md › Cards › Abroad", "Cash outside the euro area costs 2.5 percent."),
    Passage("loan.md", "loan.md › Loan", "The rate lies between 5.9 and 9.9 percent. The form is called ZX-81."),
]


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.of(PASSAGES)


@pytest.mark.parametrize(
    ("question", "address"),
    [
        ("somebody stole my purse with the plastic in it", "card.md › Cards › Lost"),
        ("fees when I withdraw money on holiday in Japan", "card.md › Cards › Abroad"),
        ("where do I find ZX-81?", "loan.md › Loan"),
    ],
)
def test_the_right_passage_is_first_by_meaning_or_by_words(index: Index, question: str, address: str) -> None:
    found = index.search(question)
    assert found[0].passage.address == address
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@pytest.mark.parametrize("question", ["", "   ", "?!…", "\n", "\ud800"])
def test_a_question_without_a_word_finds_nothing(index: Index, question: str) -> None:
    assert index.search(question) == []


@pytest.mark.parametrize("question", ["the of and", "卡丢了怎么办", "x" * 50_000, "card \ud800"])
def test_odd_questions_are_no_crash(index: Index, question: str) -> None:
    assert len(index.search(question, most=2)) == 2


def test_rows_are_the_sentences_of_a_passage(index: Index) -> None:
    assert [index.rows(passage) for passage in PASSAGES] == [slice(0, 2), slice(2, 3), slice(3, 5)]


def test_words_are_stems_without_stop_words_and_chinese_signs() -> None:
    assert words("The cards were blocked") == ["card", "block"]
    assert words("卡丢了") == ["卡", "丢", "了"]


def test_ranks() -> None:
    assert ranks(np.array([0.1, 0.9, 0.9, 0.5])).tolist() == [4, 1, 2, 3]


def test_a_passage_of_the_question_s_intent_gains_most() -> None:
    def intents(texts: Sequence[str]) -> NDArray[np.float64]:
        abroad = np.array([("euro area" in text) or ("zloty" in text) for text in texts], dtype=np.float64)
        return np.column_stack([0.02 + 0.96 * abroad, 0.98 - 0.96 * abroad])

    index = Index.of(PASSAGES, intents=intents)
    scores = [
        {each.passage: each.score for each in of.search("what do you take for zloty")}
        for of in (index, replace(index, intents=None))
    ]
    gains = [scores[0][passage] - scores[1][passage] for passage in PASSAGES]
    assert np.argmax(gains) == 1
    assert min(gains) > 0
