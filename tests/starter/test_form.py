"""How a csv file is written is found from the file; what is no such file is refused with what to do."""

from __future__ import annotations

import codecs
from collections.abc import Callable

import pytest

from loopbook.scenario.errors import DataError
from loopbook.starter.form import Form
from loopbook.starter.form import read as read_form

GERMAN = "Name;Betrag;Größe\n" + "Ulm;1.234,50;1,5\nKöln;12,00;2,5\n" * 5
ENGLISH = 'name,amount\nYork,"1,234.50"\nBath,3.25\n' * 1


@pytest.mark.parametrize(
    ("content", "encoding", "delimiter", "decimal", "thousands"),
    [
        (GERMAN.encode("utf-8"), "utf-8", ";", ",", "."),
        (codecs.BOM_UTF8 + GERMAN.encode("utf-8"), "utf-8", ";", ",", "."),
        (GERMAN.encode("latin-1"), "cp1252", ";", ",", "."),
        (GERMAN.encode("utf-16"), "utf-16", ";", ",", "."),
        (ENGLISH.encode(), "utf-8", ",", ".", ","),
        (b"a\tb\n1,5\tx\n2,25\ty\n", "utf-8", "\t", ",", None),
        (b"a|b\n1.5|x\n2.25|y\n", "utf-8", "|", ".", None),
        (b"a;b\n1 234,5;x\n2 000,25;y\n", "utf-8", ";", ",", " "),
    ],
)
def test_encoding_delimiter_and_marks_are_found(
    read: Callable[[bytes], Form], content: bytes, encoding: str, delimiter: str, decimal: str, thousands: str | None
) -> None:
    found = read(content)
    assert (found.encoding, found.delimiter, found.decimal, found.thousands) == (
        encoding,
        delimiter,
        decimal,
        thousands,
    )


@pytest.mark.parametrize(
    "header",
    ["land,2019,2020,text", "yes,no,how satisfied are you with it,0", "label,how many times a week do you,1,b"],
)
def test_a_header_of_years_or_questions_is_one(read: Callable[[bytes], Form], header: str) -> None:
    assert read(f"{header}\n{'x,3.5,4.5,some words'}\n{'y,1.5,2.5,others'}\n".encode()).delimiter == ","


def test_quotation_marks_that_do_not_come_in_pairs_are_ordinary_characters(read: Callable[[bytes], Form]) -> None:
    rows = "".join(f'"{number} inch screen,{number}\n' for number in range(50))
    assert read(f"text,y\n{rows}".encode()).quoting is False
    assert read(b'text,y\n"one\n1, two",1\n"three",0\n' * 1).quoting is True


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + b"x" * 50, "Excel workbook"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "a picture"),
        (bytes(range(1, 32)) * 20 + b"a,b\n1,2\n", "no text file"),
        (b" \n\n", "is empty"),
        (b"a,b\n", "header and no rows"),
        (b"alone\n1\n2\n", "has one column"),
        (b"1,2,3\n4,5,6\n", "first line holds values"),
        (
            b"ham\tGo until the point, there is a buffet\n" + b"spam\tWin a car now\nham\tOk\n" * 9,
            "first line holds values",
        ),
        (
            b'"0","146","Mon Apr 06 2009","NO_QUERY","a cup"\n' + b'"4","2","x","NO_QUERY","b"\n0,3,y,z,c\n' * 9,
            "holds values",
        ),
        (b"63.0,1.0,1.0,?,0\n" + b"37.0,0.0,2.0,3.0,1\n" * 9, "if these are values"),
        (b"a,a\n1,2\n", "more than once"),
        (b"Account;DE12\nFrom;May\n\nday;amount;text\n" + b"1;2;x\n" * 20, "Line 4 looks like the header"),
    ],
)
def test_what_is_no_table_is_refused_with_what_to_do(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_form(content, "x.csv")
