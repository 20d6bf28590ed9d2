"""Personal data that belongs to nobody: every value is valid in form and reserved, or impossible, in fact.

Mail addresses use example.com/.org/.net (RFC 2606); phone numbers come from the ranges that the United Kingdom,
Germany and North America keep for fiction; cards have a test prefix and a valid Luhn digit; bank accounts have a bank
code that no bank has and a valid checksum (ISO 13616); addresses of computers are for documentation (RFC 5737, 3849).
"""

from collections.abc import Callable
from random import Random

from stdnum import iban as bank_account
from stdnum import luhn


def _digits(rng: Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def _grouped(text: str, size: int = 4, mark: str = " ") -> str:
    return mark.join(text[at : at + size] for at in range(0, len(text), size))


def mail(rng: Random, person: str) -> str:
    """Return a mail address for an invented person."""
    first, _, last = person.lower().partition(" ")
    local = rng.choice((f"{first}.{last}", f"{first[0]}{last}", f"{last}{rng.randint(2, 99)}", f"{first}_{last}"))
    return (
        f"{local}@{rng.choice(('example.com', 'example.org', 'example.net', 'mail.example.com', 'press.example.org'))}"
    )


def phone(rng: Random, person: str) -> str:
    """Return a phone number from a range kept for fiction."""
    return rng.choice(
        (
            f"+44 20 7946 0{_digits(rng, 3)}",
            f"020 7946 0{_digits(rng, 3)}",
            f"+44 7700 900{_digits(rng, 3)}",
            f"07700 900{_digits(rng, 3)}",
            f"+49 30 23125 {_digits(rng, 3)}",
            f"+1 212 555 01{_digits(rng, 2)}",
            f"(312) 555-01{_digits(rng, 2)}",
            f"+1-415-555-01{_digits(rng, 2)}",
        )
    )


def card(rng: Random, person: str) -> str:
    """Return a card number with a test prefix and a valid Luhn digit."""
    digits = rng.choice(("400000", "424242", "555555")) + _digits(rng, 9)
    return _grouped(digits + luhn.calc_check_digit(digits), mark=rng.choice((" ", "-", "", " ")))


def iban(rng: Random, person: str) -> str:
    """Return an IBAN with valid check digits and a bank code that no bank has."""
    country, account = rng.choice(
        (
            ("DE", "00000000" + _digits(rng, 10)),
            ("GB", "TEST" + "000000" + _digits(rng, 8)),
            ("NL", "TEST" + _digits(rng, 10)),
        )
    )
    whole = country + bank_account.calc_check_digits(f"{country}00{account}") + account
    return _grouped(whole) if rng.random() < 0.6 else whole


def ip(rng: Random, person: str) -> str:
    """Return an IP address from the ranges for documentation."""
    if rng.random() < 0.2:
        return f"2001:db8::{rng.randint(1, 0xFFFF):x}:{rng.randint(1, 0xFFFF):x}"
    return f"{rng.choice(('192.0.2', '198.51.100', '203.0.113'))}.{rng.randint(1, 254)}"


MAKERS: dict[str, Callable[[Random, str], str]] = {"mail": mail, "phone": phone, "card": card, "iban": iban, "ip": ip}
"""A maker of values for each kind; each takes the random generator and the person's name."""
