"""What is in a column is told from its values first and its name second."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from tests.starter.conftest import columns

DAYS = [date(2026, 1, 1) + timedelta(days=number) for number in range(100)]
SHELVES = ("crime", "sea", "war", "love", "art", "cats")
SENTENCES = [f"the {number}th parcel came late and wet" for number in range(100)]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("x", ["", "NA", "null"] * 20, "empty"),
        ("x", ["same"] * 30, "constant"),
        ("x", [number / 7 for number in range(60)], "number"),
        ("x", ["n/a", "?", *range(60)], "number"),
        ("x", ["broken", *range(60)], "number"),
        ("postcode", [f"0{number:04}" for number in range(200)], "code"),
        ("x", ["red", "blue"] * 30, "category"),
        ("x", SENTENCES, "text"),
        ("x", [f"k{number:x}-{number**3}" for number in range(100)], "code"),
        ("x", DAYS, "time"),
        ("timestamp", [874724710 + 86_400 * number for number in range(60)], "time"),
        ("timestamp", [874724710_000 + 86_400_000 * number for number in range(60)], "time"),
        ("genres", [f"{one}|{two}" for one in SHELVES for two in SHELVES], "text"),
        ("tags", [f"{one};{two}; {one}" for one in SHELVES for two in SHELVES], "text"),
        ("who", [f"Smith{number},John{number}" for number in range(60)], "code"),
        ("embedding", [f"[0.{number}, -1.5e-3]" for number in range(1, 60)], "code"),
        ("booking date", [f"{day:%Y%m%d}" for day in DAYS], "time"),
        ("amount", [f"{day:%Y%m%d}" for day in DAYS], "number"),
    ],
)
def test_kinds(name: str, values: Sequence[object], kind: str) -> None:
    assert columns({name: values})[0].kind == kind


@pytest.mark.parametrize(
    ("written", "formats", "ambiguous"),
    [
        ([f"{day:%d.%m.%Y}" for day in DAYS], ("%d.%m.%Y",), False),
        ([f"{day:%m/%d/%y}" for day in DAYS], ("%m/%d/%y",), False),
        ([f"{day:%d/%m/%Y} 14:05" for day in DAYS], ("%d/%m/%Y %H:%M",), False),
        ([f"0{1 + number % 9}/0{1 + number // 20}/2026" for number in range(100)], ("%d/%m/%Y",), True),
        ([day.isoformat() + "T10:00:00Z" for day in DAYS], (), False),
    ],
)
def test_times_are_read_in_the_format_that_reads_most(
    written: list[str], formats: tuple[str, ...], ambiguous: bool
) -> None:
    found = columns({"x": written})[0]
    assert (found.kind, found.formats, found.ambiguous) == ("time", formats, ambiguous)
    assert found.readable == 1


def test_three_formats_in_one_column_and_a_few_words_between() -> None:
    written = [
        [day.isoformat(), f"{day:%d.%m.%Y}", f"{day:%b} {day.day}, {day.year}"][index % 3]
        for index, day in enumerate(DAYS)
    ]
    found = columns({"x": [*written, "soon", "@@@"]})[0]
    assert (found.kind, set(found.formats)) == ("time", {"%d.%m.%Y", "%b %d, %Y"})
    assert found.readable == pytest.approx(100 / 102)


@pytest.mark.parametrize(
    ("name", "values", "personal"),
    [
        ("contact", [f"jane{number}@example.org" for number in range(30)], "its values are personal data (mail)"),
        ("Nachname", [f"Meier{number}" for number in range(30)], "its name says 'nachname'"),
        ("customerId", list(range(30)), "its name says 'customer'"),
        ("customer_type", ["new", "old"] * 20, ""),
        ("Name", [f"Smith, Mr. John {number}" for number in range(30)], "its name says 'name'"),
        ("product_name", [f"P{number}" for number in range(30)], ""),
        ("e-mail body", SENTENCES, ""),
        ("birth date", DAYS, "its name says 'birth'"),
    ],
)
def test_columns_that_name_people(name: str, values: Sequence[object], personal: str) -> None:
    assert columns({name: values})[0].personal == personal


def test_personal_data_inside_texts_is_counted_but_the_column_stays_an_input() -> None:
    texts = [f"{text}; write to jane@example.org" if index % 4 == 0 else text for index, text in enumerate(SENTENCES)]
    found = columns({"message": texts})[0]
    assert (found.kind, found.personal, found.mentions) == ("text", "", 0.25)
