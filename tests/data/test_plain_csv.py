"""What Arrow reads is what the careful reader reads; what can be read in two ways, it leaves to that one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.data import files, plain_csv
from loopbook.data.files import CsvForm

PLAIN = {
    "numbers": "a,b\n1,2\n3,4\n",
    "no end": "a,b\n1,2\n3,4",
    "carriage returns": "a,b\r\n1,2\r\n3,4\r\n",
    "empty values": "a,b\n,2\n3,\n,\n",
    "quoted": 'a,b\n"x, y",2\n"he said ""no""",""\n',
    "spaces and letters": "a,b\n é , \u00a0x\nNA,null\n",
    "mark": "\ufeffa,b\n1,2\n",
}
CAREFUL = {
    "several lines": 'a,b\n"x\ny",2\n3,4\n',
    "too many fields": "a,b\n1,2,3\n3,4\n",
    "too few fields": "a,b\n1\n3,4\n",
    "stray mark": 'a,b\n"x"y,2\n3,4\n',
    "never closed": 'a,b\n"x,2\n3,4\n',
    "never closed in the last line": 'a,b\n1,2\n3,"',
    "after an empty one": 'a,b\n1,""2\n',
    "a mark after a delimiter": 'a,b\n"1,"b,2\n',
    "backslash": 'a,b\n"x\\"y",2\n3,4\n',
    "empty line": "a,b\n1,2\n\n3,4\n",
    "line end within": "a,b\n1,2\r3,4\n",
}


def both(text: str, form: CsvForm) -> tuple[list[list[str]] | None, files.Table]:
    content = text.encode()
    plain = plain_csv.read(content, form, "rows.csv")
    return None if plain is None else plain.to_numpy().tolist(), files.read_csv(content, form, "rows.csv")


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("form", [CsvForm(), CsvForm(header=("a", "b"))], ids=["header", "named"])
def test_a_plain_file_gives_the_same_rows_on_the_same_lines(text: str, form: CsvForm) -> None:
    rows, table = both(text, form)
    assert rows == table.rows and not table.broken
    assert table.lines == list(range(2 - bool(form.header), len(table.rows) + 2 - bool(form.header)))


@pytest.mark.parametrize("text", CAREFUL.values(), ids=CAREFUL)
def test_what_must_be_read_with_care_is_left_to_the_careful_reader(text: str) -> None:
    assert both(text, CsvForm())[0] is None


@given(st.lists(st.lists(st.text('ab1",;\n\r\\ \u00e9', max_size=4), min_size=2, max_size=2), min_size=1, max_size=4))
def test_whatever_arrow_reads_the_careful_reader_reads_too(rows: list[list[str]]) -> None:
    found, table = both("h,i\n" + "\n".join(",".join(row) for row in rows), CsvForm(delimiter=","))
    assert found is None or (found == table.rows and not table.broken)
