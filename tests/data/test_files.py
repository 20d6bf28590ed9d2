"""Every row of a file is read with its line, or is a broken row; none takes its neighbours with it."""

import csv
import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loopbook.data import encodings, files, plain_csv
from loopbook.data.files import CsvForm
from loopbook.scenario.errors import DataError

CELL = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12)


def read(text: str, **form: object) -> files.Table:
    return files.read_csv(text.encode(), CsvForm(**form), "rows.csv")


def test_broken_lines_are_kept_apart_with_their_line_number():
    table = read(
        'id,text,alarm\n1,"a ""quoted"" one",no\n'
        '2,"never closed,yes\n3,fine,no\n4,"two\nlines",no\n5,a,b,no\n\n6,short\n'
        '7,"said "no" loudly",no\n8,"open at the end,yes\n9,last,yes\n'
    )
    assert table.rows == [
        ["1", 'a "quoted" one', "no"],
        ["3", "fine", "no"],
        ["4", "two\nlines", "no"],
        ["9", "last", "yes"],
    ]
    assert table.lines == [2, 4, 5, 12]
    assert [(row.line, row.reason) for row in table.broken] == [(line, "broken-line") for line in (3, 7, 9, 10, 11)]
    assert table.broken[1].detail == "4 fields where the header has 3"


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=8), st.sampled_from(",;\t|"))
@settings(max_examples=150, deadline=None)
def test_what_the_csv_module_writes_is_read_back(rows, sign):
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=sign, quoting=csv.QUOTE_ALL)
    writer.writerows([["a", "b", "c"], *rows])
    table = read(buffer.getvalue(), delimiter=sign)
    assert table.rows == rows
    assert not table.broken


@example([',,"', '",""'])
@given(st.lists(st.text(alphabet='ab,"\n', max_size=15), min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_lines_of_rows_and_broken_rows_differ_and_nothing_is_lost(lines):
    text = "x,y\n" + "\n".join(lines) + "\n"
    try:
        table = read(text, delimiter=",")
    except DataError:
        assert not "".join(lines).strip()
        return
    begins = table.lines + [row.line for row in table.broken]
    assert len(set(begins)) == len(begins)
    # Every line that is not blank is the beginning of a row, or inside a row of several lines.
    covered = set(begins)
    for begin, row in zip(table.lines, table.rows, strict=True):
        covered |= set(range(begin, begin + 1 + sum(cell.count("\n") for cell in row)))
    filled = {number for number, line in enumerate(text.split("\n"), start=1) if line and number > 1}
    assert filled <= covered


def test_a_header_that_stands_there_again_is_no_row():
    content = b"a, b\n1,2\na, b\n3,4\n"
    assert plain_csv.read(content, CsvForm(), "x.csv") is None
    table = files.read_csv(content, CsvForm(), "x.csv")
    assert table.rows == [["1", "2"], ["3", "4"]]
    assert [(row.line, row.detail) for row in table.broken] == [(3, "the header again")]


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_from_the_first_lines(sign):
    text = "\n".join(sign.join(row) for row in [("id", "note", "n"), ("1", "a.b", "2"), ("2", "c: d", "3")])
    assert read(text).columns == ("id", "note", "n")


def test_a_byte_order_mark_and_empty_names_do_not_disturb():
    table = files.read_csv(b"\xef\xbb\xbfid,,note\n1,x,y\n", CsvForm(), "rows.csv")
    assert table.columns == ("id", "unnamed_2", "note")


def test_quotation_marks_can_be_ordinary_characters():
    table = read('1\t"a\n2\tb"\n', delimiter="\t", header=("id", "text"), quoting=False)
    assert table.rows == [["1", '"a'], ["2", 'b"']]
    assert table.lines == [1, 2]


def test_a_text_of_a_megabyte_is_read():
    assert len(read("id,text\n1," + "a" * 1_000_000 + "\n").rows[0][1]) == 1_000_000


def test_at_most_so_many_rows_are_read():
    table = files.read_csv(b"a,b\n1,2\n3\n4,5\n6,7\n", CsvForm(), "rows.csv", limit=3)
    assert (len(table.rows), len(table.broken)) == (2, 1)


@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        ("id,t\n1,ok\n2,Käse\n".encode("cp1252"), "utf-8", r"rows\.csv:3: byte 0xe4 is not utf-8.*probably cp1252"),
        ("id,t\n1,Käse\n".encode("utf-16"), "utf-8", r"rows\.csv:1: .*probably utf-16"),
        ("id,t\n1,plain\n".encode("utf-16-le"), "utf-8", r"rows\.csv:1: .*probably utf-16-le"),
        ("id,t\n1,Käse\n".encode(), "ascii", r"rows\.csv:2: .*probably utf-8"),
        (b"id,t\n1,x\n", "utf8x", "'utf8x' is not known"),
        (b"", "utf-8", "is empty"),
        (b" \n \n", "utf-8", "is empty"),
        (b"id,t\n", "utf-8", "has a header and no rows"),
        (b"id,t,id\n1,2,3\n", "utf-8", "'id' more than once"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(content, encoding, expected):
    with pytest.raises(DataError, match=expected):
        files.read_csv(content, CsvForm(encoding=encoding), "rows.csv")


def test_a_file_in_the_encoding_that_it_is_said_to_have_is_read():
    assert files.read_csv("a,b\nKäse,€\n".encode("cp1252"), CsvForm(encoding="cp1252"), "f").rows == [["Käse", "€"]]
    assert files.read_csv("a,b\nKäse,€\n".encode("utf-16"), CsvForm(encoding="utf-16"), "f").rows == [["Käse", "€"]]


def test_the_quick_look_reads_the_columns_from_the_first_lines(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("id;text\n" + "1;ä\n" * 60_000, encoding="utf-8")
    assert files.csv_columns(path, CsvForm(), "rows.csv") == ("id", "text")
    with pytest.raises(DataError, match=r"2 fields, but source\.header names 3"):
        files.csv_columns(path, CsvForm(header=("a", "b", "c")), "rows.csv")


def test_json_lines_keep_types_and_nested_values_as_text():
    rows = [{"id": 1, "text": "a\nb"}, {"id": 2, "text": None, "more": {"x": [1]}}]
    content = "\n".join([json.dumps(rows[0]), "", "{broken", json.dumps(rows[1]), "[1, 2]", "[" * 100_000])
    table = files.read_jsonl(content.encode(), "rows.jsonl")
    assert table.columns == ("id", "text", "more")
    assert table.rows == [[1, "a\nb", None], [2, None, '{"x": [1]}']]
    assert table.lines == [1, 4]
    assert [row.line for row in table.broken] == [3, 5, 6]
    assert table.broken[1].detail == "a JSON list, not an object"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_head_of_a_large_file_ends_with_a_whole_line(encoding, tmp_path):
    # ਊ and Ā hold the bytes of a line's end in UTF-16, at places where none is.
    text = "id,text\n" + "".join(f"{number},plain Āਊ words {number}\n" for number in range(8_000))
    path = tmp_path / "rows.csv"
    begin = "\ufeff".encode(encoding) if encoding == "utf-16-be" else b""
    path.write_bytes(begin + text.encode(encoding))
    head = files.head(path)
    assert 60_000 < len(head) <= 65_536
    likely = encodings.likely(path.read_bytes())[0]
    shown = files.decode(head, likely, "rows.csv").removeprefix("\ufeff")
    assert shown.endswith("\n")
    assert text.startswith(shown)
    assert files.csv_columns(path, CsvForm(encoding=likely), "rows.csv") == ("id", "text")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2,\n3,4,\n", [["1", "2"], ["3", "4"]]),
        ("a;b\n1;2;;\n3;4\n", [["1", "2"], ["3", "4"]]),
        ('a,b\n"x\ny",2,\n3,4,\n', [["x\ny", "2"], ["3", "4"]]),
        ("a\tb\n1\t\t\n3\t4\n", [["1", ""], ["3", "4"]]),
        ("a,b,\n1,2\n3,4,\n", [["1", "2", ""], ["3", "4", ""]]),
    ],
)
def test_a_delimiter_at_the_end_of_a_line_makes_no_field(text: str, rows: list[list[str]]) -> None:
    table = read(text)
    assert table.rows == rows
    assert not table.broken


def test_a_field_too_many_that_holds_something_breaks_the_line() -> None:
    assert [row.line for row in read("a,b\n1,2,3\n4,5,\n").broken] == [2]


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        (r'"He said \"late\" again"', 'He said "late" again'),
        (r'"\"", it"', None),
        (r'"a \\ b"', r"a \ b"),
        (r'"5\" pipe, 3 m"', '5" pipe, 3 m'),
        (r'"ends with \\"', "ends with \\"),
    ],
)
def test_a_backslash_before_a_quotation_mark(field: str, meant: str | None) -> None:
    table = read(f"a,b\n{field},2\n", escapes=True)
    assert [row[0] for row in table.rows] == ([] if meant is None else [meant])
