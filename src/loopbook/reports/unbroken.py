"""What a line of a page must not part: a date, a number and its unit, the two ends of a range, a sign and its number.

Browsers break after the hyphens of a date, and at any blank. A text's characters stay as they are, so that it can be
searched and copied; the style sheet keeps each marked piece together where the line has room for it.
"""

import re

_NUMBER = r"[-−+]?\d[\d,]*(?:\.\d+)?%?"
_UNIT = r" (?:[A-Z]{3}|€|£|\$|ms|min|s|h)(?!\w)"
_SIGN = r"(?:≥|≤|=|&lt;|&gt;)"
_WHOLE = re.compile(
    r"<(?P<bare>script|style|title|textarea|option|svg|math|pre|code)\b.*?</(?P=bare)>"  # nothing in them is dressed
    r"|<span class=whole>.*?</span>"  # a chapter of a page has been through here
    r"|<[^>]*>"
    rf"|(?<![\w.,:-])(?P<text>\d{{4}}-\d\d-\d\d(?![\w-])"
    rf"|(?:\w )?{_SIGN} {_NUMBER}|{_NUMBER} to {_NUMBER}(?:{_UNIT})?|{_NUMBER}{_UNIT}(?: {_NUMBER}{_UNIT})?)",
    re.DOTALL,
)


def unbroken(html: str) -> str:
    """Return HTML with every piece of its text that must stay on one line marked as such."""
    return _WHOLE.sub(_marked, html)


def _marked(piece: re.Match[str]) -> str:
    # Without quotes, so that it could not end an attribute that holds a > and a date.
    return piece[0] if piece["text"] is None else f"<span class=whole>{piece['text']}</span>"
