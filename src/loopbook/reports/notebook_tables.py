"""Tables of notebooks as people read them: headings in words, no column of row numbers, a block a row on a phone."""

import re
from collections.abc import Callable

from loopbook.reports.overview import label

_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(r"<(t[hd])([^>]*)>(.*?)</\1>", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_COLUMNS = 3  # beyond them a row becomes a block on a phone

Cells = list[tuple[str, str, str]]
"""Of one row: each cell's tag, attributes and content."""


def readable(html: str) -> str:
    """Return clean HTML with its tables made readable; one whose cells span several is left as it is."""
    return _TABLE.sub(_readable, html)


def _readable(table: re.Match[str]) -> str:
    head, end, body = table[0].partition("</thead>")
    rows: list[Cells] = [_CELL.findall(row) for row in _ROW.findall(body)]
    heads = [_CELL.findall(row) for row in _ROW.findall(head)]
    if not end or "span=" in table[0] or len(heads) != 1 or any(len(row) != len(heads[0]) for row in rows):
        return table[0]
    names = heads[0]
    if not names[0][2] and all(re.fullmatch(r"\d+", row[0][2].strip()) for row in rows):
        names, rows = names[1:], [row[1:] for row in rows]
    if not names:
        return table[0]
    names = [(tag, attributes, _words(text)) for tag, attributes, text in names]
    kind = ' class="stacked"' if len(names) > _COLUMNS else ""
    written = "".join(_row(row, lambda at: f' data-label="{_plain(names[at][2])}"') for row in rows)
    return f"<table{kind}><thead>{_row(names, lambda _: '')}</thead><tbody>{written}</tbody></table>"


def _row(cells: Cells, more: Callable[[int], str]) -> str:
    written = (
        f"<{tag}{attributes}{more(at) if tag == 'td' else ''}>{_words(text) if tag == 'th' else text}</{tag}>"
        for at, (tag, attributes, text) in enumerate(cells)
    )
    return f"<tr>{''.join(written)}</tr>"


def _words(text: str) -> str:
    """Return a name of the code in words, anything else as it is."""
    plain = text.replace("<wbr>", "").strip()
    return label(plain) if _NAME.fullmatch(plain) and ("_" in plain or label(plain).lower() != plain) else text


def _plain(html: str) -> str:
    """Return a heading as an attribute's value; it is escaped already, but for its quotes."""
    return re.sub(r"<[^>]*>", "", html).replace('"', "&quot;")
