"""Spellings of numbers and days that mean the same as a plain one: spaces, signs, digits, months of many languages."""

import re
import unicodedata
from functools import cache

_SPACES = dict.fromkeys([0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000], " ")
_NOTHING = dict.fromkeys([0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF], "")
_MINUS = dict.fromkeys([0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212, 0xFE63], "-")
_APOSTROPHES = dict.fromkeys([0x2019, 0x02BC, 0xB4], "'")
_WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_SIGNS = {0xFFE5: "¥", 0xFFE1: "£", 0xFFE0: "¢", 0xFFE6: "₩", 0x066B: ".", 0x066C: ",", 0x066A: "%"}
_PLAIN = _SPACES | _NOTHING | _MINUS | _APOSTROPHES | _WIDE | _SIGNS

_LOCALES = (
    *("en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "pl", "cs", "sk", "hu", "ro", "tr", "ru"),
    *("uk", "el", "id", "vi"),
)
_ENGLISH = (*("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),)
_KNOWN = {month.lower(): month for month in _ENGLISH} | {"am": "AM", "pm": "PM", "t": "T", "z": "Z"}
_WORD = re.compile(r"[^\W\d_]+(?:\.(?=\s|,|$))?")
_OFFSETS = {"PST": "-08", "PDT": "-07", "MDT": "-06", "EDT": "-04", "CEST": "+02"}  # `%Z` knows the others
_ZONE = re.compile(rf"\s*\b(UTC|GMT|{'|'.join(_OFFSETS)})(?:([+-])(\d\d?)(?::?(\d\d))?)?(?=$|\s+\d{{4}}$)")
_FILLERS = frozenset({"de", "del", "of", "den", "le", "the"})


def plain(text: str) -> str:
    """Return a text with plain spaces, minus signs, apostrophes and digits, and without space around it."""
    if text.isascii():
        return text.strip()
    digits = {ord(each): str(unicodedata.decimal(each)) for each in text if each.isdecimal()}
    return text.translate(_PLAIN | digits).strip()


@cache
def _month_names() -> dict[str, str]:
    """Return the English short name of a month by its name in each language; of two meanings the first holds."""
    from babel.dates import get_month_names

    names = {"sept": "Sep", "mrz": "Mar", "maerz": "Mar"}
    for locale in _LOCALES:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_month_names(width, context, locale).items():
                    names.setdefault(name.casefold().rstrip("."), _ENGLISH[number - 1])
    return names


@cache
def _weekday_names() -> frozenset[str]:
    from babel.dates import get_day_names

    found = (get_day_names(width, "format", locale) for locale in _LOCALES for width in ("wide", "abbreviated"))
    return frozenset(name.casefold().rstrip(".") for names in found for name in names.values()) - set(_month_names())


def dated(text: str) -> str:
    """Return a time with English short months, without days of the week, commas and fillers; UTC is an offset."""
    text = re.sub(r"\s*\(.*\)$", "", plain(text))
    text = re.sub(r"(\d{4})年(\d{1,2})月(\d{1,2})日", r"\1-\2-\3", text)
    text = re.sub(r"(:\d\d),(\d)", r"\1.\2", text)
    text = re.sub(r"(?<=\d)(?:st|nd|rd|th)\b", "", text)
    text = re.sub(r"\b([ap])\.\s?m\.", r"\1m", text, flags=re.IGNORECASE)
    text = _ZONE.sub(_offset, text)
    text = _WORD.sub(_word, text).replace(",", " ")
    return " ".join(text.split())


def _offset(zone: re.Match[str]) -> str:
    hours = f"{zone[2]}{zone[3]:0>2}" if zone[2] else _OFFSETS.get(zone[1], "+00")
    return f" {hours}{zone[4] or '00'}"


def _word(found: re.Match[str]) -> str:
    word = found[0].casefold().rstrip(".")
    if word in _KNOWN:
        return _KNOWN[word]
    if word in _FILLERS or word in _weekday_names():
        return ""
    return _month_names().get(word, found[0])


def time_format(form: str) -> str:
    """Return a format, as in ``strptime``, for times that `dated` has made plain."""
    form = re.sub(r"%B|%b\.?(?=[\s,]|$)", "%b", form)
    return " ".join(re.sub(r"%[aA]|,", " ", form).split())
