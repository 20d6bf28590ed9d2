"""Tables of notebooks as people read them: headings in words, no column of row numbers, a block a row on a phone.

A long table is folded on a phone, under a line that says what it holds; wide windows and paper show it open.
"""

import re
from collections.abc import Callable

from loopbook.reports.overview import label

_BOX = re.compile(r'<div class="scroll"[^>]*>\s*<table.*?</table>\s*</div>', re.DOTALL)
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(r"<(t[hd])([^>]*)>(.*?)</\1>", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_MISSING = ("NaN", "NaT", "&lt;NA&gt;")  # as pandas writes them
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)?\+00:00")
_COLUMNS = 2  # beyond them a row becomes a block on a phone
_CELL_ROOM = 20  # letters that a phone's lines lose to a cell: its heading, the gap after it
_LONGEST = 450  # letters, about half of what a phone shows at once

Cells = list[tuple[str, str, str]]
"""Of one row: each cell's tag, attributes and content."""


def readable(html: str) -> str:
    """Return clean HTML with its tables made readable; one whose cells span several is left as it is."""
    return _BOX.sub(_folded, _TABLE.sub(_readable, html))


def _folded(box: re.Match[str]) -> str:
    """Return a table under a line that unfolds it, if it is longer than a phone's window."""
    head, _, body = box[0].partition("</thead>")
    if len(_plain(body)) + _CELL_ROOM * body.count("<td") <= _LONGEST:
        return box[0]
    names = [text for _, _, text in _CELL.findall(head.partition("<thead>")[2]) if text.strip()]
    held = f"{body.count('<tr'):,} rows" + (f": {', '.join(names)}" if names else "")
    return f'<details class="table"><summary>{held}</summary>{box[0]}</details>'


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
    names = [(tag, attributes, _words(text, heading=True)) for tag, attributes, text in names]
    kind = ' class="stacked"' if len(names) > _COLUMNS else ""
    written = "".join(_row(row, lambda at: f' data-label="{_plain(names[at][2])}"') for row in rows)
    return f"<table{kind}><thead>{_row(names, lambda _: '')}</thead><tbody>{written}</tbody></table>"


def _row(cells: Cells, more: Callable[[int], str]) -> str:
    written = (
        f"<{tag}{attributes}{more(at) if tag == 'td' else ''}>{_words(text) if tag == 'th' else _value(text)}</{tag}>"
        for at, (tag, attributes, text) in enumerate(cells)
    )
    return f"<tr>{''.join(written)}</tr>"


def _words(text: str, heading: bool = False) -> str:
    """Return a name of the code in words, anything else as it is; any heading begins with a capital."""
    plain = text.replace("<wbr>", "").strip()
    named = _NAME.fullmatch(plain) and (heading or "_" in plain or label(plain).lower() != plain)
    return label(plain) if named else text


def _value(text: str) -> str:
    """Return a cell with a dash for what is missing, and a moment without its fractions and offset."""
    return "–" if text.strip() in _MISSING else _MOMENT.sub(r"\1 UTC", text)


def _plain(html: str) -> str:
    """Return a heading as an attribute's value; it is escaped already, but for its quotes."""
    return re.sub(r"<[^>]*>", "", html).replace('"', "&quot;")
