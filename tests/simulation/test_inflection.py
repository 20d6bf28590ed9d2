import re

import pytest

from loopbook.simulation.inflection import VerbForms, verb_forms
from loopbook.simulation.vocabulary import words


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("be", ("be", "is", "was", "been", "being", "was not")),
        ("have", ("have", "has", "had", "had", "having", "did not have")),
        ("lose", ("lose", "loses", "lost", "lost", "losing", "did not lose")),
        ("go", ("go", "goes", "went", "gone", "going", "did not go")),
        ("scrap", ("scrap", "scraps", "scrapped", "scrapped", "scrapping", "did not scrap")),
        ("simplify", ("simplify", "simplifies", "simplified", "simplified", "simplifying", "did not simplify")),
        ("delay", ("delay", "delays", "delayed", "delayed", "delaying", "did not delay")),
        ("see", ("see", "sees", "saw", "seen", "seeing", "did not see")),
        ("miss", ("miss", "misses", "missed", "missed", "missing", "did not miss")),
        ("set", ("set", "sets", "set", "set", "setting", "did not set")),
    ],
)
def test_forms_are_those_of_the_grammar_book(base, forms):
    assert verb_forms(base) == VerbForms(*forms)


def test_every_phrase_begins_with_a_lower_case_verb():
    for topic, phrases in words().topics.items():
        for name, verbs in phrases.verbs.items():
            for forms in verbs:
                first = re.split(r"[\[{]", forms["base"])[0]  # up to the first choice or slot
                assert first.split()[0].isalpha() and first.islower(), (topic, name, first)
