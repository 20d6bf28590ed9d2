import ipaddress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iban, luhn

from loopbook.simulation import personal

RESERVED = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
FICTION = ("442079460", "02079460", "447700900", "07700900", "493023125", "121255501", "31255501", "141555501")


@given(st.integers(0, 2**32))
def test_cards_and_accounts_pass_the_check(seed):
    rng = Random(seed)
    assert luhn.is_valid(personal.card(rng, "Mara Vogel").replace(" ", "").replace("-", ""))
    assert iban.is_valid(personal.iban(rng, "Mara Vogel"))


@given(st.integers(0, 2**32))
def test_values_belong_to_nobody(seed):
    rng = Random(seed)
    address = ipaddress.ip_address(personal.ip(rng, "Mara Vogel"))
    assert any(address in net for net in RESERVED)
    host = personal.mail(rng, "Mara Vogel").split("@")[1]
    assert host.endswith(("example.com", "example.org", "example.net"))
    digits = "".join(filter(str.isdigit, personal.phone(rng, "Mara Vogel")))
    assert digits.startswith(FICTION), digits


@pytest.mark.parametrize("kind", sorted(personal.MAKERS))
def test_values_vary(kind):
    rng = Random(1)
    assert len({personal.MAKERS[kind](rng, "Mara Vogel") for _ in range(50)}) > 10
