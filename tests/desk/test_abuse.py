from pathlib import Path

import pandas as pd
import pytest

from loopbook.desk import abuse, authored
from loopbook.desk.abuse import Recogniser
from loopbook.scenario.errors import DataError

FOLDER = Path(__file__).resolve().parents[2] / "notebooks" / "scenarios" / "desk"


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    table = authored.read(FOLDER / "abuse.csv", "text", "harmful")
    past = authored.read(FOLDER / "dialogues.csv", "question", "answer")
    return Recogniser.of(table, list(past["question"]))


@pytest.mark.parametrize(
    "text",
    [
        "you are all brainless idiots",
        "I will come round and kill you all",
        "y0u 1di0t",
        "foreigners are vermin, throw them out of the bank",
    ],
)
def test_harmful_text_that_it_has_not_seen_is_recognised(recogniser: Recogniser, text: str) -> None:
    assert recogniser.harmful(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "how do I block a lost card",
        "please kill my standing order of 50 euro",
        "my phone died, how do I sign in",
    ],
)
def test_what_only_looks_so_is_not(recogniser: Recogniser, text: str) -> None:
    assert not recogniser.harmful(text)


def test_cross_validation_judges_each_line_once_by_a_model_that_has_not_seen_it() -> None:
    table = authored.read(FOLDER / "abuse.csv", "text", "harmful", "kind").groupby("harmful").head(40)
    judged = abuse.cross_validated(table, ["how do I open an account"], count=4)
    assert len(judged) == 80
    assert judged["probability"].between(0, 1).all()
    found = judged["probability"] >= 0.5
    assert found[judged["harmful"] == "yes"].mean() > found[judged["harmful"] == "no"].mean() + 0.3


@pytest.mark.parametrize("text", ["I don\u2019t want to live any longer", "I could kill myself", "I can't go on"])
def test_somebody_in_danger_is_no_abuser(text: str) -> None:
    assert abuse.in_danger(text)


@pytest.mark.parametrize("text", ["kill the order", "I'd die for a better rate", "my battery died", "go on with it"])
def test_figures_of_speech_are_no_danger(text: str) -> None:
    assert not abuse.in_danger(text)


def test_labels_are_yes_and_no() -> None:
    with pytest.raises(DataError, match="write yes and no"):
        abuse.labels(pd.DataFrame({"harmful": ["yes", "maybe"]}))
