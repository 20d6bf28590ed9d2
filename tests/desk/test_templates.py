import pandas as pd
import pytest

from loopbook.desk.templates import PastDialogues
from loopbook.scenario.errors import DataError

ROWS = [
    ("I lost my card", "Contact us.", "2"),
    ("my card is lost, what now", "Block it in the app.", "5"),
    ("I've lost my bank card", "Block it, please.", "4"),
    ("what interest do you pay on savings", "See the website.", "1"),
]


def table(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["question", "answer", "rating"])


def test_of_the_near_dialogues_the_best_rated_answers() -> None:
    found = PastDialogues.of(table(ROWS)).best("help, I lost my card")
    assert found is not None
    assert (found.answer, found.rating) == ("Block it in the app.", 5.0)
    assert found.question == "my card is lost, what now"
    assert 0.55 < found.similarity <= 1


@pytest.mark.parametrize("question", ["how do I boil an egg", "what interest is there on savings", "", "  "])
def test_nothing_where_no_dialogue_is_near_or_none_was_good(question: str) -> None:
    assert PastDialogues.of(table(ROWS)).best(question) is None


@pytest.mark.parametrize("rating", ["6", "0", "good", "nan"])
def test_a_rating_is_a_number_from_1_to_5(rating: str) -> None:
    with pytest.raises(DataError, match=r"Dialogue 2 is rated"):
        PastDialogues.of(table([ROWS[0], ("a", "b", rating)]))
