from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from tests import tasks

from loopbook.models.unsupervised import topics
from loopbook.scenario.errors import DataError


def tickets() -> tuple[list[str], list[str]]:
    """Return texts of three topics, simulated, and which each is of."""
    random = np.random.default_rng(0)
    of = random.choice(["billing", "delivery", "returns"], 300, p=[0.5, 0.3, 0.2]).tolist()
    return [" ".join(random.choice(tasks.TOPICS[topic].split(), 5)) + " the please" for topic in of], of


@pytest.mark.parametrize("by", ["kmeans", "nmf"])
def test_topics_are_found_and_named_by_their_own_words(by: str) -> None:
    texts, of = tickets()
    found = topics.find(texts, 3, by=by)  # type: ignore[arg-type]
    assert adjusted_rand_score(of, found.of) > 0.9
    assert (np.diff(np.bincount(found.of)) <= 0).all(), "the largest first"
    for words, topic in zip(found.words, ("billing", "delivery", "returns"), strict=True):
        assert len(words) == 5 and set(words) <= set(tasks.TOPICS[topic].split()), "not by words of all topics"


def test_topics_of_embeddings_are_clusters_of_them_and_still_named_by_words() -> None:
    texts, of = tickets()
    corners = np.eye(3)[[("returns", "billing", "delivery").index(topic) for topic in of]]
    found = topics.find(texts, 3, corners + np.random.default_rng(1).normal(0, 0.05, (300, 3)))
    assert adjusted_rand_score(of, found.of) == 1
    assert "invoice" in tasks.TOPICS["billing"] and set(found.words[0]) <= set(tasks.TOPICS["billing"].split())
    with pytest.raises(DataError, match="embeddings have negative numbers"):
        topics.find(texts, 3, corners, by="nmf")


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.parametrize("by", ["kmeans", "nmf"])
def test_hostile_few_and_empty_texts(by: str) -> None:
    texts = ["<script>alert(1)</script> onclick", "onclick", "", "!!", "猫が好き"]
    found = topics.find(texts, 9, by=by)  # type: ignore[arg-type]
    assert len(found.of) == 5 and found.of.max() + 1 == len(found.words) == len(found.names) <= 5
    assert all(word in " ".join(texts) for words in found.words for word in words)
    with pytest.raises(DataError, match="no word in any of 3 texts"):
        topics.find(["", "!?", "12 34"], 2, by=by)  # type: ignore[arg-type]


def test_typical_words_are_weighed_by_class_based_tf_idf() -> None:
    counts = np.array([[3, 0, 3], [0, 2, 3]])
    words = topics.typical(counts, np.array([0, 1]), ["own", "other", "common"], most=2)
    # log(1 + 5.5 / 3) / 2 for "own" against log(1 + 5.5 / 6) / 2 for "common".
    assert words == (("own", "common"), ("other", "common"))
