"""Behavioural tests are read line by line, and judged by rules that a constant answer cannot pass."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopbook.models.answers import Answers
from loopbook.models.studies import behaviour
from loopbook.scenario.errors import DataError
from loopbook.scenario.loading import load
from loopbook.scenario.task import Binary, Number, Quantity, Task, YesNo

SCENARIOS = Path(__file__).resolve().parents[3] / "notebooks" / "scenarios"
TEXT = Binary(fields={"text": "text"}, label=YesNo(column="y", positive=(1,), names=("good", "bad")))
TABLE = Number(
    type="number",
    fields={"size": "number", "kind": "category"},
    label=Quantity(column="minutes", limits=(30.0,)),
    actions=("wait", "go"),
)
HEAD = "kind,capability,expected,text,changed text\n"
WRITTEN = """\
# Written for a test.
kind;capability;expected;text;changed text
minimum;plain;bad;a loss;
minimum;plain;good;<b>all well</b>;
invariance;names;;a loss for Ann;a loss for Bob
invariance;typos;;a loss;a lsos

direction;more;bad;a note;a note of a loss
direction;less;good;a loss;a loss, no, a gain
"""


class Says:
    """A model that says what a function makes of each row."""

    features, learned = None, np.zeros(0, np.uint64)

    def __init__(self, yes: object, classes: tuple[str, ...] = ("good", "bad"), value: object = None) -> None:
        self.yes, self.classes, self.value = yes, classes, value

    def answer(self, frame: pd.DataFrame, *more: object) -> Answers:
        p = np.array([self.yes(row) for row in frame.to_dict("records")], dtype=float)  # type: ignore[operator]
        value = None if self.value is None else np.array([self.value(row) for row in frame.to_dict("records")], float)  # type: ignore[operator]
        return Answers(np.column_stack([1 - p, p]), self.classes, value=value)


def written(folder: Path, text: str, task: Task = TEXT) -> behaviour.Suite:
    (folder / "tests.csv").write_text(text, encoding="utf-8")
    return behaviour.read(folder / "tests.csv", task)


def losses(row: dict) -> float:
    return 0.9 if "loss" in row["text"] and "gain" not in row["text"] else 0.2


def test_each_kind_is_judged_by_its_rule_and_text_stays_text(tmp_path: Path) -> None:
    suite = written(tmp_path, WRITTEN)
    assert suite.tests["line"].tolist() == [3, 4, 5, 6, 8, 9]
    found = behaviour.run(suite, [Says(losses), Says(lambda row: 0.5)], {}, TEXT)  # type: ignore[list-item]
    assert found.outcomes["failed"].tolist() == [False, False, False, True, False, False]
    assert found.worst()["before"].tolist() == ["a loss"]
    assert found.worst()["wrong"].tolist() == pytest.approx([0.7])
    assert found.outcomes["before"][1] == "<b>all well</b>"
    assert "&lt;b&gt;" in found.outcomes.to_html()
    assert found.plain is not None
    assert found.plain.tolist() == [False, True, False, False, True, True], "a constant moves in no direction"
    table = found.table().set_index(["kind", "capability"])
    assert table.loc[("invariance", "all"), ["tests", "failed", "failing"]].tolist() == [2, 1, 0.5]
    assert table.loc[("direction", "all"), "best plain"] == 1
    assert table["failing_low"].le(table["failing"]).all() and table["failing_high"].ge(table["failing"]).all()
    recorded = found.figures()
    assert (recorded["behavioural_tests"], recorded["invariance_failures"]) == (6, 0.5)
    assert "behavioural tests" in found.figure().alt


@pytest.mark.parametrize(("before", "after", "failed"), [(0.97, 0.96, False), (0.97, 0.9, True), (0.5, 0.5, True)])
def test_where_a_class_is_nearly_sure_it_need_not_become_more_probable(
    tmp_path: Path, before: float, after: float, failed: bool
) -> None:
    suite = written(tmp_path, HEAD + "direction,more,bad,x,y\n")
    model = Says(lambda row: before if row["text"] == "x" else after)
    assert behaviour.run(suite, [model], {}, TEXT, sure=0.95).outcomes["failed"].tolist() == [failed]  # type: ignore[list-item]


def test_of_a_number_the_value_moves_and_what_is_not_written_is_usual(tmp_path: Path) -> None:
    suite = written(
        tmp_path,
        "kind,capability,expected,size,changed size,kind_source\nminimum,m,above 30,40,,\ndirection,d,up,1,2.5,\n"
        "direction,d,down,1,2,b\ndirection,d,up,,12,\ninvariance,i,,29,31,\n",
        TABLE,
    )
    seen: list[str] = []

    def value(row: dict) -> float:
        seen.append(row["kind"])
        return float(row["size"])

    model = Says(lambda row: float(row["size"] > 30), ("up to 30", "above 30"), value)
    found = behaviour.run(suite, [model], {"size": 10.0, "kind": "a"}, TABLE)  # type: ignore[list-item]
    assert found.outcomes["failed"].tolist() == [False, False, True, False, True]
    assert seen == ["a", "a", "b", "a", "a"] * 2, "a field that is called like a column of the file"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind,capability,expected,text,changed txt\nminimum,a,bad,x,\n", r"'changed txt' is not known. Did you mean"),
        ("kind,expected,text\nminimum,bad,x\n", "column 'capability' is missing"),
        (HEAD + "minimal,a,bad,x,\n", r"tests.csv:2: kind is 'minimal'. Did you mean 'minimum'"),
        (HEAD + "minimum,a,bad,x,y\n", "tests.csv:2: a test of minimum needs no changed field"),
        (HEAD + "invariance,a,,x,\n", "tests.csv:2: a test of invariance needs a changed field"),
        (HEAD + "invariance,a,bad,x,y\n", "tests.csv:2: a test of invariance needs nothing that is expected"),
        (HEAD + "direction,a,,x,y\n", "tests.csv:2: a test of direction needs something that is expected"),
        ("# note\n" + HEAD + "\nminimum,a,bat,x,\n", r"tests.csv:4: 'bat' cannot be expected. Did you mean 'bad'"),
        (HEAD + "minimum,a,bad,x,\nminimum,a,bad,x,,y,z\n", "tests.csv:3: 7 fields where the header has 5"),
        (HEAD, "has a header and no rows"),
        ("", "is empty"),
    ],
)
def test_a_mistake_in_the_file_has_its_line_and_the_likely_intent(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        written(tmp_path, text)


def test_a_number_that_is_none_has_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tests\.csv:2: size is 'much', which is no number"):
        written(tmp_path, "kind,capability,expected,size\nminimum,a,above 30,much\n", TABLE)


def test_a_class_that_only_the_data_knows_is_looked_for_in_the_champion(tmp_path: Path) -> None:
    suite = written(tmp_path, HEAD + "minimum,a,bad,x,\n")
    with pytest.raises(
        DataError, match=r"Line 2 of the tests expects 'bad', a class that is not known. Did you mean 'bat'"
    ):
        behaviour.run(suite, [Says(losses, ("good", "bat"))], {}, TEXT)  # type: ignore[list-item]


@pytest.mark.parametrize(
    "name", ["press-monitor", "market-monitor", "airline-monitor", "banking-desk", "clinic-triage", "credit-risk"]
)
def test_the_tests_that_come_with_an_agent_are_fifty_and_more_of_each_kind(name: str) -> None:
    suite = behaviour.read(SCENARIOS / "behaviour" / f"{name}.csv", load(name, SCENARIOS).task)
    assert len(suite.tests) >= 50
    assert suite.tests["kind"].value_counts().reindex(behaviour.KINDS).min() >= 5
    rows = (
        suite.before.astype(str)
        .join(suite.after.astype(str), rsuffix=" after")
        .assign(expected=suite.tests["expected"])
    )
    assert not rows.duplicated().any()
