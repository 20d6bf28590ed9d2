import re

from loopbook.simulation import numbers, personal
from loopbook.simulation.inflection import VerbForms
from loopbook.simulation.vocabulary import CLASSES, HARD_CASES, STYLES, words

NAMES = {"co", "Co", "it", "tick", "rival", "product", "person", "sector", "place", "regulator", "month", "weekday"}
KNOWN = NAMES | {"src", "analyst"} | set(numbers.MAKERS) | set(personal.MAKERS)
FORMS = {"thing", "bare", "not", *VerbForms._fields} - {"negated"}


def _slots(template):
    return re.findall(r"\{([^}]*)\}", template)


def _known(slot):
    slot = slot.removesuffix(".cap")
    head, _, form = slot.partition(".")
    return head in {"a", "b"} and form in FORMS if form else slot in KNOWN


def test_there_is_enough_to_talk_about():
    lexicon = words()
    assert len(lexicon.companies) >= 40
    assert len({company.ticker for company in lexicon.companies}) == len(lexicon.companies)
    assert len(lexicon.topics) >= 12
    phrases = [forms for topic in lexicon.topics.values() for verbs in topic.verbs.values() for forms in verbs]
    things = [thing for topic in lexicon.topics.values() for of in topic.things.values() for thing in of]
    assert len(phrases) + len(things) > 600


def test_every_topic_has_every_class():
    for topic, phrases in words().topics.items():
        for name in CLASSES.values():
            assert len(phrases.verbs[name]) >= 3, (topic, name)
            assert name == "plain" or len(phrases.things[name]) >= 2, (topic, name)


def test_every_slot_can_be_filled():
    lexicon = words()
    frames = [frame.template for both in lexicon.frames.values() for some in both for frame in some]
    versus = [template for some in lexicon.versus.values() for template in some]
    around = [t for part in (lexicon.openings, lexicon.tails, lexicon.personal) for some in part.values() for t in some]
    for template in [*frames, *versus, *around]:
        assert all(map(_known, _slots(template))), template
    for topic in lexicon.topics.values():
        for forms in (forms for verbs in topic.verbs.values() for forms in verbs):
            assert all(slot in KNOWN for slot in _slots(forms["past"]))


def test_every_clause_order_has_its_statements():
    for (case, _), (turned, straight) in words().frames.items():
        for frame in (*turned, *straight):
            slots = {slot.partition(".")[0] for slot in _slots(frame.template)}
            assert "a" in slots
            assert ("b" in slots) == (case in ("mixed", "two_companies"))


def test_cues_do_not_give_the_answer_away():
    """Where a case can be told turned round and straight, both ways are there in both styles."""
    for case in ("negation", "quotation", "sarcasm"):
        assert case in HARD_CASES
        for style in STYLES:
            turned, straight = words().frames[case, style]
            assert len(turned) >= 5 and len(straight) >= 5, (case, style)
