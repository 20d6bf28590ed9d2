"""Dates of birth in a text, where the words before a date say that it is one."""

import re
from collections.abc import Iterator

_MONTHS = (
    r"(?:jan|feb|m[aäá]r|apr|ma[yijg]|giu|jun|jui|jul|ju[ln]h|lug|aug|ago|ao[uû]|sep|set|o[ckt]t|out|nov|dec|dez|d[ée]c"
    r"|dic|fev|fév|f[ée]v|abr|avr|ene|gen|mei|mrt)[^\W\d]{0,9}\.?"
)
_NAMED = re.compile(
    r"(?<![^\W_])(?:dates? of birth|birth ?dates?|birth ?days?|dob|d\.o\.b\.?|born|geboren|geb\.|geburts(?:datum|tag)"
    r"|née? le|date de naissance|fecha de nacimiento|naci(?:do|da)|nací|nasci(?:do|da)?|data de nascimento"
    r"|data di nascita|nat[oa] il|geboortedatum|urodzon[ya]|data urodzenia|födelsedatum|fødselsdato|doğum tarihi"
    r"|дата рождения|出生日期|生日|出生|生年月日|誕生日|생년월일)"
    r"[\s:=('\"]{0,4}(?:(?:is|was|ist|am|on|the|el|em|le|il|op|est|é)\s+){0,2}"
    r"(?P<date>\d{1,2}[-./ ]\d{1,2}[-./ ](?:\d{4}|\d{2})|\d{4}[-./]\d{1,2}[-./]\d{1,2}"
    r"|\d{4}\s?[年년]\s?\d{1,2}\s?[月월]\s?\d{1,2}\s?[日일]"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.|º)?(?: of| de|-)?[ -]?{_MONTHS}(?: de|,)?[ -]?\d{{2,4}}"
    rf"|{_MONTHS} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})(?![\w-])",
    re.IGNORECASE,
)


def births(text: str) -> Iterator[tuple[int, int]]:
    """Return begin and end of every date that its words call one of birth."""
    return (match.span("date") for match in _NAMED.finditer(text))
