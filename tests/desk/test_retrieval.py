from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from loopbook.desk import documents
from loopbook.desk.retrieval import Index, answers, ranks, words
from loopbook.desk.turn import Passage

SECTIONS = [
    Passage("card.md", "card.md › Cards › Lost", "Block the card in the app. A new one costs 10 euro."),
    Passage("card.md", "card.md › Cards › Abroad", "Cash outside the euro area costs 2.5 percent."),
    Passage("loan.md", "loan.md › Loan", "The rate lies between 5.9 and 9.9 percent. The form is called ZX-81."),
]


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.of(SECTIONS)


@pytest.mark.parametrize(
    ("question", "address"),
    [
        ("somebody stole my purse with the plastic in it", "card.md › Cards › Lost"),
        ("fees when I withdraw money on holiday in Japan", "card.md › Cards › Abroad"),
        ("where do I find ZX-81?", "loan.md › Loan"),
    ],
)
def test_the_right_section_is_first_by_meaning_or_by_words(index: Index, question: str, address: str) -> None:
    found = index.search(question)
    assert found[0].section == address
    assert answers(found[0].passage, found[0].passage.document, address.rpartition(" › ")[2])
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


@pytest.mark.parametrize("question", ["", "   ", "?!…", "\n", "\ud800"])
def test_a_question_without_a_word_finds_nothing(index: Index, question: str) -> None:
    assert index.search(question) == []


@pytest.mark.parametrize("question", ["the of and", "卡丢了怎么办", "x" * 50_000, "card \ud800"])
def test_odd_questions_are_no_crash(index: Index, question: str) -> None:
    assert len(index.search(question, most=2)) == 2


def test_neighbouring_sections_are_one_passage_that_is_as_good_as_its_best(index: Index) -> None:
    assert [passage.address for passage in index.passages] == ["card.md › Cards › Lost · Abroad", "loan.md › Loan"]
    assert index.place.tolist() == [0, 0, 1]
    (first, other), (scores, similar) = index.search("cash on holiday"), index.scores("cash on holiday")
    assert first.section == "card.md › Cards › Abroad"
    assert (first.score, first.similarity) == (scores[:2].max(), similar[scores[:2].argmax()])
    assert other.score == scores[2]


def test_rows_are_the_sentences_of_a_passage(index: Index) -> None:
    assert [index.rows(passage) for passage in index.passages] == [slice(0, 3), slice(3, 5)]
    assert [len(documents.sentences(passage.text)) for passage in index.passages] == [3, 2]


def test_a_passage_answers_for_its_headings_alone(index: Index) -> None:
    card = index.passages[0]
    assert answers(card, "card.md", "Lost") and answers(card, "card.md", "Abroad")
    assert not answers(card, "card.md", "Cards") and not answers(card, "loan.md", "Lost")


def test_a_known_question_leads_to_its_section_and_an_unknown_place_is_told(caplog: pytest.LogCaptureFixture) -> None:
    known = [("what does a greenback cost me", "card.md", "Abroad"), ("why", "card.md", "Nowhere")]
    index = Index.of(SECTIONS, known=known)
    assert "card.md › Nowhere" in caplog.text
    assert index.known.shape == (1, 384) and index.answered.tolist() == [1]
    assert index.search("greenbacks, how much")[0].section == "card.md › Cards › Abroad"
    assert len(index.sentences) == len(index.owner) == 5, "no answer is composed of a question"


def test_words_are_stems_without_stop_words_and_chinese_signs() -> None:
    assert words("The cards were blocked") == ["card", "block"]
    assert words("卡丢了") == ["卡", "丢", "了"]


def test_ranks() -> None:
    assert ranks(np.array([0.1, 0.9, 0.9, 0.5])).tolist() == [4, 1, 2, 3]


def test_a_section_of_the_question_s_intent_gains_most() -> None:
    def intents(texts: Sequence[str]) -> NDArray[np.float64]:
        abroad = np.array([("euro area" in text) or ("zloty" in text) for text in texts], dtype=np.float64)
        return np.column_stack([0.02 + 0.96 * abroad, 0.98 - 0.96 * abroad])

    index = Index.of(SECTIONS, intents=intents)
    told, untold = (of.scores("what do you take for zloty")[0] for of in (index, replace(index, intents=None)))
    assert np.argmax(told - untold) == 1
    assert min(told - untold) > 0
