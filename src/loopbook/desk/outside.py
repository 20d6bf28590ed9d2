"""Open-set recognition (out-of-scope detection): which questions belong to none of the intents that were learned.

A method learns from embeddings of known questions, float [n, d], and their intents [n]; it returns the score of further
ones, the higher, the further from all that is known. No question from outside is needed, neither for the method nor for
the level at which it speaks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.models import arrays
from loopbook.models.encoders import sentence_encoder
from loopbook.models.seen_rows import Learner
from loopbook.models.unsupervised import anomaly
from loopbook.scenario.errors import DataError
from loopbook.statistics.intervals import wilson

Floats = NDArray[np.float64]
Embeddings = NDArray[np.floating[Any]]
Method = Callable[[Embeddings, NDArray[Any]], anomaly.Score]

NEIGHBOURS = 5
SHRINKAGE = 0.5

_FEWEST = 20  # known questions without which no level of 5% can be told


def knn(reference: Embeddings, intent: NDArray[Any] | None = None, *, neighbours: int = NEIGHBOURS) -> anomaly.Score:
    """Score by the mean distance to the nearest known questions.

    References
    ----------
    Sun, Ming, Zhu & Li (2022), Out-of-distribution detection with deep nearest neighbors.
    """
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=min(neighbours, len(reference)), algorithm="brute").fit(reference)
    return lambda rows: np.asarray(model.kneighbors(rows)[0].mean(axis=1), dtype=np.float64)


def lof(reference: Embeddings, intent: NDArray[Any] | None = None, *, neighbours: int = 20) -> anomaly.Score:
    """Score by the local outlier factor: how much sparser a question lies than its neighbours do.

    References
    ----------
    Breunig, Kriegel, Ng & Sander (2000), LOF: identifying density-based local outliers.
    """
    from sklearn.neighbors import LocalOutlierFactor

    model = LocalOutlierFactor(n_neighbors=min(neighbours, len(reference) - 1), novelty=True).fit(reference)
    return lambda rows: np.asarray(-model.score_samples(rows), dtype=np.float64)


def mahalanobis(reference: Embeddings, intent: NDArray[Any]) -> anomaly.Score:
    """Score by the Mahalanobis distance to the nearest intent's mean, with one shrunk covariance for all intents.

    References
    ----------
    Lee, Lee, Lee & Shin (2018), A simple unified framework for detecting out-of-distribution samples. Ledoit & Wolf
    (2004), A well-conditioned estimator for large-dimensional covariance matrices.
    """
    from sklearn.covariance import LedoitWolf

    names, code = np.unique(intent, return_inverse=True)
    means = np.stack([reference[code == at].mean(axis=0) for at in range(len(names))])
    shrunk = LedoitWolf(assume_centered=True).fit(reference - means[code])
    # Distances under a covariance are plain ones after a change of axes.
    axes = np.linalg.cholesky(shrunk.precision_)
    return _on(lambda rows: rows @ axes, means @ axes, 1)


def lda(reference: Embeddings, intent: NDArray[Any], *, neighbours: int = NEIGHBOURS) -> anomaly.Score:
    """Score by `knn` after linear discriminant analysis: along the directions in which intents differ.

    References
    ----------
    Fisher (1936), The use of multiple measurements in taxonomic problems; shrinkage as in Friedman (1989), Regularized
    discriminant analysis.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    model = LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE).fit(reference, intent)
    return _on(model.transform, model.transform(reference), neighbours)


def _on(project: Callable[[Embeddings], Embeddings], reference: Embeddings, neighbours: int) -> anomaly.Score:
    score = knn(reference, neighbours=neighbours)
    return lambda rows: score(project(rows))


def doubt(probability: Floats) -> Floats:
    """Return 1 minus the largest probability (maximum softmax), float64 [n]: the baseline.

    References
    ----------
    Hendrycks & Gimpel (2017), A baseline for detecting misclassified and out-of-distribution examples.
    """
    return np.asarray(1 - probability.max(axis=1), dtype=np.float64)


def entropy(probability: Floats) -> Floats:
    """Return the entropy of the intents' probabilities in nats, float64 [n]: the model's uncertainty."""
    return np.asarray(-(probability * np.log(np.maximum(probability, 1e-12))).sum(axis=1), dtype=np.float64)


FUSED, SOFTMAX = "kNN and entropy", "maximum softmax"
METHODS: Mapping[str, Method] = {"kNN": knn, "kNN after LDA": lda, "LOF": lof, "Mahalanobis": mahalanobis}


@dataclass(frozen=True)
class Fusion:
    """Distance and entropy as one score: each in standard deviations of known questions that were not learned from.

    Attributes
    ----------
    distance, entropy
        Mean and standard deviation on these questions.
    """

    distance: tuple[float, float]
    entropy: tuple[float, float]

    @classmethod
    def of(cls, distance: Floats, entropy: Floats) -> Self:
        """Learn both scales from known questions, float64 [n] each."""
        (a, b), (c, d) = ((float(part.mean()), float(max(part.std(), 1e-9))) for part in (distance, entropy))
        return cls((a, b), (c, d))

    def score(self, distance: Floats, entropy: Floats, weight: float = 1.0) -> Floats:
        """Return the fused score, float64 [n]; `weight` is that of the entropy."""
        far, unsure = (
            (part - mean) / spread
            for part, (mean, spread) in ((distance, self.distance), (entropy, self.entropy))
        )  # fmt: skip
        return np.asarray(far + weight * unsure, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Outside:
    """What recognises questions of no intent: by their distance from known ones, and by the model's entropy.

    Attributes
    ----------
    model
        What knows the intents.
    distance
        A method's score of embeddings by the frozen sentence encoder.
    fusion
        How distance and entropy are weighed.
    known
        Scores of known questions that were not learned from, float64 [n]: what a level is told by.
    """

    model: Learner
    distance: anomaly.Score
    fusion: Fusion
    known: Floats

    @classmethod
    def of(
        cls,
        model: Learner,
        train: pd.DataFrame,
        validation: pd.DataFrame,
        cache: Path | None = None,
        progress: Callable[[str], object] | None = None,
        method: Method = knn,
    ) -> Self:
        """Learn what known questions are like.

        Parameters
        ----------
        model
            As `serving.load` returns it.
        train, validation
            Labelled rows in canonical form: those to be near to, and those that say how near is usual.
        cache, progress
            The sentence encoder's.
        method
            One of `METHODS`.

        Raises
        ------
        DataError
            If there are too few rows of one of them.
        """
        train, validation = (rows[rows["label"].notna()] for rows in (train, validation))
        for name, rows in (("train", train), ("validation", validation)):
            if len(rows) < _FEWEST:
                raise DataError(
                    f"{len(rows)} labelled rows of {name} do not say what known questions are like: it takes {_FEWEST}."
                )
        reference, held = (
            sentence_encoder.embed(arrays.texts(model.features, rows), cache, progress) for rows in (train, validation)
        )
        score = method(reference, train["label"].astype(str).to_numpy())
        far, unsure = score(held), entropy(model.answer(validation, cache).probability)
        fusion = Fusion.of(far, unsure)
        return cls(model, score, fusion, fusion.score(far, unsure))

    def scores(self, rows: pd.DataFrame) -> Floats:
        """Return the score of rows with the task's input fields, float64 [n]."""
        if not len(rows):
            return np.zeros(0)
        far = self.distance(sentence_encoder.embed(arrays.texts(self.model.features, rows)))
        return self.fusion.score(far, entropy(self.model.answer(rows).probability))

    def tail(self, questions: Sequence[str]) -> list[float]:
        """Return how probable a score at least as high is among known questions, one each: small is outside."""
        rows = pd.DataFrame({field: list(questions) for field in self.model.features.texts[:1]}, dtype=object)
        return list(map(float, anomaly.tail(self.known, self.scores(rows))))


def compare(
    model: Learner,
    splits: Mapping[str, pd.DataFrame],
    foreign: Mapping[str, Sequence[str]],
    level: float,
    cache: Path | None = None,
    progress: Callable[[str], object] | None = None,
) -> pd.DataFrame:
    """Return what each method hands over, at a level that validation alone has set.

    Parameters
    ----------
    splits
        `train`, `validation` and `test`, labelled rows in canonical form.
    foreign
        Questions of no intent, by their kind.
    level
        Share of known questions that may be handed over.

    Returns
    -------
    DataFrame
        A row for each method and kind of questions (`known` are those of test): `questions`, the share `value` that
        is handed over, and the ends `low` and `high` of its interval (Wilson).
    """
    (field,) = model.features.texts
    asked = {"known": splits["test"], **{kind: pd.DataFrame({field: list(said)}) for kind, said in foreign.items()}}
    train = splits["train"]
    reference, intent = _embedded(model, train, cache, progress), train["label"].astype(str).to_numpy()
    held = _embedded(model, splits["validation"], cache, progress)
    probability = model.answer(splits["validation"], cache).probability
    embedded = {kind: _embedded(model, rows, cache, progress) for kind, rows in asked.items()}
    answered = {kind: model.answer(rows, cache).probability for kind, rows in asked.items()}
    told: dict[str, tuple[Floats, dict[str, Floats]]] = {
        SOFTMAX: (doubt(probability), {kind: doubt(p) for kind, p in answered.items()})
    }
    for name, method in METHODS.items():
        score = method(reference, intent)
        told[name] = score(held), {kind: score(rows) for kind, rows in embedded.items()}
    far, far_of = told["kNN"]
    fusion = Fusion.of(far, entropy(probability))
    fused = {kind: fusion.score(far_of[kind], entropy(p)) for kind, p in answered.items()}
    told[FUSED] = fusion.score(far, entropy(probability)), fused
    found = []
    for name, (known, of) in told.items():
        for kind, scores in of.items():
            share = wilson(float((anomaly.tail(known, scores) <= level).mean()), len(scores))
            found.append((name, kind, len(scores), *share))
    return pd.DataFrame(found, columns=["method", "asked", "questions", "value", "low", "high"])


def _embedded(
    model: Learner, rows: pd.DataFrame, cache: Path | None, progress: Callable[[str], object] | None
) -> Embeddings:
    return sentence_encoder.embed(arrays.texts(model.features, rows), cache, progress)
