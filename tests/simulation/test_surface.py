from random import Random

from hypothesis import given
from hypothesis import strategies as st

from loopbook.simulation.surface import finish, join, misspell, renew
from loopbook.simulation.vocabulary import words


def test_articles_agree_with_the_number_that_follows():
    written = finish(Random(1), "A $80 fine, a 11 percent cut, a $1.1bn loan, a $20 fee", "formal", False, 0.0)
    assert written == "An $80 fine, an 11 percent cut, a $1.1bn loan, a $20 fee"


def test_pieces_are_joined_as_the_style_asks():
    assert join("In brief:", "the share fell.", "formal") == "In brief: the share fell."
    assert join("It is out.", "the share fell.", "formal") == "It is out. The share fell."
    assert join("they really did that", "thoughts?", "casual") == "they really did that. thoughts?"
    assert join("lol", "they did", "casual") == "lol they did"


def test_new_words_replace_old_ones():
    assert renew(Random(1), "A class action over the outage", 1.0) == "A mass claim over the brownout"
    assert renew(Random(1), "A class action over the outage", 0.0) == "A class action over the outage"


def test_new_words_are_new():
    old = {word.lower() for word in words().drift}
    assert not old & {word.lower() for word in words().drift.values()}


@given(st.integers(0, 10_000), st.integers(1, 5))
def test_slips_spare_tickers_numbers_and_short_words(seed, slips):
    text = "$ORCD lost 12,000 orders in a day and nobody noticed anything"
    before, after = text.split(), misspell(Random(seed), text, slips).split()
    assert len(before) == len(after)
    changed = [old for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) <= slips
    assert not {"$ORCD", "12,000", "in", "a", "day", "and"} & set(changed)
