from __future__ import annotations

from pathlib import Path

import pytest

from loopbook.requirements import surveys
from loopbook.scenario.errors import DataError

SIMULATED = Path(__file__).resolve().parents[2] / "notebooks" / "scenarios" / "surveys" / "market-monitor.csv"
HEADER = "person,need,rating,comment\n"


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "answers.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(folder: Path, text: str | bytes) -> str:
    with pytest.raises(DataError) as caught:
        surveys.read(write(folder, text))
    return str(caught.value)


def test_answers_are_read_in_order_with_an_id_each(tmp_path: Path) -> None:
    frame = surveys.read(write(tmp_path, HEADER + 'Ann,speed,5,"Fast, please"\n\nBob, speed ,3,\n'))
    assert frame.to_dict("records") == [
        {"answer": "a1", "person": "Ann", "need": "speed", "rating": 5, "comment": "Fast, please"},
        {"answer": "a2", "person": "Bob", "need": "speed", "rating": 3, "comment": ""},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "# a note, with commas\n\n# another\n" + HEADER + "Ann,speed,5,yes\n",
        "person;need;rating;comment\nAnn;speed;5;yes\n",
        "rating\tcomment\tneed\tperson\n5\tyes\tspeed\tAnn\n",
        "Person, Need ,RATING,comment,team\r\nAnn,speed,5,yes,blue\r\n",
        "\ufeff" + HEADER + "Ann,speed,5,yes",
    ],
)
def test_notes_delimiters_line_ends_and_order_of_columns_do_not_matter(tmp_path: Path, text: str) -> None:
    frame = surveys.read(write(tmp_path, text))
    assert frame.to_numpy().tolist() == [["a1", "Ann", "speed", 5, "yes"]]


def test_a_comment_may_have_several_lines_and_hostile_text(tmp_path: Path) -> None:
    comment = '=HYPERLINK("x") <script>alert(1)</script>\nsecond\u2028line'
    quoted = comment.replace('"', '""')
    frame = surveys.read(write(tmp_path, f'{HEADER}Ann,speed,5,"{quoted}"\nBob,speed,4,no\n'))
    assert frame["comment"].tolist() == [comment, "no"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "answers.csv: the survey is empty"),
        ("# only a note\n", "the survey is empty"),
        (HEADER, "a header but no answers"),
        (
            "person,need,ratings,comment\nA,b,5,c\n",
            "answers.csv:1: the column 'rating' is missing. Did you mean 'ratings'",
        ),
        ("# note\nperson,need,comment\nA,b,c\n", "answers.csv:2: the column 'rating' is missing."),
        ("person,need,need,rating,comment\n", "the column 'need' stands twice"),
        (HEADER + "Ann,speed,6,x\n", "answers.csv:2: rating is '6', but should be a whole number from 1 to 5."),
        (HEADER + "Ann,speed,4.5,x\n", "answers.csv:2: rating is '4.5'"),
        (HEADER + "Ann,speed,,x\n", "answers.csv:2: rating is ''"),
        (HEADER + 'Ann,speed,5,"two\nlines"\n,speed,4,x\n', "answers.csv:4: person is empty"),
        (HEADER + "Ann,,5,x\n", "answers.csv:2: need is empty"),
        (HEADER + "Ann,speed,5,fast, please\n", "answers.csv:2: 5 values for 4 columns; quote texts"),
        (HEADER + "Ann,speed,5\n", "answers.csv:2: 3 values for 4 columns"),
        (HEADER + "Ann,speed,5,x\nBob,speed,4,y\nAnn,speed,1,z\n", "answers.csv:4: 'Ann' has already rated 'speed'"),
        (HEADER + 'Ann,speed,5,"never closed\n', "answers.csv:2: not CSV"),
        (HEADER.encode() + "Jörg,speed,5,x\n".encode("cp1252"), "answers.csv:2: not UTF-8 (byte 0xf6)"),
    ],
)
def test_a_survey_that_cannot_be_used_is_refused_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert message in refused(tmp_path, text)


def test_all_problems_are_named_up_to_ten(tmp_path: Path) -> None:
    message = refused(tmp_path, HEADER + "".join(f"P{number},speed,9,x\n" for number in range(13)))
    assert message.count("should be a whole number") == 10
    assert message.endswith("… and 3 more.")


def test_an_absent_survey_names_the_parameter(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no survey nowhere\.csv; correct requirements\.survey"):
        surveys.read(tmp_path / "nowhere.csv")


def test_the_survey_that_comes_with_it_says_that_it_is_invented() -> None:
    assert SIMULATED.read_text(encoding="utf-8").startswith("# Simulated answers:")
    frame = surveys.read(SIMULATED)
    assert len(frame) >= 40
    assert frame["person"].nunique() >= 15
