from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.models.conftest import Problem

from loopbook.models.architecture import Inputs
from loopbook.models.architectures import registry
from loopbook.models.arrays import encode, lengths
from loopbook.models.network import Network, by_length
from loopbook.scenario.errors import ScenarioError

INPUTS = Inputs(vocabulary_size=50, length=12, width=3, categories=(2,))


def built(name: str, settings: dict, inputs: Inputs, seed: int) -> Network:
    return Network.build(registry.find(name), settings, inputs, seed)


def given(rows: int = 9) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    tokens = random.integers(1, 50, (rows, 12)).astype(np.int32)
    tokens[np.arange(12) >= random.integers(1, 13, rows)[:, None]] = 0
    return {
        "tokens": tokens,
        "table": random.normal(size=(rows, 3)).astype(np.float32),
        "embedding": random.normal(size=(rows, 384)).astype(np.float32) / 20,
    }


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("lstm", ("tokens", "table")),
        ("cnn", ("tokens", "table")),
        ("bag", ("tokens", "table")),
        ("transformer", ("tokens", "table")),
        ("mlp", ("table",)),
        ("entity_embeddings", ("table",)),
        ("minilm", ("embedding", "table")),
    ],
)
def test_each_network_answers_from_its_inputs(name: str, used: tuple[str, ...]) -> None:
    network = built(name, {}, INPUTS, seed=1)
    assert set(network.inputs) == set(used)
    logits = network.forward(given())
    assert logits.shape == (9, 1) and logits.dtype == np.float64 and np.ptp(logits) > 0
    for other in used:
        changed = {**given(), other: given()[other][::-1].copy()}
        assert not np.allclose(network.forward(changed), logits), f"{name} does not look at {other}"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *((name, {}) for name in ("lstm", "bilstm", "cnn", "bag", "transformer")),
        ("transformer", {"positions": "learned", "blocks": 2, "heads": 3, "embedding": 7}),
    ],
)
def test_the_answer_does_not_depend_on_padding(name: str, settings: dict) -> None:
    network = built(name, settings, INPUTS, seed=1)
    arrays = given()
    longer = {**arrays, "tokens": np.pad(arrays["tokens"], ((0, 0), (0, 9)))}
    direct = network.model({key: longer[key] for key in network.inputs}, training=False).numpy()
    assert network.forward(arrays) == pytest.approx(direct, abs=1e-5)


def test_word_order_counts_for_lstm_and_transformer_and_not_for_the_bag() -> None:
    tokens = np.array([[5, 6, 7, 8]], dtype=np.int32)
    turned = tokens[:, ::-1].copy()
    inputs = Inputs(50, 12, 0)
    orders = [("lstm", {}), ("transformer", {}), ("transformer", {"positions": "learned"})]
    bag, *ordered = (built(name, settings, inputs, 1) for name, settings in (("bag", {}), *orders))
    for network in ordered:
        assert abs(network.forward({"tokens": tokens}) - network.forward({"tokens": turned})) > 1e-4
    assert bag.forward({"tokens": tokens}) == pytest.approx(bag.forward({"tokens": turned}), abs=1e-6)


def test_a_level_of_a_category_is_embedded_in_fewer_numbers_than_there_are_levels() -> None:
    inputs = Inputs(0, 0, width=14, categories=(3, 9))
    network = built("entity_embeddings", {"embedding": 4, "units": 5, "layers": 1}, inputs, 1)
    shapes = {variable.path: tuple(variable.shape) for variable in network.model.trainable_variables}
    assert shapes["category_1/kernel"] == (3, 2) and shapes["category_2/kernel"] == (9, 4)
    assert shapes["hidden_1/kernel"] == (2 + 2 + 4, 5), "two numbers beside them"
    without = built("entity_embeddings", {"units": 5, "layers": 1}, Inputs(0, 0, width=2), 1)
    assert without.forward({"table": np.eye(2, dtype=np.float32)}).shape == (2, 1)


def test_equal_seeds_give_equal_weights_and_names_whatever_was_built_before() -> None:
    first = built("cnn", {"filters": 8}, INPUTS, 7)
    built("lstm", {}, INPUTS, 3)
    second, third = built("cnn", {"filters": 8}, INPUTS, 7), built("cnn", {"filters": 8}, INPUTS, 8)
    names = [[variable.path for variable in network.model.variables] for network in (first, second)]
    assert names[0] == names[1]
    for one, two in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        assert np.array_equal(one, two)
    assert not np.array_equal(second.model.get_weights()[0], third.model.get_weights()[0])


def test_a_saved_network_answers_the_same(tmp_path: Path) -> None:
    network = built("bag", {"dropout": 0.5}, INPUTS, 1)
    network.save(tmp_path)
    again = Network.load(tmp_path)
    assert again.forward(given()).tolist() == network.forward(given()).tolist()
    assert again.trims


def test_rows_come_in_batches_of_like_length() -> None:
    arrays = given(20)
    parts = list(by_length(arrays, np.arange(20), 6))
    assert sorted(np.concatenate([rows for rows, _ in parts]).tolist()) == list(range(20))
    long = lengths(arrays["tokens"])
    assert [longest for _, longest in parts] == [long[rows].max() for rows, _ in parts]
    assert [longest for _, longest in parts] == sorted(longest for _, longest in parts)


def test_lengths_do_not_count_padding_but_a_gap_inside() -> None:
    tokens = np.array([[3, 0, 4, 0], [1, 0, 0, 0], [2, 2, 2, 2], [0, 0, 0, 0]], dtype=np.int32)
    assert lengths(tokens).tolist() == [3, 1, 4, 1]


def test_rows_are_encoded_for_the_named_inputs_only(mixed: Problem) -> None:
    arrays = encode(mixed.features, mixed.validation, ["tokens", "table"])
    assert {name: (values.dtype.name, values.shape) for name, values in arrays.items()} == {
        "tokens": ("int32", (80, 16)),
        "table": ("float32", (80, mixed.features.width)),
    }


HEAD = "import keras\nfrom keras import layers\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return 5", "must return a keras.Model made of its inputs"),
        ("return keras.Model(inputs.table(), layers.Dense(2)(inputs.table()))", "could not be built"),
        ("x = inputs.table(); return keras.Model(x, [layers.Dense(2)(x), x])", "one output of shape"),
        ("x = inputs.table(); return keras.Model(x, layers.Reshape((3, 1))(x))", "one output of shape"),
        (
            "x = inputs.table(); return keras.Model(x, layers.Dense(2, activation='softmax')(x))",
            "ends in probabilities",
        ),
        ("x = keras.Input((3,), name='numbers'); return keras.Model(x, layers.Dense(1)(x))", "input 'numbers'"),
        ("x = keras.Input((12,), name='tokens'); return keras.Model(x, layers.Dense(1)(x))", "it is int32"),
        ("x = inputs.table(); return keras.Model(x, layers.Dense(-1)(x))", "could not be built"),
    ],
)
def test_a_users_network_that_cannot_be_trained_is_refused(users_module: Path, body: str, message: str) -> None:
    users_module.write_text(f"{HEAD}def build(inputs):\n    {body}\n")
    with pytest.raises(ScenarioError, match=message):
        built(f"{users_module.stem}:build", {}, INPUTS, 1)


def test_a_users_network_with_its_own_layer_is_saved_and_loaded(users_module: Path, tmp_path: Path) -> None:
    users_module.write_text(
        HEAD + "@keras.saving.register_keras_serializable('users')\n"
        "class Twice(layers.Layer):\n    def call(self, x):\n        return 2 * x\n"
        "def build(inputs):\n    x = inputs.table()\n    return keras.Model(x, layers.Dense(1, activation='sigmoid')"
        "(Twice()(x)))\n"
    )
    name = f"{users_module.stem}:build"
    network = built(name, {}, INPUTS, 1)
    network.save(tmp_path)
    assert Network.load(tmp_path).forward(given()).tolist() == network.forward(given()).tolist()


@pytest.mark.parametrize("aside", [(), (1,), (0, 2)])
def test_features_do_not_learn_by_scores_aside(aside: tuple[int, ...]) -> None:
    network = Network.build(registry.find("bag"), {}, Inputs(20, 8, 0), 1, 3, aside=aside)
    import tensorflow as tf

    words = network.model.get_layer("words").embeddings
    tokens = np.array([[3, 4, 5], [6, 7, 0]], dtype=np.int32)
    for at in range(3):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(network.model({"tokens": tokens}, training=False)[:, at])
        slope = np.asarray(tf.convert_to_tensor(tape.gradient(total, words.value)))
        assert (np.abs(slope).max() == 0) == (at in aside)
