"""Personal data in texts: find and mask it; and pseudonyms for columns that name a person.

Mail addresses, phone numbers, payment cards (Luhn), bank accounts (IBAN checksum) and IP addresses. A checksum or a
numbering plan confirms what a pattern proposes; the words before a number settle what form alone cannot.
"""

import hashlib
import hmac
import ipaddress
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["mail", "phone", "card", "iban", "ip"]
KINDS: tuple[Kind, ...] = ("mail", "phone", "card", "iban", "ip")

_MAIL = re.compile(
    r"(?<![\w@%+-])(?P<local>[^\W_](?:[\w.!#$%&'*+^`{|}~-]{0,62}[\w+-])?)"
    r"(?P<at>@|\s?[(\[{]\s?(?:at|@)\s?[)\]}]\s?|\s(?-i:AT)\s)"
    r"(?P<host>[^\W_](?:[^\W_]|-){0,62}(?:(?:\.|\s?[(\[{]\s?(?:dot|\.)\s?[)\]}]\s?|\s(?-i:DOT)\s)[^\W_](?:[^\W_]|-){0,62}){1,6})",
    re.IGNORECASE,
)
_IBAN = re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?:[ \u00a0.-]?[A-Z0-9]){11,30}", re.IGNORECASE)
_CARD = re.compile(r"(?<![\w.,/#-])\d(?:[ \u00a0.-]?\d){11,18}(?![\w])(?!-\d)(?!\.\d)")
_CARD_SHAPES = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1), (4, 3, 3, 3)}
_DIGITS = re.compile(r"\d+")
_IPV4 = re.compile(r"(?<![\w.-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-])(?!\.\d)")
_IPV6 = re.compile(
    r"(?<![\w:.])(?:[0-9a-f]{1,4}|:):[0-9a-f:]*[0-9a-f:](?:(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])", re.IGNORECASE
)
_PHONE = re.compile(
    r"(?<![\w.,/#$€£§-])(?:\+|\(\+?\d|\(?\d)(?:[ \u00a0./()-]{0,2}\d){6,16}(?![\w%€$£])(?!-\w)(?![.,/:]\d)"
)

_FILE_ENDINGS = frozenset(
    (
        *("png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "css", "js", "ts", "json", "xml", "html", "htm", "txt"),
        *("pdf", "csv", "zip", "md", "py", "sh", "yml", "yaml"),
    )
)
_VERSION_BEFORE = re.compile(
    r"(?:\b(?:v|ver|vers|version|release|releases|build|firmware|driver|kernel|patch|patched|update|updated|upgrade|upgraded"
    r"|section|sections|chapter|clause|paragraph|para|figure|fig|table|annex|article|appendix|item|step|oid|revision|rev"
    r"|software|app|sdk|api|library|package)\b[.:#]?|§)\s*(?:(?:no|to|from|is|was|number|now|at)\b[.:]?\s*){0,2}$",
    re.IGNORECASE,
)
_VERSION_AFTER = re.compile(
    r"\s+(?:(?:of|in) the (?:table|contract|manual|annex|specification|spec|law|act|code|report)"
    r"|(?:is|was) (?:the|a|our|an old|the old|the new) (?:build|version|release|firmware|update|section|driver))\b",
    re.IGNORECASE,
)
_MONEY_BEFORE = re.compile(r"(?:\b(?:EUR|USD|GBP|CHF|JPY|Rs|INR|BRL|TRY|SEK|PLN)|[$€£¥])\s?$")
_PHONE_BEFORE = re.compile(
    r"\b(?:call|calls|called|calling|ring|ringing|phone|phones|phoned|telephone|tel|fon|telefon|mobile|mob|cell|handy"
    r"|fax|text|texted|sms|whatsapp|signal|dial|hotline|helpline|landline|switchboard|reach|contact|number is"
    r"|direct line|ph)"
    r"\b[^\d\n\[\]]{0,24}$|☎\S?\s*$|📞\S?\s*$|📱\S?\s*$",
    re.IGNORECASE,
)
_NUMBER_BEFORE = re.compile(
    r"\b(?:order|orders|invoice|inv|ticket|case|claim|ref|reference|tracking|parcel|shipment|isbn|issn|ean|upc|gtin|sku"
    r"|serial|part|model|patent|docket|file|account|acct|policy|permit|licence|license|registration|reg|vat|tax|id|doi"
    r"|imei|cusip|isin|wkn|batch|lot|flight|train|booking|confirmation|customer|member|po|rfc|iso|item|asset|contract"
    r"|coordinates|lat|lon|timestamp|unix|epoch|hash|commit|pid|article|bug|issue|voucher|coupon|code|barcode|meter"
    r"|score|scores|won|lost|beat)"
    r"\b[\s.:#=-]*(?:(?:no|nr|number|id|is|was|code)\b[\s.:#=-]*){0,3}$",
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


@dataclass(frozen=True, order=True)
class Finding:
    """Personal data at ``text[start:end]``."""

    start: int
    end: int
    kind: Kind


def find(text: str) -> list[Finding]:
    """Return the personal data in a text, in order, without overlaps.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    list of Finding
        Each with its kind: mail, phone, card, iban, ip.

    Notes
    -----
    Cards are confirmed by the Luhn sum and the issuer's prefix and length, bank accounts by the IBAN checksum and the
    country's length, phone numbers by their country's numbering plan. A number that its context calls an order, a
    version or the like is none of these unless it begins like an international phone number.
    """
    searches: list[tuple[Kind, Callable[[str], Iterator[tuple[int, int]]]]] = []
    if " AT " in text or any(sign in text.lower() for sign in ("@", "at)", "at]", "at}")):
        searches = [("mail", _mails)]
    if any(map(str.isdigit, text)):
        searches += [("iban", _ibans), ("card", _cards), ("ip", _addresses), ("phone", _phones)]
    found: list[Finding] = []
    for kind, search in searches:
        for start, end in search(text):  # what an earlier kind has taken, it keeps
            if all(end <= other.start or other.end <= start for other in found):
                found.append(Finding(start, end, kind))
    return sorted(found)


def mask(text: str) -> str:
    """Return the text with ``[MAIL]``, ``[PHONE]``, ``[CARD]``, ``[IBAN]`` and ``[IP]`` in place of personal data."""
    parts, position = [], 0
    for finding in find(text):
        parts += [text[position : finding.start], f"[{finding.kind.upper()}]"]
        position = finding.end
    return "".join([*parts, text[position:]])


def pseudonym(value: str, salt: str) -> str:
    """Return a stable stand-in for a person's name: 16 hexadecimal digits, the same for the same value and salt.

    Whoever knows the salt can test a guess; it hides a name from a reader, but is no anonymisation.
    """
    return hmac.new(salt.encode(), value.encode(), hashlib.sha256).hexdigest()[:16]


def _mails(text: str) -> Iterator[tuple[int, int]]:
    for match in _MAIL.finditer(text):
        plain = match["at"] == "@"
        ending = re.split(r"[^\w-]+", match["host"].strip("])} "))[-1].lower()
        if not plain and match["at"].strip().isalpha() and "DOT" not in match["host"]:
            continue  # 'meet AT home.today' is no address; 'jane AT example DOT org' is
        is_domain = (
            len(ending) > 1
            and (ending.startswith("xn--") or not any(map(str.isdigit, ending)))
            and ending not in _FILE_ENDINGS
        )
        repository = match["local"] == "git" and text[match.end() : match.end() + 1] == ":"
        if is_domain and not repository and ".." not in match["local"]:
            yield match.span()


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    from stdnum import iban

    position = 0
    while match := _IBAN.search(text, position):
        position = match.end()
        # The pattern may run on into the next words: the country's length decides where the number ends.
        for end in range(match.end(), match.start() + 14, -1):
            candidate = text[match.start() : end]
            if not candidate[-1].isalnum() or text[end : end + 1].isalnum():
                continue
            if iban.is_valid(re.sub(r"[\s.-]", "", candidate), check_country=False):
                yield match.start(), end
                position = end
                break


def _cards(text: str) -> Iterator[tuple[int, int]]:
    from stdnum import luhn

    for match in _CARD.finditer(text):
        if _NUMBER_BEFORE.search(text[max(0, match.start() - 40) : match.start()]):
            continue
        groups = list(_DIGITS.finditer(text, match.start(), match.end()))
        # An expiry date or a quantity may stand next to the number: the groups' lengths say which belong to it.
        for first in range(len(groups)):
            for last in range(len(groups), first, -1):
                chosen = groups[first:last]
                digits = "".join(group[0] for group in chosen)
                gaps = {text[a.end() : b.start()] for a, b in itertools.pairwise(chosen)}
                shape = tuple(len(group[0]) for group in chosen)
                grouped = len(gaps) <= 1 and (len(shape) == 1 or shape in _CARD_SHAPES)
                if grouped and _issued(digits) and luhn.is_valid(digits) and len(set(digits)) > 1:
                    yield chosen[0].start(), chosen[-1].end()


def _issued(digits: str) -> bool:
    """Say whether a card network issues numbers with this beginning and length (ISO/IEC 7812)."""
    if not 12 <= len(digits) <= 19:
        return False
    two, three, four, length = int(digits[:2]), int(digits[:3]), int(digits[:4]), len(digits)
    return (
        (digits[0] == "4" and length in (13, 16, 19))
        or ((51 <= two <= 55 or 2221 <= four <= 2720) and length == 16)
        or (two in (34, 37) and length == 15)
        or ((four == 6011 or two == 65 or 644 <= three <= 649) and 16 <= length <= 19)
        or (3528 <= four <= 3589 and 16 <= length <= 19)
        or ((300 <= three <= 305 or two in (36, 38, 39)) and length == 14)
        or (two == 62 and 16 <= length <= 19)
        or (four in (5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763) and 12 <= length <= 19)
    )


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    for match in _IPV4.finditer(text):
        before = text[max(0, match.start() - 40) : match.start()]
        named = (
            _VERSION_BEFORE.search(before) or _MONEY_BEFORE.search(before) or _VERSION_AFTER.match(text, match.end())
        )
        # 'This network', 0.…, is never a sender.
        if _is_address(match[0]) and not match[0].startswith("0.") and not named:
            yield match.span()
    for match in _IPV6.finditer(text):
        # A single colon at the end belongs to the sentence.
        written = match[0].removesuffix(":") if not match[0].endswith("::") else match[0]
        if _is_address(written) and written.count(":") > 2 and any(map(str.isdigit, written)):
            yield match.start(), match.start() + len(written)


def _is_address(written: str) -> bool:
    try:
        return bool(ipaddress.ip_address(written))
    except ValueError:
        return False


def _phones(text: str) -> Iterator[tuple[int, int]]:
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


def _is_phone(written: str, before: str) -> bool:
    import phonenumbers

    digits = re.sub(r"\D", "", written)
    international = written.startswith(("+", "(+")) or (digits.startswith("00") and len(digits) > 9)
    if not 7 <= len(digits) <= 16 or (_DATE.match(written) and not international):
        return False
    numbered = _NUMBER_BEFORE.search(before) is not None
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
