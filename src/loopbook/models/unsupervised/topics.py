"""Topics of texts that nobody has labelled: clusters, each named by the words that are typical of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from loopbook.data.features import tokenize
from loopbook.scenario.errors import DataError

_NAMED_BY = 5  # words
_FIELDS = 3
_PRIOR = 500  # words


@dataclass(frozen=True, eq=False)
class Topics:
    """Clusters of n texts.

    Attributes
    ----------
    of
        Which topic each text is of, int64 [n]; the topics are numbered by size, the largest first.
    words
        Of each topic its most typical words, the most typical first. They are the texts' own: escape them in a page.
    """

    of: NDArray[np.int64]
    words: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The words of each topic, joined by commas."""
        return tuple(", ".join(words) for words in self.words)


def find(
    texts: Sequence[str],
    count: int,
    embeddings: NDArray[Any] | None = None,
    *,
    by: Literal["kmeans", "nmf"] = "kmeans",
    seed: int = 1,
) -> Topics:
    """Part texts into topics.

    Parameters
    ----------
    count
        How many topics; fewer if there are fewer texts, or if one stays empty.
    embeddings
        [n, d], such as of the sentence encoder; None: TF-IDF of the texts' words.
    by
        k-means, or non-negative matrix factorisation, for which the largest factor of a text counts; that of TF-IDF
        alone, because embeddings are negative too.

    Raises
    ------
    DataError
        If no text has a word, or embeddings are to be factorised.

    References
    ----------
    Lee & Seung (1999), Learning the parts of objects by non-negative matrix factorization. Grootendorst (2022),
    BERTopic: clusters of sentence embeddings.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import NMF
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    if by == "nmf" and embeddings is not None:
        raise DataError("Topics by factorisation need TF-IDF: embeddings have negative numbers. Give no embeddings.")
    vectorizer = CountVectorizer(analyzer=_words)
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError as error:
        raise DataError(f"There is no word in any of {len(texts):,} texts: there are no topics to find.") from error
    x = TfidfTransformer(sublinear_tf=True).fit_transform(counts) if embeddings is None else embeddings
    count = min(count, len(texts), *([counts.shape[1]] if by == "nmf" else []))
    if by == "nmf":
        of = NMF(count, init="nndsvd", max_iter=400, random_state=seed).fit_transform(x).argmax(axis=1)
    else:
        of = KMeans(count, n_init=4, random_state=seed).fit_predict(x)
    numbered = _by_size(of)
    return Topics(numbered, typical(counts, numbered, vectorizer.get_feature_names_out().tolist()))


def of_table(x: NDArray[Any], count: int, columns: Sequence[str], *, seed: int = 1) -> Topics:
    """Part the rows of a table into clusters by k-means, each named by the columns in which it differs most.

    Parameters
    ----------
    x
        Scaled, float [n, columns].
    columns
        Their names.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM.
    """
    from sklearn.cluster import KMeans

    spread = x.std(axis=0)
    scaled = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    of = _by_size(KMeans(min(count, len(x)), n_init=4, random_state=seed).fit_predict(scaled))
    names = []
    for topic in range(of.max() + 1):
        apart = scaled[of == topic].mean(axis=0)
        first = np.argsort(-np.abs(apart), kind="stable")[:_FIELDS]
        names.append(tuple(f"{columns[at]} {'high' if apart[at] > 0 else 'low'}" for at in first))
    return Topics(of, tuple(names))


def typical(
    counts: Any, of: NDArray[np.int64], names: Sequence[str], most: int = _NAMED_BY
) -> tuple[tuple[str, ...], ...]:
    """Return the words of each topic whose odds are most surely higher in it than in all other topics together.

    Parameters
    ----------
    counts
        How often each word stands in each text, sparse [n, words].
    of
        The topic of each text, int64 [n].
    names
        The words.

    References
    ----------
    Monroe, Colaresi & Quinn (2008), Fightin' words: the z score of log odds, with the words of all texts as the prior.
    """
    own = np.stack([np.asarray(counts[of == topic].sum(axis=0)).ravel() for topic in range(of.max() + 1)])
    total = own.sum(axis=0)
    prior = total * (_PRIOR / total.sum())
    inside, outside = own + prior, total - own + prior
    odds = [np.log(part / (part.sum(axis=1, keepdims=True) - part)) for part in (inside, outside)]
    z = (odds[0] - odds[1]) / np.sqrt(1 / inside + 1 / outside)
    best = np.argsort(-z, axis=1, kind="stable")[:, :most]
    return tuple(tuple(names[at] for at in row if own[topic, at]) for topic, row in enumerate(best.tolist()))


def _by_size(of: NDArray[Any]) -> NDArray[np.int64]:
    """Return the topics numbered by size, the largest first."""
    _, kind, sizes = np.unique(of, return_inverse=True, return_counts=True)
    return np.argsort(np.argsort(-sizes, kind="stable"))[kind].astype(np.int64)


def _words(text: str) -> list[str]:
    """Return the tokens of a text that are words of three letters or more, or of a script without blanks."""
    return [token for token in tokenize(text) if token[0].isalpha() and (len(token) > 2 or not token.isascii())]
