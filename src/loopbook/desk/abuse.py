"""Abuse detection: an authored list of stems and a logistic regression upon sentence embeddings, together.

The list finds words that nobody writes kindly; what only looks so (a card that died, a threat that is reported) is told
apart by the classifier, which reads the list's finds as features of their own.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.models.encoders import sentence_encoder
from loopbook.scenario.errors import DataError
from loopbook.statistics import folds
from loopbook.statistics.scores import sigmoid

Floats = NDArray[np.float64]

C = 3.0
"""Inverse strength of the penalty, as in a logistic regression."""

HARMFUL = 0.3
"""Probability from which a text is taken for harmful; it is low because ordinary texts are ten times as many."""

_YOU = r"\b(?:you|your|u|ur)\b"
_NAMES = (
    r"(?:idiot|moron|imbecil|cretin|dimwit|dumb ?ass|dumb|stupid|scum|parasit|leech|clown|loser|pig|rat|hag|"
    r"half-?wit|toad|trash|junk|worthless|pathetic|brain(?:-?dead|less)|fool|thick|crook|vermin)"
)
LIST: dict[str, str] = {
    "insult": rf"{_YOU}.{{0,40}}\b{_NAMES}|^\W*{_NAMES}\w*\W*$|\bscrew you|\bshut up|\bgo to hell|\bf\W{{2,}}",
    "threat": rf"\b(?:kill|shoot|burn|stab|poison|hang|smash|slit|beat|hurt|break)\w*\b.{{0,20}}{_YOU}|"
    r"\bwatch your back|\bknow where \w+ lives?|\bbomb in\b|\byou(?:'ll| will) (?:regret|pay)|"
    r"\b(?:all|just) (?:die|drop)",
    "hate": r"\b(?:foreigners?|refugees|immigrants|muslims|jews|arabs|gays|roma|poles|indians|asylum seekers)\b"
    r".{0,60}\b(?:are|like|out|home|hang|shot|vermin|steal|stink|animals?|rats|sick|freaks)\b",
    "sexual": r"\b(?:nudes?|naked pictures?|undressed|breasts|have sex|talk dirty|virgin|kiss me|wearing right now)\b",
    "crime": r"\b(?:launder|forge|skim|hack|blackmail|smuggl|fake|stolen card numbers?)\w*\b.{0,60}"
    r"\b(?:how|without|into|passports?|loan|accounts?|cards?|customer)\b|"
    r"\bwithout (?:you|him|her|them) (?:knowing|notic)",
}
"""Patterns by kind, by the stems of mild words; a slur needs no list, its sentence is hateful without it."""

_LISTED = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in LIST.items()}
_DISGUISED = str.maketrans("013457@$", "oieastas")
_DANGER = re.compile(
    r"\b(?:kill(?:ing)?|end(?:ing)?|hurt(?:ing)?) (?:myself|my life|it all)\b|\bsuicid|"
    r"\b(?:want|rather) (?:to )?(?:die|be dead)\b|"
    r"\b(?:don'?t|do not|no longer) want to (?:live|be alive)|\bbetter (?:off |for everybody )?if I (?:was|were) dead|"
    r"\bcan(?:'?t|not) go on\b|\bno (?:reason|will) to live",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Recogniser:
    """What recognises harmful text.

    Attributes
    ----------
    weights
        Of the embedding's numbers and of the list's finds, [384 + 5].
    bias
        Of a text without either.
    """

    weights: Floats
    bias: float

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        ordinary: Sequence[str],
        cache: Path | None = None,
        progress: Callable[[str], object] | None = None,
    ) -> Self:
        """Return the recogniser that was taught by a table with the columns text and harmful (yes or no).

        Parameters
        ----------
        table
            Authored lines of both sorts.
        ordinary
            What is said every day: past questions and answers, sentences of the documents. Those in which the list
            finds nothing are learned from as harmless.
        cache, progress
            As of `sentence_encoder.embed`.

        Raises
        ------
        DataError
            If there are not both, or something else than yes and no.
        """
        plain = [text for text, found in zip(ordinary, listed(ordinary), strict=True) if not found.any()]
        texts = [*table["text"], *plain]
        x = features(texts, sentence_encoder.embed(texts, cache, progress))
        return cls._fitted(x, np.append(labels(table), np.zeros(len(plain))))

    @classmethod
    def _fitted(cls, x: Floats, harmful: Floats) -> Self:
        from scipy.optimize import minimize

        def loss(line: Floats) -> tuple[float, Floats]:
            weights, z = line[:-1], x @ line[:-1] + line[-1]
            step = C * (sigmoid(z) - harmful)
            value = C * float((np.logaddexp(0, z) - harmful * z).sum()) + float(weights @ weights) / 2
            return value, np.append(x.T @ step + weights, step.sum())

        found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B").x
        return cls(found[:-1], float(found[-1]))

    def probability(self, texts: Sequence[str]) -> Floats:
        """Return the probability that each text is harmful, [n]."""
        return self._scored(features(texts, sentence_encoder.embed(texts)))

    def _scored(self, x: Floats) -> Floats:
        return np.asarray(sigmoid(x @ self.weights + self.bias))

    def harmful(self, text: str) -> bool:
        """Return whether a text is harmful or abusive."""
        return bool(text.strip()) and bool(self.probability([text])[0] >= HARMFUL)


def labels(table: pd.DataFrame) -> Floats:
    """Return 1 for each text that is harmful and 0 for the others, [n]."""
    said = table["harmful"].astype(str)
    if set(said) != {"yes", "no"}:
        raise DataError(f"The column harmful of the abuse list holds {', '.join(sorted(set(said)))}; write yes and no.")
    return np.asarray(said == "yes", dtype=np.float64)


def features(texts: Sequence[str], vectors: NDArray[np.float32]) -> Floats:
    """Return what the classifier reads of texts: their embeddings, and of each kind whether the list finds it."""
    return np.column_stack([vectors.astype(np.float64), listed(texts)])


def listed(texts: Sequence[str]) -> Floats:
    """Return which kinds of the list each text has, [n, 5]; digits and signs in the place of letters are read too."""
    return np.array(
        [[bool(p.search(text) or p.search(text.translate(_DISGUISED))) for p in _LISTED.values()] for text in texts],
        dtype=np.float64,
    ).reshape(-1, len(_LISTED))


def in_danger(text: str) -> bool:
    """Return whether somebody may want to hurt himself: no abuse, but something for a person, at once."""
    return bool(_DANGER.search(text.replace("\u2019", "'")))


def cross_validated(
    table: pd.DataFrame, ordinary: Sequence[str], cache: Path | None = None, count: int = 10, seed: int = 0
) -> pd.DataFrame:
    """Return the table with `listed` (the list alone), `embedded` (the classifier without it) and `probability`.

    The last two are out-of-fold predictions; `ordinary` texts are learned from in every fold, and not judged.
    """
    texts, harmful = list(table["text"]), labels(table)
    vectors = sentence_encoder.embed([*texts, *ordinary], cache)
    x = features([*texts, *ordinary], vectors)
    fold = np.append(folds.grouped(texts, count, seed), np.full(len(ordinary), -1))
    goal = np.append(harmful, np.zeros(len(ordinary)))
    found = {"embedded": np.empty(len(texts)), "probability": np.empty(len(texts))}
    for number in range(count):
        out = fold == number
        for name, columns in (("embedded", slice(vectors.shape[1])), ("probability", slice(None))):
            model = Recogniser._fitted(x[~out, columns], goal[~out])
            found[name][out[: len(texts)]] = model._scored(x[out, columns])
    return table.assign(listed=np.asarray(listed(texts)).any(axis=1).tolist(), **found)
