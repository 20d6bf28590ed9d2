from random import Random

from hypothesis import given
from hypothesis import strategies as st

from loopbook.simulation.template import write

PLAIN = st.text(st.characters(blacklist_characters="[]{}|"), min_size=1)


def test_slots_are_filled_and_choices_made():
    template = "{co} [cut|raised {n}] its {thing.cap}."
    written = {write(template, Random(seed), lambda name: f"<{name}>") for seed in range(20)}
    assert written == {"<co> cut its <thing.cap>.", "<co> raised <n> its <thing.cap>."}


@given(PLAIN)
def test_text_without_marks_stays_as_it_is(text):
    assert write(text, Random(0), str) == text


@given(st.lists(PLAIN, min_size=2, max_size=5), st.integers(0, 99))
def test_a_choice_is_one_of_its_branches(branches, seed):
    written = write(f"[{'|'.join(branches)}]", Random(seed), str)
    assert written in branches
