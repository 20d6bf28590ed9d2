"""The label is the column that names, values and place speak for; every choice says why, and who was close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from loopbook.scenario.errors import DataError
from loopbook.starter import label, label_types
from tests.starter.conftest import columns

TEXT = [f"the {number}th parcel came late and wet" for number in range(100)]
HALF = [0, 1] * 50


@pytest.mark.parametrize(
    ("table", "column", "positive"),
    [
        ({"text": TEXT, "label": HALF, "flag": HALF}, "label", ("1",)),
        ({"text": TEXT, "is_spam": ["ja", "nein"] * 50}, "is_spam", ("ja",)),
        ({"text": TEXT, "zufrieden": ["gut"] * 78 + ["schlecht"] * 22}, "zufrieden", ("schlecht",)),
        ({"text": TEXT, "colour": ["red"] * 80 + ["blue"] * 20}, "colour", ("blue",)),
        ({"text": TEXT, "case": ["Yes", "YES", "yes", "no"] * 25}, "case", ("Yes",)),
        ({"text": TEXT, "priority": ["low", "mid", "urgent", "mid"] * 25}, "priority", ("urgent",)),
        ({"text": TEXT, "telephone": ["yes", "none"] * 50, "outcome": ["good", "bad"] * 50}, "outcome", ("bad",)),
        ({"text": TEXT, "sex": ["m", "f"] * 50, "churn": HALF}, "churn", ("1",)),
        ({"Status": ["gebucht"] * 70 + ["zurückgewiesen"] * 20 + ["in Prüfung"] * 10}, "Status", ("zurückgewiesen",)),
    ],
)
def test_column_and_meaning(table: Mapping[str, Sequence[object]], column: str, positive: tuple[str, ...]) -> None:
    found = label.guess(columns(table), None, "x.csv")
    assert (found.column.name, found.positive, found.below) == (column, positive, None)
    assert found.truth.sum() == sum(str(value).casefold() == positive[0].casefold() for value in table[column])


@pytest.mark.parametrize(
    ("values", "below"),
    [([1, 2, 3, 4, 5] * 20, 3.0), ([-4, -1, 0.5, 3] * 25, 0.0), ([number / 10 for number in range(100)], 4.95)],
)
def test_a_rating_is_parted_in_the_middle_of_its_scale(values: list[float], below: float) -> None:
    found = label.guess(columns({"text": TEXT, "rating": values}), None, "x.csv")
    assert (found.below, found.positive) == (below, ())
    np.testing.assert_array_equal(found.truth, np.array(values) < below)
    assert "please check" in found.meaning


def test_two_values_give_their_shares_and_which_is_taken() -> None:
    found = label.guess(columns({"text": TEXT, "colour": ["red"] * 78 + ["blue"] * 22}), None, "x.csv")
    assert found.meaning == "2 values: 'red' 78%, 'blue' 22%; the rarer one is taken as yes: please check"
    assert found.names == ("red", "blue")


def test_rivals_are_named_with_what_is_in_them() -> None:
    found = label.guess(columns({"text": TEXT, "won": HALF, "paid": ["yes", "no"] * 50}), None, "x.csv")
    assert [name for name, _ in found.rivals] == ["won"]
    assert found.sure < 0.8


def test_a_label_that_is_given_is_taken_whatever_speaks_against_it() -> None:
    table = columns({"label": HALF, "size": list(range(100)), "text": TEXT})
    found = label.guess(table, "size", "x.csv", "binary")
    assert (found.column.name, found.below) == ("size", 49.5)
    found = label.guess(table, "size", "x.csv")
    assert (found.column.name, found.task, found.limit) == ("size", "number", 70.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [("lable", "Did you mean 'label'"), ("text", "100 different values"), ("same", "1 different values")],
)
def test_a_given_label_that_cannot_be_one_is_refused(given: str, message: str) -> None:
    table = columns({"label": HALF, "text": TEXT, "same": ["x"] * 100})
    with pytest.raises(DataError, match=message):
        label.guess(table, given, "x.csv")


def test_a_table_without_a_plausible_label_is_refused_with_the_remedy() -> None:
    table = columns({"text": TEXT, "size": list(range(100)), "weight": [number / 3 for number in range(100)]})
    with pytest.raises(DataError, match=r"no column looks like a label.*--label COLUMN"):
        label.guess(table, None, "x.csv")


@pytest.mark.parametrize(
    ("values", "yes"),
    [
        ([f"intent_{n}" for n in range(12)] + ["card_lost", "payment_failed"], "card_lost"),
        ([f"topic {n}" for n in range(70)] + ["fraud report", "account blocked", "payment declined"], "fraud report"),
        ([f"queue-{n}" for n in range(20)] + ["system failure", "broken part"], "system failure"),
        ([f"kind {n}" for n in range(11)] + ["complaint", "late complaint"], "complaint"),
    ],
)
def test_of_many_values_one_is_yes_with_its_reason(values: list[str], yes: str) -> None:
    count = dict.fromkeys(values, 30) | {yes: 45}
    table = {"category": [value for value, rows in count.items() for _ in range(rows)]}
    assert label.guess(columns(table), None, "x.csv").task == "multiclass"
    found = label.guess(columns(table), None, "x.csv", "binary")
    assert found.positive == (yes,)
    assert "sounds like trouble" in found.meaning
    assert "begin with one value" in found.meaning
    assert found.names[1] == yes


@pytest.mark.parametrize(
    ("column", "values", "yes"),
    [
        ("结果", ["好评", "投诉"], "投诉"),
        ("状态", ["正常", "故障"], "故障"),
        ("結果", ["良品", "不良"], "不良"),
        ("種別", ["お礼", "クレーム"], "クレーム"),
        ("ラベル", ["良い", "悪い"], "悪い"),
        ("标签", ["好", "差"], "差"),
        ("결과", ["만족", "불만"], "불만"),
        ("退款", ["是", "否"], "是"),
        ("返品", ["はい", "いいえ"], "はい"),
    ],
)
def test_trouble_and_yes_are_heard_in_chinese_japanese_and_korean(column: str, values: list[str], yes: str) -> None:
    found = label.guess(columns({"text": TEXT, column: [values[0]] * 50 + [values[1]] * 50}), None, "x.csv")
    assert (found.column.name, found.positive) == (column, (yes,))
    assert "please check" not in found.meaning


@pytest.mark.parametrize(
    "name", ["rating", "stars", "customer_score", "Bewertung", "How likely are you to recommend us? (0-10)"]
)
@pytest.mark.parametrize("last", [True, False])
def test_a_rating_with_many_values_is_the_label_where_nothing_else_could_be_one(name: str, last: bool) -> None:
    table = {name: [(number * 37 % 100) / 10 - 5 for number in range(100)], "text": TEXT}
    found = label.guess(columns(dict(reversed(table.items())) if last else table), None, "x.csv")
    assert (found.column.name, found.below) == (name, 0.0)


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("pump_on", [0, 1], True),
        ("tag", ["TI101", "PI102", "XS1"], True),
        ("fault", [0, 1], False),
        ("kind", [], False),
    ],
)
def test_readings_with_a_state_or_a_tag_are_said_to_be_a_series(name: str, values: list[object], said: bool) -> None:
    times = [f"2026-01-{day % 28 + 1:02d} 10:00" for day in range(120)]
    table = columns(
        {"when": times, "value": [day**1.5 for day in range(120)]}
        | {name: [(values or ["a", "b", "c"])[day % (len(values) or 3)] for day in range(120)]}
        | ({} if values else {"text": [f"some words of number {day} here" for day in range(120)]})
    )
    guessed = label.guess(table, None, "x.csv")
    assert guessed.column.name == name
    assert ("TASK=anomaly" in label.series(table, guessed.column)) == said


@pytest.mark.parametrize("values", [("temperature",), ("speed", "pressure"), ("a", "b", "c")])
def test_a_series_without_a_label_says_what_can_be_done(values: tuple[str, ...]) -> None:
    table: dict[str, Sequence[object]] = {
        "time": [f"2026-01-{1 + row % 28:02d} {row // 28:02d}:00" for row in range(100)]
    }
    table |= {name: [row * 1.37 + place for row in range(100)] for place, name in enumerate(values)}
    with pytest.raises(DataError, match="find what is unusual in them without a label, say --task anomaly"):
        label.guess(columns(table), None, "x.csv")


@pytest.mark.parametrize(
    ("values", "yes", "names"),
    [
        ({"None": 90, "Minor": 6, "Substantial": 4}, {"Minor", "Substantial"}, ("None", "not None")),
        ({"0": 75, "7": 9, "12": 8, "1": 8}, {"7", "12", "1"}, ("0", "not 0")),
        ({"no": 50, "some": 30, "much": 20}, {"some", "much"}, ("no", "not no")),
        ({"absent": 80, "present": 20}, {"present"}, ("not finding", "finding")),
        ({"0": 50, "1": 30, "-1": 20}, {"-1"}, ("other", "-1")),
    ],
)
def test_where_the_usual_value_says_no_all_others_are_yes(
    values: dict[str, int], yes: set[str], names: tuple[str, str]
) -> None:
    table = {"finding": [value for value, rows in values.items() for _ in range(rows)]}
    found = label.guess(columns({"text": TEXT, **table}), "finding", "x.csv", "binary")
    assert (set(found.positive), found.names) == (yes, names)


@pytest.mark.parametrize(("one", "two"), [(30, 70), (70, 30)])
def test_codes_of_one_and_two_say_neither_yes_nor_no(one: int, two: int) -> None:
    found = label.guess(columns({"text": TEXT, "status": ["1"] * one + ["2"] * two}), None, "x.csv")
    assert found.positive == ("1" if one < two else "2",)
    assert "please check" in found.meaning


CODES = [number % 12 for number in range(600)]
LONG = [f"the {number}th parcel came late and wet" for number in range(600)]
WORDS = [f"intent {code}" for code in CODES]
AMOUNTS = [round(10 + number * 7 % 311 / 3, 2) for number in range(600)]


@pytest.mark.parametrize(
    ("values", "given", "usual", "others"),
    [
        ([1, 2, 3, 4, 5] * 120, "rating", "binary", {"multiclass", "ordinal", "number"}),
        ([1, 2, 3, 4, 5] * 120, "level", "multiclass", {"binary", "ordinal", "number"}),
        ([-1, 0, 1] * 200, "c1", "multiclass", {"binary", "ordinal", "number"}),
        (CODES, "label", "multiclass", {"binary", "ordinal", "number"}),
        (CODES, None, "multiclass", {"binary", "ordinal", "number"}),
        (WORDS, "c7", "multiclass", {"binary"}),
        (WORDS, None, "multiclass", {"binary"}),
        (["low", "mid", "urgent"] * 200, "c1", "binary", {"multiclass"}),
        (["red", "green", "blue"] * 200, "c1", "multiclass", {"binary"}),
        (["yes", "no"] * 300, "c1", "binary", set()),
        (AMOUNTS, "price", "number", {"binary"}),
        ([10, 20, 50, 100] * 150, "sum", "number", {"binary", "multiclass", "ordinal"}),
    ],
)
def test_the_task_is_guessed_and_every_other_reading_is_offered_and_can_be_chosen(
    values: list[object], given: str | None, usual: str, others: set[label_types.Reading]
) -> None:
    table = columns({given or "c1": values, "text": LONG})
    found = label.guess(table, given, "x.csv")
    assert found.task == usual, found.meaning
    assert {task for task, _ in found.others} == others
    assert all(what for _, what in found.others)
    for task in others:
        chosen = label.guess(table, given, "x.csv", task)
        assert chosen.task == task and "chosen by you" in chosen.meaning
        assert chosen.codes.min() >= 0 and len(chosen.codes) == 600
        assert {other for other, _ in chosen.others} == {usual, *others} - {task}


@pytest.mark.parametrize(("name", "count"), [("category", 4), ("category", 200), ("topic", 60), ("Queue", 12)])
@pytest.mark.parametrize("last", [False, True])
def test_a_column_that_names_kinds_of_texts_is_the_label_however_many_there_are(
    name: str, count: int, last: bool
) -> None:
    kinds = {name: [f"sort {number % count}" for number in range(600)]}
    others = {"channel": ["mail", "chat", "phone"] * 200, "text": LONG}
    found = label.guess(columns(others | kinds if last else kinds | others), None, "x.csv")
    assert (found.column.name, found.task, len(found.classes)) == (name, "multiclass", count)


def test_classes_in_an_order_are_those_of_numbers_and_begin_with_the_least() -> None:
    found = label.guess(columns({"text": LONG, "stars": [5, 4, 3, 2, 1] * 120}), "stars", "x.csv", "ordinal")
    assert found.classes == ("1", "2", "3", "4", "5") and found.codes[:3].tolist() == [4, 3, 2]
    assert found.task == "ordinal" and "from 1 up to 5" in found.meaning


def test_classes_stand_in_their_natural_order_and_a_limit_is_a_round_number_that_parts() -> None:
    found = label.guess(columns({"text": LONG, "c": CODES}), "c", "x.csv")
    assert found.classes == tuple(map(str, range(12))) and found.codes.tolist() == CODES
    amount = label.guess(columns({"text": LONG, "c": AMOUNTS}), "c", "x.csv")
    assert amount.limit == 90 and amount.classes == ("up to 90", "above 90") and "an assumption" in amount.meaning
    assert amount.rate == pytest.approx(np.mean(np.array(AMOUNTS) > 90))
    flat = [0] * 400 + list(range(200))
    assert 0 < label.guess(columns({"text": LONG, "c": flat}), "c", "x.csv", "number").rate < 1
    assert label.guess(columns({"text": LONG, "c": flat}), "c", "x.csv", "binary").below == 1


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        (WORDS, "number", "cannot be read as a number: it has 12 different values.*yes or no \\(binary\\)"),
        (["yes", "no"] * 300, "multiclass", "cannot be read as several classes"),
        (WORDS, "ordinal", "cannot be read as classes in an order"),
        ([f"{n}.234,50 EUR" for n in range(600)], "number", r"'0\.234,50 EUR' is not read as a number: write all"),
        ([f"~{n}.5" for n in range(600)], None, "'~0.5' is not read as a number: write all values in one unit"),
        ([f"{n % 9}-{n % 9 + 5}" for n in range(600)], "number", "'0-5' is not read as a number"),
        ([f"{n % 90} {('min', 'h')[n % 2]}" for n in range(600)], "number", "two units, 'min' and 'h'.*convert them"),
        (AMOUNTS, "multiclass", "cannot be read as several classes: it has 311"),
        ([f"2026-01-{1 + number % 28:02}" for number in range(600)], None, "A date is no label"),
    ],
)
def test_a_reading_that_a_column_does_not_bear_is_refused(
    values: list[object], task: label_types.Reading | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        label.guess(columns({"text": LONG, "c": values}), "c", "x.csv", task)
