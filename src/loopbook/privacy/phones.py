"""Phone numbers in a text: international ones anywhere, national ones by their form, words and the given regions."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from loopbook.privacy import context

_PHONE = re.compile(
    r"(?<![\w.,/#$€£§-])(?:\+|\(\+?\d|\(?\d)(?:[ \u00a0./()-]{0,2}\d){6,16}(?![\w%€$£])(?!-\w)(?![.,/:]\d)"
)

_PHONE_BEFORE = re.compile(
    r"\b(?:call|calls|called|calling|ring|ringing|phone|phones|phoned|telephone|tel|fon|telefon|mobile|mob|cell|handy"
    r"|fax|text|texted|sms|whatsapp|signal|dial|hotline|helpline|landline|switchboard|reach|contact|number is"
    r"|direct line|ph)"
    r"\b[^\d\n\[\]]{0,24}$|☎\S?\s*$|📞\S?\s*$|📱\S?\s*$",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\s+(?:rows?|people|users?|records?|items?|units?|euros?|dollars?|rupees|reais|times|points|views|bytes|followers|times)\b",
    re.IGNORECASE,
)
_REGIONS = ("US", "GB", "DE", "FR", "IT", "ES", "NL", "CH", "AT", "BE", "AU", "IN")
_DATE = re.compile(r"\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4}")
_NATIONAL = re.compile(  # forms in which people write a number without its country
    r"\((?:0|0?\d{2,5})\)[ \u00a0-]?\d[\d \u00a0/-]{3,12}\d"  # (212) 555-0143, (030) 901820, (0)20 7946 0958
    r"|[2-9]\d{2}([-.\u00a0 ])[2-9]\d{2}\1\d{4}"  # 212-555-0143
    r"|1[-. ][2-9]\d{2}([-. ])[2-9]\d{2}\2\d{4}"  # 1-800-555-0143
    r"|0\d{1,4}(?:[ \u00a0/-]{1,2}|\s/\s)\d[\d \u00a0/-]{3,12}\d"  # 020 7946 0958, 030/901820
    r"|0\d(?:([ .\u00a0-])\d\d)(?:\3\d\d){3}"  # 01 99 00 12 34
)


def known(region: str) -> bool:
    """Say whether a country has a numbering plan, by its two letters (ISO 3166)."""
    import phonenumbers

    return region in phonenumbers.SUPPORTED_REGIONS


def phones(text: str, regions: Sequence[str] = ()) -> Iterator[tuple[int, int]]:
    """Return begin and end of every phone number in a text; of `regions` also without the code of the country."""
    found = list(_written(text))
    for region in regions:
        rest = _without(text, found)
        if _digits(region).search(rest):
            found += _of_region(rest, text, region)
    yield from found


@cache
def _digits(region: str) -> re.Pattern[str]:
    """Return as many digits together as a region's shortest number has: where there are none, no search is needed."""
    import phonenumbers

    plan: Any = phonenumbers.PhoneMetadata.metadata_for_region(region)
    least = min(plan.general_desc.possible_length)
    return re.compile(rf"\d(?:[^\w\n]{{0,4}}\d){{{least - 1}}}")


def _written(text: str) -> Iterator[tuple[int, int]]:
    for match in _PHONE.finditer(text):
        start, written = match.start(), match[0]
        if written.count("(") > written.count(")"):
            if not written.startswith("("):
                continue
            start, written = start + 1, written[1:]
        before = text[max(0, start - 48) : start]
        while written:  # a quantity may follow the number: leave the last group out and try again
            if _is_phone(written, before):
                yield start, start + len(written)
                break
            written = written.rpartition(" ")[0].rstrip()
            if not written.startswith(("+", "(", "0")):
                break  # without a prefix only the whole of what stands there can be a number


def _without(text: str, found: Sequence[tuple[int, int]]) -> str:
    """Return a text, as long as before, without the numbers that were found in it; most have then none left."""
    for start, end in found:
        text = f"{text[:start]}{chr(10) * (end - start)}{text[end:]}"
    return text


def _of_region(rest: str, text: str, region: str) -> Iterator[tuple[int, int]]:
    import phonenumbers

    for match in phonenumbers.PhoneNumberMatcher(rest, region, leniency=phonenumbers.Leniency.VALID):
        before = text[max(0, match.start - 48) : match.start]
        other = context.NUMBER_BEFORE.search(before) or context.MONEY_BEFORE.search(before)
        if not other and not _DATE.match(match.raw_string) and not _COUNTED.match(text, match.end):
            yield match.start, match.end


def _is_phone(written: str, before: str) -> bool:
    import phonenumbers

    digits = re.sub(r"\D", "", written)
    international = written.startswith(("+", "(+")) or (digits.startswith("00") and len(digits) > 9)
    if not 7 <= len(digits) <= 16 or (_DATE.match(written) and not international):
        return False
    numbered = context.NUMBER_BEFORE.search(before) is not None
    if international and not (numbered and digits.startswith("00")):
        number = re.sub(r"\D", "", written.replace("(0)", ""))
        try:
            parsed = phonenumbers.parse("+" + number.removeprefix("00"), None)
        except phonenumbers.NumberParseException:
            return False
        return bool(phonenumbers.is_possible_number(parsed))
    if numbered:
        return False
    called = _PHONE_BEFORE.search(before) is not None
    if not called and not _NATIONAL.fullmatch(written):
        return False
    for region in _REGIONS:
        try:
            parsed = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number_for_region(parsed, region):
            return True
    return called and len(digits) >= 7 and _NATIONAL.fullmatch(written) is not None
