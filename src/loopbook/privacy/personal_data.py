"""Personal data and secrets in texts: find and mask them; and pseudonyms for columns that name a person.

A checksum or a numbering plan confirms what a pattern proposes; the words before a number settle what its form cannot.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from loopbook.privacy import birth_dates, contacts, credentials, folding, identity_numbers, payment, phones

Kind = Literal["secret", "mail", "iban", "birth", "id", "card", "ip", "mac", "phone"]
LOOKED_FOR: dict[Kind, str] = {
    "secret": "keys and passwords",
    "mail": "mail addresses",
    "iban": "bank accounts (IBAN)",
    "birth": "dates that are called birth dates",
    "id": "national identity numbers with check digits",
    "card": "payment cards",
    "ip": "IP addresses",
    "mac": "MAC addresses",
    "phone": "phone numbers",
}
"""What is looked for, in the order in which it is: what an earlier kind has taken, it keeps."""
KINDS: tuple[Kind, ...] = tuple(LOOKED_FOR)
NOT_LOOKED_FOR = (
    "names of people, postal addresses, user names and handles, number plates, customer and patient numbers, and what "
    "is said of somebody's health, faith or life"
)
"""What a text may hold all the same: no pattern tells it from other words."""
IN_WORDS = ", ".join(list(LOOKED_FOR.values())[:-1]) + f" and {LOOKED_FOR[KINDS[-1]]}"


@dataclass(frozen=True, order=True)
class Finding:
    """Personal data or a secret at ``text[start:end]``."""

    start: int
    end: int
    kind: Kind


def find(text: str, regions: Sequence[str] = (), numbers: Sequence[str] = ()) -> list[Finding]:
    """Return the personal data and secrets in a text, in order, without overlaps.

    Parameters
    ----------
    text
        Any text; full-width letters count as plain ones, and invisible ones do not count.
    regions
        Countries (ISO 3166, such as ``IN``) whose phone numbers are found without the code of the country.
    numbers
        Standards of python-stdnum (such as ``hr.oib``) whose identity numbers are found beside their name.

    Returns
    -------
    list of Finding
        Each with its kind, one of `KINDS`.

    Notes
    -----
    Cards are confirmed by the Luhn sum and the issuer's prefix and length, bank accounts by the IBAN checksum and the
    country's length, identity numbers by their check digits, phone numbers by their country's numbering plan. A number
    that its context calls an order, a version or the like is none of these unless it begins like an international
    phone number.
    """
    plain, places = folding.fold(text)
    found: list[Finding] = []
    for kind, search in _searches(plain, regions, numbers):
        for start, end in search(plain):
            if all(end <= other.start or other.end <= start for other in found):
                found.append(Finding(start, end, kind))
    if places is not None:
        found = [Finding(places[span.start], places[span.end - 1] + 1, span.kind) for span in found]
    return sorted(found)


def mask(text: str, regions: Sequence[str] = (), numbers: Sequence[str] = ()) -> str:
    """Return the text with ``[MAIL]``, ``[PHONE]``, ``[SECRET]`` and so on in place of what `find` finds in it."""
    return masked(text, find(text, regions, numbers))


def masked(text: str, found: Iterable[Finding]) -> str:
    """Return a text with the names of kinds in place of what was found in it."""
    parts, position = [], 0
    for finding in found:
        parts += [text[position : finding.start], f"[{finding.kind.upper()}]"]
        position = finding.end
    return "".join([*parts, text[position:]])


def pseudonym(value: str, salt: str) -> str:
    """Return a stable stand-in for a person's name: 16 hexadecimal digits, the same for the same value and salt.

    Whoever knows the salt can test a guess; it hides a name from a reader, but is no anonymisation.
    """
    return hmac.new(salt.encode(), value.encode(), hashlib.sha256).hexdigest()[:16]


_Search = Callable[[str], Iterable[tuple[int, int]]]


def _searches(text: str, regions: Sequence[str], numbers: Sequence[str]) -> list[tuple[Kind, _Search]]:
    """Return the searches that can find something in a text."""
    chosen: list[tuple[Kind, _Search]] = [("secret", credentials.secrets)]
    lower = text.lower()
    if " AT " in text or any(sign in lower for sign in ("@", "at)", "at]", "at}")):
        chosen += [("mail", contacts.mails)]
    if " at " in lower and any(word in lower for word in (" dot ", "mail", "write", "reach", "contact")):
        chosen += [("mail", contacts.spoken)]
    if any(map(str.isdigit, text)):
        ids = partial(identity_numbers.find, further=numbers)
        chosen += [("iban", payment.ibans), ("birth", birth_dates.births), ("id", ids), ("card", payment.cards)]
        chosen += [
            ("ip", contacts.addresses),
            ("mac", contacts.devices),
            ("phone", partial(phones.phones, regions=regions)),
        ]
    elif ":" in text or "-" in text:
        chosen += [("mac", contacts.devices)]
    return chosen
