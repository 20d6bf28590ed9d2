"""Every column gets a part, or stands among the unused with the reason."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from loopbook.scenario.errors import DataError
from tests.starter.conftest import columns, draft

DRAW = random.Random(1)
ROWS = 200
DAYS = [date(2026, 1, 1) + timedelta(days=number // 2) for number in range(ROWS)]
LABEL = [DRAW.randint(0, 1) for _ in range(ROWS)]
BASE = {"colour": [DRAW.choice(["red", "blue", "green"]) for _ in range(ROWS)], "label": LABEL}


def test_inputs_are_typed_and_the_rest_is_explained() -> None:
    table = {
        "key": [f"K-{number * 7919}" for number in range(ROWS)],
        "mail": [f"p{number}@example.org" for number in range(ROWS)],
        "size": [DRAW.gauss(0, 1) for _ in range(ROWS)],
        "message": [f"the {number}th parcel came late and wet" for number in range(ROWS)],
        "empty": [""] * ROWS,
        "currency": ["EUR"] * ROWS,
        "outcome known": ["y" if each else "n" for each in LABEL],
        "serial": [f"{DRAW.getrandbits(64):x}" for _ in range(ROWS - 20)] + ["q"] * 20,
        "sex": [DRAW.choice("mf") for _ in range(ROWS)],
        **BASE,
    }
    found = draft(table).roles
    assert {name: kind for name, (kind, _) in found.fields.items()} == {
        "size": "number",
        "message": "text",
        "colour": "category",
    }
    assert found.id is not None
    assert found.id.column.name == "key"
    assert list(found.protected) == ["sex"]
    assert found.leaks == ("outcome known",)
    reasons = {name: reason.split(":")[0] for name, reason in found.unused.items()}
    assert reasons == {
        "mail": "personal",
        "empty": "empty",
        "currency": "constant",
        "outcome known": "suspected leak",
        "serial": "nearly unique",
    }


def test_the_time_is_that_of_the_beginning() -> None:
    later = [day + timedelta(days=3) for day in DAYS]
    table = {"closed": later, "created": DAYS, "birthday": [date(1980, 1, 1) + timedelta(days=n) for n in range(ROWS)]}
    found = draft(table | BASE).roles
    assert found.time is not None
    assert (found.time.column.name, found.time.rivals) == ("created", ("closed",))
    assert found.time.reason.startswith("2026-01-01 to 2026-04-10")
    assert set(found.unused) == {"closed", "birthday"}


@pytest.mark.parametrize("missing", [0, 60])
def test_a_time_or_group_that_many_rows_lack_would_cost_them_and_is_not_taken(missing: int) -> None:
    customers = [f"c{DRAW.randint(1, 50)}" for _ in range(ROWS)]
    table = {"date": ["" if n < missing else day for n, day in enumerate(DAYS)]}
    table["customer"] = ["" if n < missing else each for n, each in enumerate(customers)]
    found = draft(table | BASE).roles
    assert (found.time is None) == (found.group is None) == bool(missing)


def test_few_things_are_a_category_and_many_a_group() -> None:
    few = draft({"machine": [f"M{DRAW.randint(1, 8)}" for _ in range(ROWS)]} | BASE).roles
    many = draft({"machine": [f"M{DRAW.randint(1, 60)}" for _ in range(ROWS)]} | BASE).roles
    assert few.group is None
    assert few.fields["machine"][0] == "category"
    assert many.group is not None
    assert "machine" not in many.fields


def test_a_table_that_leaves_no_input_is_refused_with_each_reason() -> None:
    table = {"outcome": LABEL, "copy": LABEL, "currency": ["EUR"] * ROWS}
    with pytest.raises(DataError, match=r"(?s)'copy': suspected leak.*'currency': constant.*--label"):
        draft(table)


@pytest.mark.parametrize("name", ["unnamed_1", "Unnamed: 0", "rownames", "index"])
def test_the_row_numbers_of_an_export_are_no_input_though_some_are_gone(name: str) -> None:
    found = draft({name: [2 * number + number // 3 for number in range(ROWS)], **BASE}).roles
    assert found.id is not None
    assert found.id.column.name == name


@pytest.mark.parametrize(
    ("name", "rows", "group"),
    [
        *(("id", 4, True), ("id", 2, True), ("ID", 2, True), ("id", 1, False), ("tweet_id", 2, True)),
        *(("subject", 4, True), ("participant", 4, True), ("subject", 1, False), ("objects", 4, False)),
    ],
)
def test_an_id_of_several_rows_keeps_them_together(name: str, rows: int, group: bool) -> None:
    ids = [1 + number // rows for number in range(ROWS)]
    found = draft({name: ids, **BASE, "label": [DRAW.randint(0, 1) for _ in ids]}).roles
    assert (found.group is not None and found.group.column.name == name) == group
    assert name in found.fields or name != "objects"
    assert not found.doubts


def test_a_key_that_a_few_rows_share_is_named() -> None:
    found = draft({"id": [f"K{number - number // 180}-7" for number in range(ROWS)], **BASE}).roles
    assert found.id is not None
    assert found.group is None
    found = draft({"id": [f"K{number % 170}-7" for number in range(ROWS)], **BASE}).roles
    assert found.id is found.group is None
    assert found.doubts["id"] == "named like a row's key, but 15.0% of its values stand there again"


@pytest.mark.parametrize("values", [[f"{n}" for n in range(170)] + [f"{n}a" for n in range(5)]])
def test_a_letter_behind_some_numbers_is_no_unit(values: list[str]) -> None:
    (column,) = columns({"house": values})
    assert (column.unit, column.doubt) == ("", "")


@pytest.mark.parametrize(
    ("table", "protected"),
    [
        ({"genre": ["comedy", "drama", "crime", "war", "musical"] * 40}, False),
        ({"genre": ["homme", "femme"] * 100}, True),
        ({"origin": ["BER", "ROM"] * 100, "dest": ["OSL", "PAR", "BER"] * 66 + ["PAR"] * 2}, False),
        ({"origin": ["Peru", "Chile"] * 100}, True),
    ],
)
def test_a_genre_of_works_and_where_a_way_begins_are_not_about_people(
    table: dict[str, list[str]], protected: bool
) -> None:
    found = draft({**table, **BASE}).roles
    assert bool(found.protected) == protected
    assert (next(iter(table)) in found.fields) != protected
