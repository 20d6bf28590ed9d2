"""National identity numbers, confirmed by python-stdnum: check digits, dates and ranges of each country's standard.

What chance would often make valid counts only beside its name; a form that is hardly anything else counts alone.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from loopbook.privacy import context

_GENERIC = (
    r"id|identity|identification|national|citizen|resident|personal|social|ssn|documento?|dokument|ausweis|passport"
)
_DEFAULT = r"\d{2,5}(?: \d{2,5}){1,4}|(?=[A-Z./-]{0,9}\d)[A-Z0-9]{1,20}(?:[./-][A-Z0-9]{1,10}){0,4}"


@dataclass(frozen=True)
class Number:
    """A kind of identity number.

    Attributes
    ----------
    standard
        Its module in python-stdnum: ``br.cpf``; empty: the form is all that there is to know.
    form
        How it is written.
    names
        Words beside it that say what it is.
    alone
        How it is written where it needs no name; empty: it always needs one.
    """

    standard: str
    form: str
    names: str
    alone: str = ""


_LONG = re.compile(r"(?:\d[ .-]?(?:[A-Z]{1,3}[ .-]?)?){6}", re.IGNORECASE)
_SHORT = re.compile(r"\d{4}[A-Z]", re.IGNORECASE)  # the end of a PAN, the only form without six digits
_NINO = r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]"
NUMBERS = (
    Number("cn.ric", r"\d{17}[\dX]", "身份证|身分证|居民", r"\d{17}[\dX]"),
    Number("in_.aadhaar", r"[2-9]\d{3}([ -]?)\d{4}\1\d{4}", "aadhaar|aadhar|adhar|uidai|आधार"),
    Number("in_.pan", r"[A-Z]{5}\d{4}[A-Z]", "pan"),
    Number("br.cpf", r"\d{11}|\d{9}-\d\d", "cpf", r"\d{3}\.\d{3}\.\d{3}-\d\d"),
    Number("gb.nhs", r"\d{3}([ -]?)\d{3}\1\d{4}", "nhs"),
    Number(
        "",
        rf"{_NINO} ?\d\d ?\d\d ?\d\d ?[A-D]",
        "nino?|national insurance|ni (?:no|nr|number)",
        rf"{_NINO} \d\d \d\d \d\d [A-D]",
    ),
    Number("es.dni", r"\d{8}[ -]?[A-Z]", "dni|nif|documento|identidad"),
    Number("es.nie", r"[XYZ][ -]?\d{7}[ -]?[A-Z]", "nie|nif|extranjero|documento|identidad"),
    Number("us.ssn", r"\d{9}|\d{3} \d\d \d{4}", "ssn|social security", r"\d{3}-\d\d-\d{4}"),
    Number("fr.nir", "", "", r"[12] ?\d\d ?\d\d ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d"),
    Number("it.codicefiscale", "", "", r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]"),
    Number("mx.curp", "", "", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z\d]\d"),
    Number("de.idnr", r"\d\d ?\d{3} ?\d{3} ?\d{3}", "steuer-?id|idnr|identifikationsnummer|steuerliche|tin"),
    Number("nl.bsn", r"\d{9}|\d{4}\.\d\d\.\d{3}", "bsn|burgerservicenummer|sofinummer"),
    Number("be.nn", r"\d{11}", "rijksregister|registre national|insz|niss", r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d"),
    Number("ch.ssn", "", "", r"756\.\d{4}\.\d{4}\.\d\d"),
    Number("at.vnr", r"\d{4} ?\d{6}", "svnr|sozialversicherung|versicherungsnummer"),
    Number("se.personnummer", r"(?:\d\d)?\d{6}[-+]?\d{4}", "personnummer|personal identity|personal number"),
    Number("dk.cpr", r"\d{6}[- ]?\d{4}", "cpr|personnummer"),
    Number("no.fodselsnummer", r"\d{6} ?\d{5}", "fødselsnummer|fodselsnummer|personnummer"),
    Number("fi.hetu", "", "", r"\d{6}[-+A]\d{3}[\dA-Y]"),
    Number("pl.pesel", r"\d{11}", "pesel"),
    Number("ro.cnp", r"\d{13}", "cnp"),
    Number("pt.nif", r"\d{3} ?\d{3} ?\d{3}", "nif|contribuinte"),
    Number("ca.sin", r"\d{3}([ -]?)\d{3}\1\d{3}", "sin|social insurance"),
    Number("au.tfn", r"\d{3} ?\d{3} ?\d{2,3}", "tfn|tax file"),
    Number("za.idnr", r"\d{13}", "id|identity"),
    Number("tr.tckimlik", r"\d{11}", "tc|tckn|kimlik"),
    Number("kr.rrn", "", "", r"\d{6}-[1-4]\d{6}"),
    Number("my.nric", "", "", r"\d{6}-\d\d-\d{4}"),
    Number("th.pin", "", "", r"\d-\d{4}-\d{5}-\d\d-\d"),
    Number("cl.rut", r"\d{7,8}-[\dK]", "rut|run", r"\d{1,2}\.\d{3}\.\d{3}-[\dK]"),
    Number("jp.in_", r"\d{4}([ -]?)\d{4}\1\d{4}", "マイナンバー|個人番号|my number"),
)  # fmt: skip
"""What is looked for in every text."""


def known(standard: str) -> bool:
    """Say whether python-stdnum knows a standard by this name, such as ``hr.oib``."""
    return _module(standard) is not None


def find(text: str, further: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Return begin and end of every identity number in a text.

    Parameters
    ----------
    further
        Standards of python-stdnum beside those of `NUMBERS`; their numbers count beside their name.
    """
    long = _LONG.search(text) is not None
    for number in NUMBERS if long else ():
        if number.alone:
            for match in _bounded(number.alone).finditer(text):
                before = text[max(0, match.start() - 40) : match.start()]
                named = _words(f"{number.names}|{_GENERIC}" if number.names else _GENERIC).search(before)
                if _valid(number, match[0]) and (named or not _other(before)):
                    yield match.span()
    own = tuple(Number(name, _DEFAULT, re.escape(name.partition(".")[2].strip("_"))) for name in further)
    called = (long or _SHORT.search(text)) and _words(_NAMES).search(text)
    for number in (*(NUMBERS if called else ()), *own):
        if number.form and _words(number.names).search(text):
            for match in _bounded(number.form).finditer(text):
                around = (text[max(0, match.start() - 48) : match.start()], text[match.end() : match.end() + 40])
                if any(map(_words(number.names).search, around)) and _valid(number, match[0]):
                    yield match.span()


_NAMES = "|".join(number.names for number in NUMBERS if number.form)


@cache
def _bounded(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![0-9A-Za-z])(?<![\d][.,/-])(?:{form})(?![0-9A-Za-z])(?![-./,]\d)", re.IGNORECASE)


@cache
def _words(names: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9])(?:{names})(?![A-Za-z0-9])", re.IGNORECASE)


def _other(before: str) -> bool:
    """Say whether the words before a number call it an order, a version or the like."""
    return bool(context.NUMBER_BEFORE.search(before) or context.VERSION_BEFORE.search(before))


def _valid(number: Number, written: str) -> bool:
    if len(set(re.sub(r"\W", "", written))) == 1:
        return False
    return not number.standard or bool(_module(number.standard).is_valid(written.upper()))


@cache
def _module(standard: str) -> Any:
    import stdnum

    country, _, name = standard.partition(".")
    return stdnum.get_cc_module(country.strip("_"), name) if country and name else None
