from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from tests.models.conftest import BAD, GOOD, Problem, goals

from loopbook.models.architectures import registry
from loopbook.models.linear import Linear, terms_of
from loopbook.scenario.errors import DataError, LoopbookError
from loopbook.statistics import metrics
from loopbook.statistics.scores import sigmoid


def truth(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    return problem.train["label"].to_numpy(float), problem.train["weight"].to_numpy(float)


def fitted(name: str, problem: Problem, **settings: object) -> Linear:
    found = registry.find(name).make(problem.features, problem.train, goals(problem), **settings)
    assert isinstance(found, Linear)
    return found


def test_majority_says_the_weighted_base_rate_to_every_row(text: Problem) -> None:
    label, weight = truth(text)
    said = sigmoid(fitted("majority", text).raw(text.features, text.validation)[:, 0])
    assert np.ptp(said) == 0
    assert said[0] == pytest.approx(np.average(label, weights=weight), abs=0.005)


def test_word_list_finds_the_words_of_each_class(text: Problem) -> None:
    linear = fitted("word_list", text, words=20)
    yes = {term for term, weight in zip(linear.terms, linear.weights[:, 0], strict=True) if weight > 0}
    no = {term for term, weight in zip(linear.terms, linear.weights[:, 0], strict=True) if weight < 0}
    assert len(yes & set(BAD)) >= 7 and len(no & set(GOOD)) >= 7
    assert not yes & set(GOOD) and not no & set(BAD)
    # Each word counts one: all weights are equal but for their sign.
    assert len({round(abs(weight), 9) for weight in linear.weights[:, 0]}) == 1


def test_tfidf_equals_the_pipeline_of_scikit_learn(text: Problem) -> None:
    label, weight = truth(text)
    linear = fitted("tfidf", text, C=2.0)

    def join(frame: object) -> list[list[str]]:
        return text.features.token_lists(frame)  # type: ignore[arg-type]

    vectorizer = TfidfVectorizer(analyzer=lambda tokens: terms_of(tokens, 2), min_df=2)
    model = LogisticRegression(C=2.0, max_iter=2000).fit(
        vectorizer.fit_transform(join(text.train)), label, sample_weight=weight
    )
    expected = model.decision_function(vectorizer.transform(join(text.validation)))
    assert linear.raw(text.features, text.validation)[:, 0] == pytest.approx(expected, abs=1e-6)


def test_hashed_words_and_parts_of_words_equal_scikit_learn_with_buckets_for_columns(text: Problem) -> None:
    label, weight = truth(text)
    hashed = fitted("hashed", text, C=3.0, ngrams=1, characters=4, buckets=500)
    assert set(hashed.terms) <= {str(bucket) for bucket in range(500)} and not set(hashed.terms) & {*GOOD, *BAD}

    def rows(frame: pd.DataFrame) -> np.ndarray:
        texts = [" ".join(tokens) for tokens in text.features.token_lists(frame)]
        words = [text.split() for text in texts]
        parts = CountVectorizer(analyzer="char_wb", ngram_range=(3, 4)).build_analyzer()
        # char_wb gives a short word once, as a whole, for each length that it lacks.
        found = [
            [*of, *(f"~{part}" for part in parts(text) if len(part) > 2)] for of, text in zip(words, texts, strict=True)
        ]
        x = np.zeros((len(found), 500))
        for at, terms in enumerate(found):
            for term in terms:
                x[at, zlib.crc32(term.encode()) % 500] += 1
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    model = LogisticRegression(C=3.0, max_iter=2000).fit(rows(text.train), label, sample_weight=weight)
    expected = model.decision_function(rows(text.validation))
    assert hashed.raw(text.features, text.validation)[:, 0] == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize(("name", "settings"), [("hashed", {}), ("tfidf", {"characters": 4})])
def test_parts_of_words_read_what_is_misspelt(name: str, settings: dict, text: Problem) -> None:
    def ranked(said: Linear) -> float:
        return metrics.score("roc_auc", wrong["label"], said.raw(text.features, wrong)[:, 0])

    def misspelt(words: str) -> str:
        return " ".join(f"{word}s" if word in {*GOOD, *BAD} else word for word in words.split())

    wrong = text.validation.assign(text=text.validation["text"].map(misspelt))
    assert ranked(fitted(name, text, **settings)) > ranked(fitted("tfidf", text)) + 0.1


def test_tfidf_uses_the_table_where_there_is_one(mixed: Problem) -> None:
    linear = fitted("tfidf", mixed)
    assert len(linear.table_weights) == mixed.features.width
    without = mixed.validation.assign(size=0.0)
    assert not np.allclose(linear.raw(mixed.features, mixed.validation), linear.raw(mixed.features, without))


def test_table_logistic_equals_scikit_learn_on_real_measurements(cells: Problem) -> None:
    label, weight = truth(cells)
    linear = fitted("table_logistic", cells)
    model = LogisticRegression(max_iter=5000).fit(cells.features.table(cells.train), label, sample_weight=weight)
    expected = model.decision_function(cells.features.table(cells.validation))
    logits = linear.raw(cells.features, cells.validation)[:, 0]
    assert logits == pytest.approx(expected, abs=1e-3)
    assert metrics.score("roc_auc", cells.validation["label"], logits) > 0.98


def test_weights_count_like_repeated_rows(text: Problem) -> None:
    label = text.train["label"].to_numpy(float)
    twice = text.train.iloc[np.repeat(np.arange(len(label)), 1 + label.astype(int))]
    # Equal terms in both, so that only the weights differ.
    weighted = registry.find("table_logistic").make
    x = type("Fake", (), {"table": staticmethod(lambda frame: frame[["weight"]].to_numpy())})()
    one = weighted(x, text.train, goals(text, 1 + label))
    two = weighted(x, twice, goals(replace(text, train=twice), np.ones(len(twice))))
    assert one.table_weights == pytest.approx(two.table_weights, abs=1e-3)


def test_nothing_to_learn_from_is_said(text: Problem) -> None:
    few = text.train.head(3).assign(text=["one", "two", "three"])
    with pytest.raises(DataError, match="No word or phrase of train occurs in at least 2 of its 3 rows"):
        registry.find("tfidf").make(text.features, few, goals(text)[:1])


@pytest.mark.parametrize("name", ["majority", "word_list", "tfidf", "hashed"])
def test_a_saved_baseline_answers_the_same(name: str, text: Problem, tmp_path: Path) -> None:
    linear = fitted(name, text)
    linear.save(tmp_path)
    again = Linear.load(tmp_path)
    rows = text.features, text.validation
    assert again.raw(*rows).tolist() == linear.raw(*rows).tolist()
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".json", ".npz"]


def test_terms_and_weights_that_do_not_belong_together_are_refused(text: Problem, tmp_path: Path) -> None:
    fitted("tfidf", text).save(tmp_path)
    (tmp_path / "terms.json").write_text('["one"]')
    with pytest.raises(LoopbookError, match="1 terms do not fit"):
        Linear.load(tmp_path)


def test_terms_are_words_and_phrases_in_their_order() -> None:
    assert terms_of(["a", "b", "c"], 2) == ["a", "b", "c", "a b", "b c"]
    assert terms_of(["a"], 3) == ["a"]
    assert terms_of([], 2) == terms_of([], 2, 5, 8) == []


def test_terms_are_parts_of_words_with_their_ends() -> None:
    assert terms_of(["cat", "a"], 1, 4) == ["cat", "a", "~ ca", "~cat", "~at ", "~ cat", "~cat ", "~ a "]
    assert terms_of(["ab"], 1, 8)[1:] == ["~ ab", "~ab ", "~ ab "]


@pytest.mark.parametrize("buckets", [1, 2, 1000])
def test_terms_are_hashed_into_no_more_than_the_buckets(buckets: int) -> None:
    words = ["ü\udc00", "名前", *map(str, range(50))]
    found = terms_of(words, 2, 3, buckets)
    assert len(found) == len(terms_of(words, 2, 3)) and {int(bucket) for bucket in found} <= set(range(buckets))
    assert found == terms_of(words, 2, 3, buckets)
