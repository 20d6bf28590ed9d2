"""YAML for what comes from data: names and values that read back as themselves, comments that stay comments."""

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from loopbook.data.cleaning import shorten
from loopbook.scenario.reading import plain

_PLAIN = re.compile(r"[^\W\d_]\w*(?: \w+)*")
_WIDTH = 118


def scalar(value: Any) -> str:
    """Return a value as YAML that reads back as the same value, on one line, in a list and as a key too."""
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) and value.isprintable() and plain(value) == value:
            return value
        # A JSON string is a YAML string, but for what YAML does not allow in a file as it is.
        written = json.dumps(value, ensure_ascii=False)
        return "".join(each if each.isprintable() else _escape(each) for each in written)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value)


def _escape(character: str) -> str:
    return f"\\U{ord(character):08x}" if ord(character) > 0xFFFF else f"\\u{ord(character):04x}"


def comment(text: str, indent: int = 0) -> str:
    """Return a text as comment lines; whatever could end a comment or cannot be printed becomes a space."""
    clean = "".join(each if each.isprintable() else " " for each in text)
    lines = textwrap.wrap(clean, _WIDTH - indent - 2, break_on_hyphens=False) or [""]
    return "\n".join(f"{' ' * indent}# {line}" for line in lines)


def noted(line: str, text: str) -> str:
    """Return a line with a comment behind it, or above it where it is long."""
    short = comment(text)
    if "\n" not in short and len(line) + 2 + len(short) <= _WIDTH:
        return f"{line}  {short}"
    return f"{comment(text, len(line) - len(line.lstrip()))}\n{line}"


def listing(key: str, values: Sequence[Any]) -> str:
    """Return a key with a list: on one line where it fits, else an item a line."""
    line = f"{key}: {listed(values)}"
    indent = " " * (len(key) - len(key.lstrip()))
    return (
        line if len(line) <= _WIDTH else "\n".join([f"{key}:", *(f"{indent}  - {scalar(value)}" for value in values)])
    )


def listed(values: Iterable[Any]) -> str:
    """Return values as a YAML list on one line."""
    return f"[{', '.join(map(scalar, values))}]"


def quoted(name: str) -> str:
    """Return a name from data for a comment: short, masked, on one line, in quotation marks."""
    return repr(shorten(name, 60))
