"""Features know what train taught, and nothing else."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopbook.data.features import PADDING, UNKNOWN, Features, tokenize
from loopbook.scenario.errors import DataError


def test_tokens_are_words_marks_tickers_and_numbers_without_their_digits():
    assert tokenize("Don't sell $ACME — it ROSE 12.5% (really?!) #buy @jane [MAIL] 🚀") == [
        *("don't", "sell", "$acme", "it", "rose", "00.0%", "really", "?!", "#buy", "@jane", "[mail]", "🚀")
    ]
    assert tokenize("<script>alert('x')</script> =SUM(A1)") == [
        *("<", "script", ">", "alert", "x", "<", "script", ">", "=", "sum", "a", "0")
    ]
    assert tokenize("  .-,  ") == []


@given(st.text())
def test_any_text_has_tokens_without_space(text):
    assert all(token and not token.isspace() for token in tokenize(text))


@pytest.fixture
def texts(scenario):
    train = pd.DataFrame({"text": ["the cat sat", "the cat ran", "the dog sat once"], "label": [0, 1, 0]})
    return train, scenario(vocabulary_size=50, sequence_length=4)


def test_tokens_are_indices_by_frequency_cut_and_padded(texts):
    features = Features.fit(*texts)
    assert features.vocabulary == ("the", "cat", "sat")  # ties in the order of the alphabet; once is unknown
    assert features.vocabulary_size == 5
    frame = pd.DataFrame({"text": ["sat the cat sat the", "zebra", ""]})
    assert features.tokens(frame).tolist() == [[4, 2, 3, 4], [UNKNOWN, *[PADDING] * 3], [UNKNOWN, *[PADDING] * 3]]
    assert features.tokens(frame).dtype == np.int32
    assert not features.width


def test_the_vocabulary_comes_from_train_alone_and_does_not_depend_on_the_order(texts):
    train, scenario = texts
    assert Features.fit(train.iloc[::-1], scenario) == Features.fit(train, scenario)
    limited = Features.fit(
        train, scenario.model_copy(update={"data": scenario.data.model_copy(update={"vocabulary_size": 1})})
    )
    assert limited.vocabulary == ("the",)


@pytest.fixture
def tables(scenario):
    train = pd.DataFrame(
        {"age": [20.0, 40.0, np.nan, 60.0], "weight_source": [1.0, 2.0, 3.0, 4.0], "city": ["a", "b", "a", ""]}
    )
    fields = {"age": "number", "weight": "number", "city": "category"}
    return lambda **data: Features.fit(train, scenario(fields=fields, **data))


def test_numbers_are_standardised_and_missing_ones_flagged(tables):
    features = tables()
    assert features.columns == (
        "age",
        "age missing",
        "weight",
        "city = missing",
        "city = a",
        "city = b",
        "city = other",
    )
    frame = pd.DataFrame({"age": [40.0, np.nan, 60.0], "weight": [2.5, 2.5, 2.5], "city": ["b", "zzz", ""]})
    deviation = np.std([20, 40, 60])
    np.testing.assert_allclose(
        features.table(frame),
        [[0, 0, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 0, 1], [20 / deviation, 0, 0, 1, 0, 0, 0]],
        atol=1e-6,
    )
    assert features.table(frame).dtype == np.float32


def test_minmax_maps_train_to_zero_and_one(tables):
    frame = pd.DataFrame({"age": [20.0, 60.0, 100.0], "weight": [1.0, 4.0, 1.0], "city": ["a", "a", "a"]})
    assert tables(scaling="minmax").table(frame)[:, [0, 2]].tolist() == [[0, 0], [1, 1], [2, 0]]


def test_a_constant_number_does_not_divide_by_zero(scenario):
    features = Features.fit(pd.DataFrame({"x": [3.0, 3.0]}), scenario(fields={"x": "number"}))
    assert features.table(pd.DataFrame({"x": [3.0, 4.0]})).tolist() == [[0.0], [1.0]]


def test_rare_levels_share_a_column(scenario):
    train = pd.DataFrame({"c": [f"l{i}" for i in range(80)] * 2 + ["l0"]})
    assert Features.fit(train, scenario(fields={"c": "category"})).width == 51


def test_features_survive_json(texts, tables):
    for features in (Features.fit(*texts), tables()):
        assert Features.model_validate(json.loads(json.dumps(features.model_dump(mode="json")))) == features


def test_several_texts_are_joined_with_a_mark_between(scenario):
    train = pd.DataFrame({"title": ["a b", "a b"], "body": ["c", "c"]})
    features = Features.fit(train, scenario(fields={"title": "text", "body": "text"}))
    assert features.token_lists(train)[0] == ["a", "b", "¶", "c"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"text": []}), "no rows"),
        (pd.DataFrame({"texte": ["a a"]}), "Did you mean 'texte'"),
        (pd.DataFrame({"text": ["every word differs"]}), "No word occurs twice"),
    ],
)
def test_what_cannot_be_fitted_says_why(scenario, frame, message):
    with pytest.raises(DataError, match=message):
        Features.fit(frame, scenario())


def test_numbers_that_are_none_are_refused(tables):
    frame = pd.DataFrame({"age": ["old"], "weight": [1.0], "city": ["a"]})
    with pytest.raises(DataError, match="'age' must hold numbers"):
        tables().table(frame)


def test_features_need_no_tensorflow():
    code = (
        "import sys, loopbook.data.features, loopbook.privacy.personal_data; "
        "print({'tensorflow', 'matplotlib'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("体验很棒, iPhone15好", ["体验", "验很", "很棒", "iphone", "00", "好"]),
        ("返金を求めます", ["返金", "金を", "を求", "求め", "めま", "ます"]),
        ("ดี มาก", ["ดี", "มา", "าก"]),
        ("서비스가 좋았습니다", ["서비스가", "좋았습니다"]),
        ("[mail] 退款", ["[mail]", "退款"]),
    ],
)
def test_text_without_blanks_is_cut_into_pairs_of_characters(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens
