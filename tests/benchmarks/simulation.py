"""How hard the simulated world is: TF-IDF with logistic regression, from-scratch networks, and the ceiling, by seed.

    python tests/benchmarks/simulation.py --seeds 5

All figures are ROC AUC of the annotators' label on the test part. The ceiling is the AUC of the true state against the
annotators' label. The paired difference is network minus TF-IDF on the same bootstrap resamples, with a 95% interval.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from loopbook.data.features import tokenize
from loopbook.scenario.source import SimulationSource
from loopbook.simulation.world import simulate

LENGTH, VOCABULARY = 64, 8_000
SETTINGS = {"cnn": {"kernel": 9, "filters": 128, "dropout": 0.5}, "lstm": {"dropout": 0.4}, "bag": {}}
SHARES = {"train": 0.5, "validation": 0.09, "test": 0.14}  # in order of time, as in the scenario market-monitor


def split(posts: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return train, validation and test, in order of time; the rest is the stream."""
    parts, start = {}, 0
    for name, share in SHARES.items():
        end = start + round(share * len(posts))
        parts[name] = posts.iloc[start:end]
        start = end
    return parts


def tfidf(train: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Return probabilities of TF-IDF (words and pairs of words) with logistic regression, shape [n]."""
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = LogisticRegression(max_iter=1000).fit(vectorizer.fit_transform(train.text), train.alert)
    return model.predict_proba(vectorizer.transform(test.text))[:, 1]


def encode(parts: dict[str, pd.DataFrame]) -> dict[str, np.ndarray]:
    """Return token numbers [n, LENGTH] by part; 0 is padding, 1 unknown; the vocabulary is train's."""
    counts = Counter(token for text in parts["train"].text for token in tokenize(text))
    known = [token for token, count in counts.most_common(VOCABULARY - 2) if count > 1]
    number = {token: at + 2 for at, token in enumerate(known)}
    encoded = {}
    for name, part in parts.items():
        table = np.zeros((len(part), LENGTH), "int32")
        for row, text in enumerate(part.text):
            tokens = [number.get(token, 1) for token in tokenize(text)[:LENGTH]]
            table[row, : len(tokens)] = tokens
        encoded[name] = table
    return encoded


def network(kind: str, parts: dict[str, pd.DataFrame], seed: int) -> tuple[np.ndarray, float, int]:
    """Return test probabilities of one of our networks, trained from scratch, the seconds, and the epochs."""
    import keras

    from loopbook.models.architecture import Inputs
    from loopbook.models.architectures import registry

    keras.utils.set_random_seed(seed)
    tokens = encode(parts)
    model = registry.find(kind).make(Inputs(VOCABULARY, LENGTH, width=0), **SETTINGS[kind])
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    stop = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True)
    begin = time.perf_counter()
    history = model.fit(
        tokens["train"],
        parts["train"].alert.to_numpy("float32"),
        validation_data=(tokens["validation"], parts["validation"].alert.to_numpy("float32")),
        epochs=40,
        batch_size=64,
        verbose=0,
        callbacks=[stop],
    )
    seconds = time.perf_counter() - begin
    return model.predict(tokens["test"], batch_size=512, verbose=0)[:, 0], seconds, len(history.epoch)


def paired(label: np.ndarray, a: np.ndarray, b: np.ndarray, resamples: int = 1000) -> tuple[float, float, float]:
    """Return the AUC of `a` minus that of `b`, and its 95% bootstrap interval."""
    rng, differences = np.random.default_rng(0), []
    for _ in range(resamples):
        rows = rng.integers(0, len(label), len(label))
        differences.append(roc_auc_score(label[rows], a[rows]) - roc_auc_score(label[rows], b[rows]))
    low, high = np.quantile(differences, [0.025, 0.975])
    return roc_auc_score(label, a) - roc_auc_score(label, b), low, high


def main() -> None:
    """Print the figures for some seeds."""
    parser = argparse.ArgumentParser(description="Figures of the simulated world, by seed.")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 1 to this")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--networks", nargs="*", choices=sorted(SETTINGS), default=["cnn"])
    given = parser.parse_args()
    for seed in range(given.first, given.seeds + 1):
        posts = simulate(SimulationSource(kind="simulation", rows=given.rows, seed=seed)).posts
        parts = split(posts)
        test = parts["test"]
        label = test.alert.to_numpy()
        plain = tfidf(parts["train"], test)
        print(
            f"seed {seed}: alerts {posts.alert.mean():.3f}  tf-idf {roc_auc_score(label, plain):.4f}"
            f"  ceiling {roc_auc_score(label, test.true_alert):.4f}",
            flush=True,
        )
        cases = dict(test.reset_index().groupby("hard_case").groups)
        shown = " ".join(
            f"{case or 'plain'} {roc_auc_score(label[rows], plain[rows]):.2f}" for case, rows in cases.items()
        )
        print(f"    tf-idf by hard case: {shown}")
        for kind in given.networks:
            scores, seconds, epochs = network(kind, parts, seed)
            difference, low, high = paired(label, scores, plain)
            print(
                f"  {kind}: {roc_auc_score(label, scores):.4f}"
                f"  minus tf-idf {difference:+.4f} [{low:+.4f}, {high:+.4f}]"
                f"  {epochs} epochs, {seconds:.0f} s"
            )
            shown = " ".join(
                f"{case or 'plain'} {roc_auc_score(label[rows], scores[rows]):.2f}" for case, rows in cases.items()
            )
            print(f"    by hard case: {shown}", flush=True)


if __name__ == "__main__":
    main()
