"""Payment cards (Luhn, issuers' prefixes) and bank accounts (IBAN) in a text."""

import itertools
import re
from collections.abc import Iterator

from loopbook.privacy import context

_IBAN = re.compile(r"(?<![^\W_])[A-Z]{2}\d{2}(?:[ \u00a0.-]?[A-Z0-9]){11,30}", re.IGNORECASE)
_CARD = re.compile(r"(?<![\w.,/#-])\d(?:[ \u00a0.-]?\d){11,18}(?![\w])(?!-\d)(?!\.\d)")
_CARD_SHAPES = {(4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3), (4, 4, 4, 1), (4, 3, 3, 3)}
_DIGITS = re.compile(r"\d+")


def ibans(text: str) -> Iterator[tuple[int, int]]:
    """Return begin and end of every bank account number (IBAN) in a text."""
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


def cards(text: str) -> Iterator[tuple[int, int]]:
    """Return begin and end of every payment card number in a text."""
    from stdnum import luhn

    for match in _CARD.finditer(text):
        if context.NUMBER_BEFORE.search(text[max(0, match.start() - 40) : match.start()]):
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
