"""The label of each hard case follows from its construction: checked by reading the finished text back.

The reader here is a second method: it finds the statements in a text by patterns made from the word material, and knows
from a short table of cues, written by hand, what each clause order does with them.
"""

import re
from collections import Counter
from functools import cache
from random import Random

import pytest

from loopbook.simulation.text import Brief, compose
from loopbook.simulation.vocabulary import CLASSES, HARD_CASES, OPPOSITE, words

MEANING = {name: meaning for meaning, name in CLASSES.items()}


def _pattern(template):
    out, at = "", 0
    for mark in re.finditer(r"\[([^]]*)\]|\{[^}]+\}", template):
        out += re.escape(template[at : mark.start()])
        out += r"\$?€?[\w$€.,% ]+?" if mark[1] is None else f"(?:{'|'.join(map(_pattern, mark[1].split('|')))})"
        at = mark.end()
    return out + re.escape(template[at:])


@cache
def _readers():
    """(pattern, class) of every statement of every topic, in every form."""
    readers = []
    for topic in words().topics.values():
        for name, verbs in topic.verbs.items():
            readers += [(re.compile(_pattern(f), re.IGNORECASE), name) for forms in verbs for f in forms.values()]
        for name, things in topic.things.items():
            readers += [(re.compile(_pattern(thing), re.IGNORECASE), name) for thing in things]
    return readers


def _statements(text):
    """Classes of the statements in a text, by place; of those that begin at one place the longest."""
    found, text = {}, re.sub(r"\b([Aa])n (?=[$€]?\d)", r"\1 ", text)  # "an $80 fine" was written as "a {small} fine"
    for pattern, name in _readers():
        for match in pattern.finditer(text):
            length, names = found.get(match.start(), (0, set()))
            if len(match[0]) > length:
                found[match.start()] = (len(match[0]), {name})
            elif len(match[0]) == length:
                names.add(name)
    return {at: names for at, (_, names) in found.items()}


def _posts(case, count=300, seed=1, style="formal"):
    rng, lexicon = Random(seed), words()
    for _ in range(count):
        company, rival = rng.sample(lexicon.companies, 2)
        sentiment, material = rng.choice(("negative", "positive")), rng.random() < 0.5
        brief = Brief(company, rival, rng.choice(tuple(lexicon.topics)), sentiment, material, style, case)
        yield brief, compose(rng, brief)


TURNED = {
    "negation": ["Contrary to reports", "It is not true that", "denied that it had", "never", "turned out to be false"],
    "quotation": ["shows the opposite", "was withdrawn", "that headline was wrong", "pure invention", "It is a hoax"],
    "sarcasm": ["moon is made of cheese", "since the flood", "In a parallel universe", "thirtieth of February"],
}
STRAIGHT = {
    "negation": ["There is no doubt that", "did not deny", "not a rumour any more", "could not hide", "no secret"],
    "quotation": ["now confirms it", "was confirmed within", "that headline was right", "It is no hoax", "backs up"],
    "sarcasm": ["Congratulations", "splendid way", "Champagne", "Our condolences", "dreadful day"],
}
NOT_AS_IT_SEEMS = re.compile("never denied")


@pytest.mark.parametrize("case", ["negation", "quotation", "sarcasm"])
@pytest.mark.parametrize("turned", [True, False])
def test_a_cue_turns_the_statement_round_or_leaves_it(case, turned):
    seen = 0
    for brief, draft in _posts(case):
        cues = (TURNED if turned else STRAIGHT)[case]
        if not any(cue in draft.text for cue in cues) or NOT_AS_IT_SEEMS.search(draft.text):
            continue
        says = OPPOSITE[brief.sentiment] if turned else brief.sentiment
        classes = set().union(*_statements(draft.text).values())
        assert CLASSES[says, brief.material] in classes, draft.text
        seen += 1
    assert seen > 15


def test_in_mixed_clauses_the_main_clause_decides():
    decided = Counter()
    for brief, draft in _posts("mixed", 400):
        text = draft.text
        for cue, side in (
            ("but it also", 1),
            ("cannot change the picture:", 1),
            ("is forgotten, because", 1),
            ("pales beside", 1),
            ("outweighs the fact", 0),
            ("easy to forget that", 0),
            ("Set against that", 0),
            (" makes ", 0),
        ):
            if cue in text:
                half = text.split(cue)[side]
                other = text.split(cue)[1 - side]
                mine, theirs = (set().union(*_statements(part).values()) for part in (half, other))
                assert CLASSES[brief.sentiment, brief.material] in mine, text
                assert {MEANING[name][0] for name in theirs} & {OPPOSITE[brief.sentiment]}, text
                decided[side] += 1
    assert min(decided[0], decided[1]) > 15


def test_with_two_companies_what_counts_is_said_of_the_one_with_the_cashtag():
    seen = 0
    for brief, draft in _posts("two_companies"):
        text = draft.text
        assert f"${brief.company.ticker}" in text and brief.rival.name in text
        assert f"${brief.rival.ticker}" not in text
        if "Its rival" not in text and "On the day that" not in text:
            continue
        mine = next(
            part for part in re.split(r"Its rival|, (?=\$|[A-Z][^.,]*\()", text) if brief.company.ticker in part
        )
        assert CLASSES[brief.sentiment, brief.material] in set().union(*_statements(mine).values()), text
        seen += 1
    assert seen > 15


@pytest.mark.parametrize(("sentiment", "loser"), [("negative", "tick"), ("positive", "rival")])
def test_who_did_what_to_whom_decides(sentiment, loser):
    rng, lexicon = Random(3), words()
    for _ in range(200):
        company, rival = rng.sample(lexicon.companies, 2)
        text = compose(rng, Brief(company, rival, "contracts", sentiment, True, "formal", "two_companies")).text
        names = {"tick": company.ticker, "rival": rival.name}
        winner = names["rival" if loser == "tick" else "tick"]
        beat = re.search(r"(\S+)\)? beat (\S+)", text) or re.search(r"(\S+)\)? outbid (\S+)", text)
        if beat:
            assert winner.split()[-1] in beat[1], text


@pytest.mark.parametrize("case", ["negation", "mixed", "quotation", "sarcasm"])
def test_a_neutral_post_cannot_be_turned_round(case):
    company, rival = words().companies[:2]
    with pytest.raises(ValueError, match=case):
        compose(Random(1), Brief(company, rival, "jobs", "neutral", False, "formal", case))


@pytest.mark.parametrize("style", ["formal", "casual"])
@pytest.mark.parametrize("case", ["", *HARD_CASES])
def test_posts_have_8_to_60_words_no_open_slots_and_the_topic_first(case, style):
    for brief, draft in _posts(case, 100, style=style):
        assert 7 <= len(draft.text.split()) <= 62, draft.text
        assert not re.search(r"[{}\[\]|]", draft.text), draft.text
        assert draft.topics[0] == brief.topic
        assert draft.personal_data == ()


def test_personal_data_is_written_down_as_it_stands_in_the_text():
    rng, lexicon = Random(5), words()
    for _ in range(200):
        company, rival = rng.sample(lexicon.companies, 2)
        brief = Brief(company, rival, "recall", "negative", True, rng.choice(("formal", "casual")), "typo", 0.5, True)
        draft = compose(rng, brief)
        assert draft.personal_data
        assert all(value in draft.text for _, value in draft.personal_data)
