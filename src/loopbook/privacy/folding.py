"""Unicode folding before a search: full-width letters, look-alike dashes and spaces, and what nobody sees."""

import re

_DASHES, _SPACES = (
    "\u2010\u2011\u2212\uff0d",
    "\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
)
_UNSEEN = "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff"
_PLAIN = (
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    | {ord(sign): ord("-") for sign in _DASHES}
    | {ord(sign): ord(" ") for sign in _SPACES}
)
_TO_FOLD = re.compile(f"[\uff01-\uff5e{_DASHES}{_SPACES}{_UNSEEN}]")


def fold(text: str) -> tuple[str, list[int] | None]:
    """Return a text as it is read, and the place in `text` of each of its letters; None: nothing was folded."""
    if text.isascii() or not _TO_FOLD.search(text):
        return text, None
    places = [place for place, sign in enumerate(text) if sign not in _UNSEEN]
    return "".join(text[place] for place in places).translate(_PLAIN), places
