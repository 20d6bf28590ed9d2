"""Texts of the pages in all languages, a file for each page; and which language a reader is shown."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent / "texts"
LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
"""What there is, by its BCP 47 tag; the first is shown to whoever asks for none of them."""

_RANGE = re.compile(r"([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9]{1,8})*(?:;q=([01](?:\.\d{0,3})?))?")


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Return all texts: ``page.key`` to language to text; `en_one` is the English for a single one (`n` is 1)."""
    return {
        f"{file.stem}.{key}": said
        for file in sorted(FOLDER.glob("*.yaml"))
        for key, said in yaml.safe_load(file.read_text(encoding="utf-8")).items()
    }


def text(language: str, key: str, **values: Any) -> str:
    """Return a text in a language, its ``{names}`` filled in; what is filled in is escaped by the template.

    Raises
    ------
    KeyError
        If there is no such text, or a name in it is not given.
    """
    said = texts()[key]
    single = said.get(f"{language}_one") if values.get("n") == 1 else None
    return (single or said[language]).format(**values)


def language(wished: str | None, accepted: str | None) -> str:
    """Return which language to show.

    Parameters
    ----------
    wished
        What was chosen by hand.
    accepted
        The browser's ``Accept-Language``.
    """
    if wished in LANGUAGES:
        return str(wished)
    ranges = (_RANGE.fullmatch(part.replace(" ", "")) for part in (accepted or "")[:1_000].split(","))
    weighed = [(float(found[2] or 1), found[1].lower()) for found in ranges if found]
    known = [(weight, tag) for weight, tag in weighed if tag in LANGUAGES and weight > 0]
    return max(known, key=lambda each: each[0])[1] if known else next(iter(LANGUAGES))
