"""Tables of notebooks as people read them: headings in words, few figures a number, a block a row on a phone.

Row numbers have no column; the ends of an interval stand under its value. A long table is folded on a phone, under a
line that says what it holds; wide windows and paper show it open.
"""

import re
from collections.abc import Callable
from html import escape

from loopbook.reports.overview import label, number

_BOX = re.compile(r'<div class="scroll"[^>]*>\s*<table.*?</table>\s*</div>', re.DOTALL)
_TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
_ROW = re.compile(r"<tr>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(r"<(t[hd])([^>]*)>(.*?)</\1>", re.DOTALL)
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_ENDS = "<br><small>low to high</small>"
_NUMERIC = ' class="n"'
_MISSING = ("NaN", "NaT", "&lt;NA&gt;")  # as pandas writes them
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d+)?\+00:00")
_DECIMAL = re.compile(r"[-+]?\d+(?:\.\d+(?:e[-+]\d+)?|e[-+]\d+)")
_COLUMNS = 2  # beyond them a row becomes a block on a phone
_CELL_ROOM = 28  # letters that a phone's lines lose to a cell: its heading, the gap after it
_LEAST = 1e-6  # below it, a number is told as everywhere else
_NAMED = 4  # headings that the line over a folded table names
_LONGEST = 400  # letters, less than half of what a phone shows at once

_THEIRS = {"action", "class", "group", "is", "label", "model says", "ranker", "segment"}
"""Headings of indexes whose names come from the data or the scenario: they stay as they are spelt."""

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
    names = [text.replace(_ENDS, "") for _, _, text in _CELL.findall(head.partition("<thead>")[2]) if text.strip()]
    listed = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
    held = f"{body.count('<tr'):,} rows" + (f": {listed}" if names else "")
    return f'<details class="long"><summary>{held}</summary>{box[0]}</details>'


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
    theirs = names[0][2].replace("<wbr>", "").strip() in _THEIRS
    names, *rows = _with_intervals(names, rows)
    mixed = {at for row in rows for at, (_, kind, text) in enumerate(row) if _NUMERIC not in kind and _is_text(text)}
    names, *rows = ([_aligned(cell, at in mixed) for at, cell in enumerate(row)] for row in (names, *rows))
    kind = ' class="stacked"' if len(names) > _COLUMNS else ""
    written = "".join(_row(row, lambda at: f' data-label="{_plain(names[at][2])}"', not theirs) for row in rows)
    return f"<table{kind}><thead>{_row(names, lambda _: '')}</thead><tbody>{written}</tbody></table>"


def _with_intervals(names: Cells, rows: list[Cells]) -> list[Cells]:
    """Return head and rows with columns `x_low` and `x_high`, or `low` and `high`, within that of `x` before them."""
    plain = [text.replace("<wbr>", "").strip() for _, _, text in names]
    held = {
        at
        for at, name in enumerate(plain)
        if tuple(plain[at + 1 : at + 3]) in ((f"{name}_low", f"{name}_high"), ("low", "high"))
        and all(_NUMERIC in row[at][1] or not _is_text(row[at][2]) for row in rows)
    }
    kept = [at for at in range(len(plain)) if not {at - 1, at - 2} & held]
    head = [(*names[at][:2], _words(names[at][2], heading=True) + (_ENDS if at in held else "")) for at in kept]
    body = [[(*row[at][:2], _interval(row, at) if at in held else row[at][2]) for at in kept] for row in rows]
    return [head, *body]


def _interval(row: Cells, at: int) -> str:
    """Return a value over its interval; alone if that is missing or has no width, as where all resamples agree."""
    value, low, high = (_value(text) for _, _, text in row[at : at + 3])
    return value if "–" in (low, high) or low == high else f"{value}<br><small>{low} to {high}</small>"


def _row(cells: Cells, more: Callable[[int], str], worded: bool = True) -> str:
    written = (
        f"<{tag}{attributes}{more(at) if tag == 'td' else ''}>"
        f"{_value(text) if tag == 'td' else _words(text) if worded else text}</{tag}>"
        for at, (tag, attributes, text) in enumerate(cells)
    )
    return f"<tr>{''.join(written)}</tr>"


def _is_text(content: str) -> bool:
    return bool(content.strip()) and content.strip() not in _MISSING


def _aligned(cell: tuple[str, str, str], mixed: bool) -> tuple[str, str, str]:
    """Return a cell that stands at the beginning of its column, if that holds texts beside numbers."""
    tag, attributes, text = cell
    return (tag, attributes.replace(_NUMERIC, ""), text) if mixed else cell


def _words(text: str, heading: bool = False) -> str:
    """Return a name of the code in words, anything else as it is; any heading begins with a capital."""
    plain = text.replace("<wbr>", "").strip()
    named = _NAME.fullmatch(plain) and (heading or "_" in plain or label(plain).lower() != plain)
    if named:
        return label(plain)
    return f"{text[:1].upper()}{text[1:]}" if heading else text


def _value(text: str) -> str:
    """Return a cell: a dash for what is missing, few figures a number, a moment without fractions and offset."""
    if _DECIMAL.fullmatch(text.strip()):
        return escape(_figures(float(text)))
    return "–" if text.strip() in _MISSING else _MOMENT.sub(r"\1 UTC", text)


def _figures(value: float) -> str:
    """Return a number as pages tell it, but below 1 with three figures that count: settings may be as close as that."""
    if not _LEAST <= abs(value) < 1:
        return number(value + 0.0)  # no minus before a zero
    return f"{float(f'{value:.3g}'):.8f}".rstrip("0").rstrip(".")


def _plain(html: str) -> str:
    """Return a heading's own words as an attribute's value; it is escaped already, but for its quotes."""
    return re.sub(r"<[^>]*>", "", html.replace(_ENDS, "")).replace('"', "&quot;")
