"""Near duplicates are exactly those that comparing every pair finds."""

import itertools
import random

import numpy as np
import pytest

from loopbook.data import neighbours

WORDS = [
    "profit",
    "rose",
    "fell",
    "sharply",
    "after",
    "the",
    "court",
    "ruled",
    "against",
    "its",
    "board",
    "on",
    "monday",
    "night",
    "again",
    "while",
    "rivals",
    "gained",
]


def sentence(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(WORDS) + str(rng.randrange(40)) for _ in range(words))


def naive(one: str, other: str) -> float:
    """Jaccard similarity of shingles as Python sets: the second method."""
    plain = ["".join(c if c.isalnum() else " " for c in text.casefold()) for text in (one, other)]
    plain = [" ".join(text.split()).ljust(5, "\0") for text in plain]
    sets = [{text[i : i + 5] for i in range(len(text) - 4)} for text in plain]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.85, 0.95, 1.0])
def test_the_pairs_are_those_of_comparing_all(threshold):
    rng = random.Random(5)
    texts = [sentence(rng, rng.randint(3, 25)) for _ in range(40)]
    for text in list(texts):
        words = text.split()
        for _ in range(rng.randint(0, 3)):
            words[rng.randrange(len(words))] = rng.choice(WORDS)
        texts.append("RT " + " ".join(words).upper() + " !")
    expected = [
        pair for pair in itertools.combinations(range(len(texts)), 2) if naive(*(texts[i] for i in pair)) >= threshold
    ]
    assert expected or threshold == 1.0
    assert neighbours.pairs(texts, threshold).tolist() == [list(pair) for pair in expected]


def test_short_and_empty_texts_are_compared_too():
    assert neighbours.pairs(["", "", "ab", "ab!", "cd"], 0.85).tolist() == [[0, 1], [2, 3]]
    assert neighbours.pairs(["alone"], 0.85).shape == (0, 2)
    assert neighbours.pairs([], 0.85).shape == (0, 2)


def test_an_emoji_is_said_and_punctuation_is_not():
    texts = ["😡", "😍", "never again 😡", "never again 😍", "Never again", "never, again!!", "❤", "☹"]
    assert neighbours.pairs(texts, 0.85).tolist() == [[4, 5]]


def test_thousands_of_alike_texts_end_and_all_are_linked_with_the_first():
    texts = [
        f"the delivery of parcel {number:05d} to the northern warehouse was late again today" for number in range(500)
    ]
    links = neighbours.pairs(texts, 0.8)
    assert len(links) < 100_000
    assert set(neighbours.clusters(len(texts), links)) == {0}


def test_clusters_follow_links_of_links():
    links = np.array([[1, 2], [2, 4], [5, 6]])
    assert neighbours.clusters(7, links).tolist() == [0, 1, 1, 3, 1, 5, 5]
