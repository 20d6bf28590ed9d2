"""Cells as programs in several countries write them: each comes out as the value that its writer meant.

The first inputs of each kind are such as users of other tools reported on; the others are of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from loopbook.starter import form
from loopbook.starter.column import Column, describe

ROWS = 120
START = datetime(2024, 1, 1, tzinfo=UTC)
MOMENTS = [START + timedelta(hours=7 * row, seconds=11 * row) for row in range(ROWS)]
DAYS = [START + timedelta(days=row) for row in range(ROWS)]
AMOUNTS = [round(700 + 41.37 * row, 2) for row in range(ROWS)]
WHOLE = [395 + 131 * row for row in range(ROWS)]
SMALL = [round(0.37 + 0.11 * row, 2) for row in range(ROWS)]


def door(header: Sequence[str], *columns: Sequence[object], delimiter: str = ",") -> dict[str, Column]:
    """Return the columns of a csv file as the door sees them."""
    quote = '"{}"'.format
    lines = [delimiter.join(header)]
    lines += [delimiter.join(quote(str(cell).replace('"', '""')) for cell in row) for row in zip(*columns, strict=True)]
    written, table = form.read("\n".join(lines).encode(), "x.csv")
    cells = zip(*table.rows, strict=True)
    return {
        name: describe(name, list(map(str, values)), written) for name, values in zip(table.columns, cells, strict=True)
    }


def grouped(value: float, mark: str, decimal: str, digits: int) -> str:
    return f"{value:,.{digits}f}".translate(str.maketrans({",": mark, ".": decimal}))


def lakhs(value: int) -> str:
    """Return a whole number as it is grouped in India: 12,34,567."""
    head, tail = str(value)[:-3], str(value)[-3:]
    parts = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)][::-1]
    return ",".join([*parts, tail])


NUMBERS: dict[str, tuple[str, list[str], list[float]]] = {
    "points group, semicolons": (";", [grouped(value, ".", ",", 0) for value in WHOLE], WHOLE),
    "points group, tabs": ("\t", [grouped(value, ".", ",", 0) for value in WHOLE], WHOLE),
    "points group, all of four digits": (
        ";",
        [grouped(1000 + value, ".", ",", 0) for value in WHOLE[:60] * 2],
        [1000 + value for value in WHOLE[:60] * 2],
    ),
    "commas group, semicolons": (";", [grouped(value, ",", ".", 0) for value in WHOLE], WHOLE),
    "commas group in commas": (",", [grouped(value, ",", ".", 0) for value in WHOLE], WHOLE),
    "points group millions": (
        ";",
        [grouped(value * 1000, ".", ",", 0) for value in WHOLE],
        [value * 1000 for value in WHOLE],
    ),
    "lakhs": (",", [lakhs(value * 1234) for value in WHOLE], [value * 1234 for value in WHOLE]),
    "apostrophes": (";", [grouped(value, "'", ".", 2) for value in AMOUNTS], AMOUNTS),
    "curly apostrophes": (";", [grouped(value, "\u2019", ".", 2) for value in AMOUNTS], AMOUNTS),
    "no-break spaces": (";", [grouped(value, "\u00a0", ",", 2) for value in AMOUNTS], AMOUNTS),
    "narrow no-break spaces": (";", [grouped(value, "\u202f", ",", 2) for value in AMOUNTS], AMOUNTS),
    "thin spaces": (";", [grouped(value, "\u2009", ",", 2) for value in AMOUNTS], AMOUNTS),
    "no-break spaces and points": (",", [grouped(value, "\u00a0", ".", 2) for value in AMOUNTS], AMOUNTS),
    "minus sign": (",", [f"\u2212{value}" for value in AMOUNTS], [-value for value in AMOUNTS]),
    "dash for minus": (",", [f"\u2013{value}" for value in AMOUNTS], [-value for value in AMOUNTS]),
    "trailing minus": (",", [f"{value}-" for value in AMOUNTS], [-value for value in AMOUNTS]),
    "parentheses": (",", [f"({grouped(value, ',', '.', 2)})" for value in AMOUNTS], [-value for value in AMOUNTS]),
    "dollars": (",", [f"${grouped(value, ',', '.', 2)}" for value in AMOUNTS], AMOUNTS),
    "negative dollars": (",", [f"-${grouped(value, ',', '.', 2)}" for value in AMOUNTS], [-v for v in AMOUNTS]),
    "dollars in parentheses": (",", [f"(${grouped(value, ',', '.', 2)})" for value in AMOUNTS], [-v for v in AMOUNTS]),
    "euros behind": (";", [f"{grouped(value, '.', ',', 2)} €" for value in AMOUNTS], AMOUNTS),
    "euros behind a no-break space": (";", [f"{grouped(value, '.', ',', 2)}\u00a0€" for value in AMOUNTS], AMOUNTS),
    "codes of currencies": (",", [f"USD {value:.2f}" for value in AMOUNTS], AMOUNTS),
    "francs": (";", [f"CHF {grouped(value, chr(0x2019), '.', 2)}" for value in AMOUNTS], AMOUNTS),
    "reais": (";", [f"R$ {grouped(value, '.', ',', 2)}" for value in AMOUNTS], AMOUNTS),
    "pounds in lakhs of pence": (
        ",",
        [f"£{lakhs(value * 1234)}" for value in WHOLE],
        [value * 1234 for value in WHOLE],
    ),
    "yen": (",", [f"¥{grouped(value, ',', '.', 0)}" for value in WHOLE], WHOLE),
    "full-width yen": (",", [f"￥{grouped(value, ',', '.', 0)}" for value in WHOLE], WHOLE),
    "crowns": (";", [f"{grouped(value, chr(0xA0), ',', 2)} kr" for value in AMOUNTS], AMOUNTS),
    "percent": (",", [f"{value}%" for value in SMALL], SMALL),
    "percent after a space": (";", [f"{value} %".replace(".", ",") for value in SMALL], SMALL),
    "full-width percent": (",", [f"{value}％" for value in SMALL], SMALL),
    "kilograms": (",", [f"{value} kg" for value in SMALL], SMALL),
    "degrees": (",", [f"{value} °C" for value in SMALL], SMALL),
    "full-width digits": (
        ",",
        [f"{value}".translate({48 + d: 0xFF10 + d for d in range(10)}) for value in WHOLE],
        WHOLE,
    ),
    "exponents": (",", [f"{value:.6E}" for value in AMOUNTS], AMOUNTS),
    "plus signs": (",", [f"+{value}" for value in AMOUNTS], AMOUNTS),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_are_read_as_they_were_meant(kind: str) -> None:
    delimiter, cells, wanted = NUMBERS[kind]
    found = door(["x", "y"], cells, ["a", "b"] * (ROWS // 2), delimiter=delimiter)["x"]
    assert found.kind == "number"
    assert found.numbers is not None
    np.testing.assert_allclose(found.numbers, wanted)


@pytest.mark.parametrize(
    ("cells", "unit"),
    [(NUMBERS[kind][1], unit) for kind, unit in
     [("dollars", "$"), ("euros behind", "€"), ("percent", "%"), ("kilograms", "kg"), ("reais", "R$"), ("yen", "¥")]],
)  # fmt: skip
def test_the_unit_of_a_number_is_named(cells: list[str], unit: str) -> None:
    found = door(["price", "y"], cells, ["a", "b"] * (ROWS // 2), delimiter=";")["price"]
    assert (found.kind, found.unit) == ("number", unit)


@pytest.mark.parametrize(
    "cells",
    [
        [f"{'$' if row % 2 else '€'}{value}" for row, value in enumerate(AMOUNTS)],
        [f"{value}{'kg' if row % 3 else 'g'}" for row, value in enumerate(AMOUNTS)],
        [f"{value} {'EUR' if row % 4 else 'USD'}" for row, value in enumerate(AMOUNTS)],
    ],
)
def test_two_units_in_one_column_are_no_number_and_said(cells: list[str]) -> None:
    found = door(["amount", "y"], cells, ["a", "b"] * (ROWS // 2))["amount"]
    assert found.kind != "number"
    assert "two units" in found.doubt


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("size", ["S", "M", "L"] * 40),
        ("seat", [f"{row}{'ABCD'[row % 4]}" for row in range(ROWS)]),
        ("room", [f"A{row}" for row in range(ROWS)]),
        ("version", [f"1.{row}.2" for row in range(ROWS)]),
        ("host", [f"192.168.{row}.{100 + row}" for row in range(ROWS)]),
        ("flat", [f"Flat {row}" for row in range(ROWS)]),
        ("phone", [f"030-{1000 + row}" for row in range(ROWS)]),
        ("isbn", [f"978-3-16-1484{row:02}-0" for row in range(ROWS)]),
        ("range", [f"{row}-{row + 5}" for row in range(ROWS)]),
        ("ratio", [f"{row}:{row + 5}" for row in range(ROWS)]),
        ("zip", [f"0{1000 + row}" for row in range(ROWS)]),
        ("aircraft", [f"{'CF'[row % 2]}-{row}" for row in range(ROWS)]),
        ("aircraft", [f"{'C' if row % 3 else 'f'}-{row}A" for row in range(ROWS)]),
        ("road", [f"F{row}" for row in range(ROWS)]),
    ],
)
def test_what_only_looks_like_a_number_stays_what_it_is(name: str, cells: list[str]) -> None:
    found = door([name, "y"], cells, ["a", "b"] * (ROWS // 2))[name]
    assert found.kind not in ("number", "time")
    assert not found.doubt


@pytest.mark.parametrize(
    "token",
    [
        *("#N/A", "#DIV/0!", "#VALUE!", "#REF!", "-", "--", "–", "None", "n.a.", "k.A.", "N/D", ".", "missing"),
        *("not available", "offline"),
    ],
)
@pytest.mark.parametrize("every", [8, 13])
def test_tokens_for_missing_leave_a_column_of_numbers_one(token: str, every: int) -> None:
    cells = [token if row % every == 0 else str(value) for row, value in enumerate(AMOUNTS)]
    found = door(["x", "y"], cells, ["a", "b"] * (ROWS // 2))["x"]
    assert (found.kind, found.readable) == ("number", 1.0)
    assert found.missing.tolist() == [row % every == 0 for row in range(ROWS)]
    assert token.casefold() in {each.casefold() for each in found.tokens}


@pytest.mark.parametrize(
    ("name", "cells", "levels"),
    [
        ("country", ["NA", "DE", "NO", "FR"] * 30, 4),
        ("land", ["NA", "NA", "ZA", "BW", "ZM"] * 24, 4),
        ("region", ["NA", "EU", "APAC"] * 40, 3),
        ("code", ["NAN", "CAN", "USA", "DEU"] * 30, 4),
    ],
)
def test_a_code_among_codes_is_a_value(name: str, cells: list[str], levels: int) -> None:
    found = door([name, "y"], cells, ["a", "b"] * (ROWS // 2))[name]
    assert (found.kind, found.distinct, found.missing.any()) == ("category", levels, np.False_)


@pytest.mark.parametrize(
    ("cells", "codes"),
    [
        (["-9.0", "0.0", "1.0", "2.0", "3.0", "2"] * 20, {"-9.0"}),
        (["120", "131", "145", "-9", "112", "-8"] * 20, {"-9", "-8"}),
        (["22.4", "31.0", "27.9", "999", "24.2", "?"] * 20, {"999", "?"}),
        (["1", "2", "3", "4", "5", "99"] * 20, {"99"}),
        (["-12.5", "3.0", "18.2", "-9999", "-9999.0", "NA"] * 20, {"-9999", "-9999.0", "NA"}),
        (["95", "97", "98", "99", "96", "94"] * 20, set()),  # a series of whole numbers
        (["-9", "-12", "3", "18", "7", "-4"] * 20, set()),  # degrees
        (["1200", "5400", "999", "8800", "9999", "310"] * 20, set()),  # amounts
        (["-1", "0", "1", "1", "0", "0"] * 20, set()),
        (["4", "5", "6", "7", "8", "9"] * 20, set()),  # a scale
        (["5", "6", "7", "8", "9", "9"] * 20, set()),
        (["1", "2", "1", "7", "9", "2"] * 20, {"7", "9"}),  # refused, unknown
        (["1.5", "2.5", "999", *(f"{row}.5" for row in range(117))], set()),  # once
    ],
)
def test_codes_for_no_value_are_no_numbers(cells: list[str], codes: set[str]) -> None:
    found = door(["amount", "y"], cells, ["a", "b"] * (ROWS // 2))["amount"]
    assert found.kind == "number" and set(found.missing_as or ()) == codes
    assert found.missing.tolist() == [cell in codes for cell in cells]
    assert ("read as no value" in found.doubt) == bool(codes)


@pytest.mark.parametrize("bound", ["<5.0", "> 200", "≤1"])
def test_numbers_with_bounds_among_them_are_said(bound: str) -> None:
    cells = [bound if row % 5 == 0 else f"{row}.25" for row in range(ROWS)]
    found = door(["amount", "y"], cells, ["a", "b"] * (ROWS // 2))["amount"]
    assert found.doubt == f"a column of numbers and of bounds, such as '{bound}': write a number in their place"
    tickets = [f"A/5 {row}" if row % 5 == 0 else str(1000 * row) for row in range(ROWS)]
    assert door(["ticket", "y"], tickets, ["a", "b"] * (ROWS // 2))["ticket"].doubt == ""


def test_na_among_words_is_missing() -> None:
    found = door(["colour", "y"], ["NA", "red", "green", "blue"] * 30, ["a", "b"] * (ROWS // 2))["colour"]
    assert (found.distinct, found.missing_share) == (3, 0.25)


def us(moment: datetime, form_: str) -> str:
    return moment.strftime(form_)


SECONDS = [moment.replace(microsecond=0) for moment in MOMENTS]
MINUTES = [moment.replace(second=0) for moment in MOMENTS]
GERMAN = dict(zip(["Jan", "Feb", "Mar", "Apr"], ["Januar", "Februar", "März", "April"], strict=True))
FRENCH = dict(zip(["Jan", "Feb", "Mar", "Apr"], ["janv.", "févr.", "mars", "avr."], strict=True))
SPANISH = dict(zip(["Jan", "Feb", "Mar", "Apr"], ["enero", "febrero", "marzo", "abril"], strict=True))

TIMES: dict[str, tuple[list[str], list[datetime]]] = {
    "utc behind": ([f"{m:%Y-%m-%d %H:%M:%S} UTC" for m in MOMENTS], SECONDS),
    "fractions and utc": ([f"{m:%Y-%m-%d %H:%M:%S}.250000 UTC" for m in MOMENTS],
                          [m + timedelta(milliseconds=250) for m in MOMENTS]),
    "fractions now and then, utc": ([f"{m:%Y-%m-%d %H:%M:%S}{'.5' if m.second % 2 else ''} UTC" for m in MOMENTS],
                                    [m + timedelta(milliseconds=500 * (m.second % 2)) for m in MOMENTS]),
    "gmt behind": ([f"{m:%Y-%m-%d %H:%M} GMT" for m in MOMENTS], MINUTES),
    "an offset without colon": ([f"{m + timedelta(hours=1):%Y-%m-%d %H:%M:%S} +0100" for m in MOMENTS], SECONDS),
    "a zone by name": ([f"{m + timedelta(hours=5.5):%Y-%m-%d %H:%M:%S} Asia/Kolkata" for m in MOMENTS], SECONDS),
    "am and pm, seconds": ([f"{m:%m/%d/%Y %I:%M:%S %p}" for m in MOMENTS], SECONDS),
    "am and pm": ([f"{m:%m/%d/%Y %I:%M %p}" for m in MOMENTS], MINUTES),
    "am and pm, small and near": ([f"{m:%m/%d/%Y %I:%M%p}".lower() for m in MOMENTS], MINUTES),
    "am and pm, narrow space": ([f"{m:%m/%d/%y, %I:%M:%S}\u202f{m:%p}" for m in MOMENTS], SECONDS),
    "a.m. and p.m.": ([f"{m:%d/%m/%Y %I:%M} {'a.m.' if m.hour < 12 else 'p.m.'}" for m in MOMENTS], MINUTES),
    "an iso day with am and pm": ([f"{m:%Y-%m-%d %I:%M:%S %p}" for m in MOMENTS], SECONDS),
    "seconds with fractions and points": ([f"{m:%d.%m.%Y %H:%M:%S}.125" for m in MOMENTS],
                                          [m + timedelta(milliseconds=125) for m in MOMENTS]),
    "log with a comma": ([f"{m:%Y-%m-%d %H:%M:%S},125" for m in MOMENTS],
                         [m + timedelta(milliseconds=125) for m in MOMENTS]),
    "names of months": ([f"{m:%d %b %Y %H:%M}" for m in MOMENTS], MINUTES),
    "long names of months": ([f"{m:%B %d, %Y %I:%M %p}" for m in MOMENTS], MINUTES),
    "months without commas": ([f"{m:%b %d %Y}" for m in DAYS], DAYS),
    "German months": ([f"{m.day}. {GERMAN[f'{m:%b}']} {m.year}" for m in DAYS], DAYS),
    "French months": ([f"{m.day} {FRENCH[f'{m:%b}']} {m.year}" for m in DAYS], DAYS),
    "Spanish months": ([f"{m.day} de {SPANISH[f'{m:%b}']} de {m.year}" for m in DAYS], DAYS),
    "days of the week": ([f"{m:%a, %d %b %Y %H:%M:%S} GMT" for m in MOMENTS], SECONDS),
    "long days of the week": ([f"{m:%A, %B %d, %Y}" for m in DAYS], DAYS),
    "the way of networks": ([f"{m:%a %b %d %H:%M:%S} +0000 {m.year}" for m in MOMENTS], SECONDS),
    "logs of web servers": ([f"{m:%d/%b/%Y:%H:%M:%S} +0000" for m in MOMENTS], SECONDS),
    "Chinese days": ([f"{m.year}年{m.month}月{m.day}日" for m in DAYS], DAYS),
    "compact": ([f"{m:%Y%m%d%H%M%S}" for m in MOMENTS], SECONDS),
    "seconds since 1970": ([str(int(m.timestamp())) for m in MOMENTS], SECONDS),
    "seconds since 1970 with fractions": ([f"{int(m.timestamp())}.0" for m in MOMENTS], SECONDS),
    "milliseconds since 1970": ([str(int(m.timestamp() * 1000)) for m in MOMENTS], SECONDS),
    "microseconds since 1970": ([str(int(m.timestamp() * 1_000_000)) for m in MOMENTS], SECONDS),
    "days since 1899": ([f"{(m - datetime(1899, 12, 30, tzinfo=UTC)) / timedelta(days=1):.5f}" for m in MOMENTS],
                        SECONDS),
    "whole days since 1899": ([str((m - datetime(1899, 12, 30, tzinfo=UTC)).days) for m in DAYS], DAYS),
    "ISO with a Z": ([f"{m:%Y-%m-%dT%H:%M:%S}Z" for m in MOMENTS], SECONDS),
    "months of loans": ([f"{m:%b-%Y}" for m in DAYS], [m.replace(day=1) for m in DAYS]),
    "months with a slash": ([f"{m:%m/%Y}" for m in DAYS], [m.replace(day=1) for m in DAYS]),
    "ISO months": ([f"{m:%Y-%m}" for m in DAYS], [m.replace(day=1) for m in DAYS]),
    "summer in California": ([f"{m - timedelta(hours=7):%a %b %d %H:%M:%S PDT %Y}" for m in MOMENTS], SECONDS),
    "what date prints": ([f"{m:%a %b %d %H:%M:%S} UTC {m.year}" for m in MOMENTS], SECONDS),
    "Berlin in summer": ([f"{m + timedelta(hours=2):%d.%m.%Y %H:%M:%S} CEST" for m in MOMENTS], SECONDS),
    "forms": ([f"{m + timedelta(hours=1):%Y/%m/%d %I:%M:%S %p} GMT+1" for m in MOMENTS], SECONDS),
    "half hours": ([f"{m + timedelta(hours=5.5):%Y/%m/%d %H:%M:%S} UTC+5:30" for m in MOMENTS], SECONDS),
    "dashes for missing": (["-" if row % 12 == 5 else f"{m:%Y-%m-%d}" for row, m in enumerate(DAYS)], DAYS),
}  # fmt: skip


@pytest.mark.parametrize("kind", TIMES)
def test_times_are_read_as_they_were_meant(kind: str) -> None:
    cells, wanted = TIMES[kind]
    found = door(["created_at", "y"], cells, ["a", "b"] * (ROWS // 2))["created_at"]
    assert (found.kind, found.readable) == ("time", 1.0)
    apart = (found.times - pd.Series(wanted)).abs().max()
    assert apart < pd.Timedelta(seconds=1)
    if "since 1899" not in kind:
        assert apart == pd.Timedelta(0)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("phone", [str(1_600_000_000 + 77_777 * row) for row in range(ROWS)]),
        ("visits", [str(42_000 + row) for row in range(ROWS)]),
        ("time", [str(97 * row) for row in range(ROWS)]),
        ("year", [str(1950 + row % 60) for row in range(ROWS)]),
        ("day", [str(row % 31) for row in range(ROWS)]),
    ],
)
def test_numbers_that_are_no_times_stay_numbers(name: str, cells: list[str]) -> None:
    assert door([name, "y"], cells, ["a", "b"] * (ROWS // 2))[name].kind == "number"


@pytest.mark.parametrize(
    ("name", "cells", "said"),
    [
        ("created_at", [f"week {row} of the plan" for row in range(ROWS)], "named like a time"),
        ("timestamp", [str(97 * row) for row in range(ROWS)], "named like a time"),
        ("date", [f"{row % 28 + 1:02}/{row % 12 + 1:02}" for row in range(ROWS)], "named like a time"),
        ("price", [f"{row} per {row % 7}" for row in range(ROWS)], "named like an amount"),
        ("Betrag", [f"ca. {row},- VB" if row % 2 else f"{row}" for row in range(ROWS)], "named like an amount"),
        ("total_cost", [f"{row}k/{row}m" for row in range(ROWS)], "named like an amount"),
    ],
)
def test_a_column_that_is_not_what_its_name_says_is_told(name: str, cells: list[str], said: str) -> None:
    assert said in door([name, "y"], cells, ["a", "b"] * (ROWS // 2))[name].doubt


CHINESE = ["这家店的服务非常差没有人回复", "体验很棒下次还会再买", "快递很快产品很好谢谢大家", "产品到货时坏了我要退款"]
JAPANESE = ["届いた箱が壊れていて返金を求めます", "店員が親切で大変満足しました", "商品は素晴らしくまた注文します"]
THAI = ["สินค้าดีมากส่งเร็ว", "บริการแย่มากไม่มีใครตอบ", "ของเสียต้องการเงินคืน"]


@pytest.mark.parametrize("phrases", [CHINESE, JAPANESE, THAI], ids=["Chinese", "Japanese", "Thai"])
@pytest.mark.parametrize("joined", [1, 2])
def test_text_without_blanks_is_a_text(phrases: list[str], joined: int) -> None:
    cells = ["".join(phrases[(row * (part + 2)) % len(phrases)] for part in range(joined)) + str(row)
             for row in range(ROWS)]  # fmt: skip
    assert door(["评论", "y"], cells, ["a", "b"] * (ROWS // 2))["评论"].kind == "text"


def test_names_and_codes_without_blanks_are_no_text() -> None:
    names = [f"王{'小大明华'[row % 4]}{chr(0x4E00 + row)}" for row in range(ROWS)]
    assert door(["姓名", "y"], names, ["a", "b"] * (ROWS // 2))["姓名"].kind == "code"
    assert door(["城市", "y"], ["北京", "上海", "广州"] * 40, ["a", "b"] * 60)["城市"].kind == "category"
