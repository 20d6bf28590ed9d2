"""Networks: functions that build a Keras model for given inputs; a user's own looks the same.

Importing this module costs nothing: Keras is imported when a network is built. Annotations are real objects here
(no ``from __future__``), because a scenario's settings are checked against the type and range that each one names.
"""

from typing import Annotated, Any

from pydantic import Field

from loopbook.models.architectures.inputs import Inputs

Size = Annotated[int, Field(ge=1, le=4096)]
Kernel = Annotated[int, Field(ge=1, le=64)]
Depth = Annotated[int, Field(ge=0, le=16)]
Share = Annotated[float, Field(ge=0, lt=1)]
Penalty = Annotated[float, Field(ge=0, le=1_000)]


def lstm(inputs: Inputs, *, embedding: Size = 48, units: Size = 48, dropout: Share = 0.3) -> Any:
    """Return the seed model: Embedding, LSTM, Dense with sigmoid. Reads words in their order.

    Parameters
    ----------
    embedding
        Numbers a token.
    units
        Numbers in the LSTM's state.
    dropout
        Share of the state that is hidden from the last layer in each training step.

    Returns
    -------
    keras.Model
        Input ``tokens`` (and ``table`` where there is one), output the probability, float32 [n, 1].

    References
    ----------
    Hochreiter & Schmidhuber (1997), Long short-term memory.
    """
    import keras

    tokens = inputs.tokens()
    state = keras.layers.Embedding(inputs.vocabulary_size, embedding, mask_zero=True, name="words")(tokens)
    state = keras.layers.LSTM(units, name="memory")(state)
    return _answer(inputs, tokens, state, dropout, "lstm")


def cnn(inputs: Inputs, *, embedding: Size = 48, filters: Size = 64, kernel: Kernel = 3, dropout: Share = 0.3) -> Any:
    """Return a convolutional network: each filter looks for one short phrase, wherever it stands.

    Parameters
    ----------
    embedding
        Numbers a token.
    filters
        Phrases to look for.
    kernel
        Tokens a phrase.
    dropout
        Share of the filters that is hidden from the last layer in each training step.

    References
    ----------
    Kim (2014), Convolutional neural networks for sentence classification.
    """
    import keras

    tokens = inputs.tokens()
    here = _here(tokens)
    words = keras.layers.Embedding(inputs.vocabulary_size, embedding, name="words")(tokens)
    # Padding is set to zero before and after, so that the answer does not depend on how far a row is padded.
    words = keras.layers.Multiply()([keras.layers.Dropout(dropout)(words), here])
    found = keras.layers.Conv1D(filters, kernel, padding="same", activation="relu", name="phrases")(words)
    strongest = keras.layers.GlobalMaxPooling1D()(keras.layers.Multiply()([found, here]))
    return _answer(inputs, tokens, strongest, dropout, "cnn")


def bag(inputs: Inputs, *, embedding: Size = 48, dropout: Share = 0.3) -> Any:
    """Return a bag of embeddings: the mean of the words' embeddings, whatever their order.

    References
    ----------
    Joulin et al. (2017), Bag of tricks for efficient text classification.
    """
    import keras

    tokens = inputs.tokens()
    here = _here(tokens)
    words = keras.layers.Embedding(inputs.vocabulary_size, embedding, name="words")(tokens)
    total = keras.ops.sum(keras.layers.Multiply()([words, here]), axis=1)
    return _answer(inputs, tokens, total / keras.ops.sum(here, axis=1), dropout, "bag")


def mlp(inputs: Inputs, *, units: Size = 64, layers: Depth = 2, dropout: Share = 0.2, normalise: bool = False) -> Any:
    """Return a multilayer perceptron for tables: `layers` hidden layers of `units` each.

    Parameters
    ----------
    dropout
        Share of each hidden layer that is hidden from the next in each training step.
    normalise
        Whether each hidden layer is brought to mean 0 and variance 1 within a row before its activation, which makes
        the depth matter less to the step size. The inputs are scaled in any case.

    References
    ----------
    Ba, Kiros & Hinton (2016), Layer normalization; Srivastava et al. (2014), Dropout.
    """
    import keras

    table = inputs.table()
    state = table
    for depth in range(layers):
        state = keras.layers.Dense(units, name=f"hidden_{depth + 1}")(state)
        if normalise:
            state = keras.layers.LayerNormalization(name=f"normal_{depth + 1}")(state)
        state = keras.layers.Activation("relu")(state)
        state = keras.layers.Dropout(dropout)(state)
    return keras.Model(table, _dense()(state), name="mlp")


def minilm(
    inputs: Inputs, *, units: Annotated[int, Field(ge=0, le=4096)] = 0, dropout: Share = 0.3, penalty: Penalty = 0.05
) -> Any:
    """Return a dense head on the frozen sentence encoder all-MiniLM-L6-v2.

    Parameters
    ----------
    units
        Numbers in a hidden layer; 0: none, which makes the head a logistic regression.
    dropout
        Share of the embedding that is hidden in each training step.
    penalty
        Weight of the squared coefficients in the loss; the embedding has 384 numbers of about unit size.

    References
    ----------
    Reimers & Gurevych (2019), Sentence-BERT; Wang et al. (2020), MiniLM.
    """
    import keras

    embedding = inputs.embedding()
    # The encoder's vectors have length 1; with numbers of about unit size Adam's usual step fits.
    state = keras.layers.Rescaling(inputs.embedding_width**0.5)(embedding)
    state = keras.layers.Dropout(dropout)(state)
    if units:
        state = keras.layers.Dense(
            units, activation="relu", kernel_regularizer=keras.regularizers.L2(penalty), name="hidden"
        )(state)
    parts = [embedding]
    if inputs.width:
        parts.append(inputs.table())
        state = keras.layers.Concatenate()([state, parts[1]])
    return keras.Model(parts, _dense(penalty)(state), name="minilm")


def _here(tokens: Any) -> Any:
    """Return 1 for a token and 0 for padding, float32 [n, tokens, 1]."""
    import keras

    return keras.ops.expand_dims(keras.ops.cast(keras.ops.not_equal(tokens, 0), "float32"), -1)


def _answer(inputs: Inputs, tokens: Any, state: Any, dropout: float, name: str) -> Any:
    import keras

    parts = [tokens]
    state = keras.layers.Dropout(dropout)(state)
    if inputs.width:
        parts.append(inputs.table())
        state = keras.layers.Concatenate()([state, parts[1]])
    return keras.Model(parts, _dense()(state), name=name)


def _dense(penalty: float = 0.0) -> Any:
    import keras

    regularizer = keras.regularizers.L2(penalty) if penalty else None
    return keras.layers.Dense(1, activation="sigmoid", kernel_regularizer=regularizer, name="probability")
