"""Data augmentation: each epoch reads the texts of train a little otherwise; labels, and all other splits, stay.

Words are what stands between blanks. What an epoch reads of a row depends on seed, epoch and the row's place alone, so
that a fit that was killed goes on as if it had not been.
"""

import functools
import importlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from loopbook.data.features import Features, column
from loopbook.models.encoders import sentence_encoder
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.store import content

FIELDS = ("word_dropout", "swaps", "synonyms", "spelling", "back_translation")
"""The options of a recipe that change texts."""

Texts = dict[str, list[str]]
_FILE = "back_translation"
_WORD = re.compile(r"([\"'“‘(]*)([^\W\d_]+)([.,;:!?\"'”’)]*)")
_LIKE, _NEAREST = 0.55, 5  # least cosine of a synonym, and most synonyms of a word
_LEAST = 4  # letters of a word in which one may be wrong
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_KEYS = {
    letter: "".join(row[max(0, at - 1) : at + 2] for row in _ROWS).replace(letter, "")
    for letters in _ROWS
    for at, letter in enumerate(letters)
}


def used(recipe: Recipe) -> list[str]:
    """Return the options by which a recipe changes texts."""
    return [name for name in FIELDS if getattr(recipe, name)]


def epochs(recipe: Recipe, features: Features, frame: pd.DataFrame, work: Path) -> Callable[[int], pd.DataFrame] | None:
    """Return what gives the rows as an epoch reads them; None if the recipe changes no text.

    Parameters
    ----------
    features
        Say which fields are texts, and which words train knows.
    work
        Folder of the fit, where what the user's function has returned is kept.

    Raises
    ------
    ScenarioError
        If the user's function cannot be imported, or does not return a text for each text.

    References
    ----------
    Iyyer et al. (2015), Deep unordered composition rivals syntactic methods: word dropout; Wei & Zou (2019), EDA:
    swaps and synonyms, these from a thesaurus; Belinkov & Bisk (2018), Synthetic and natural noise both break neural
    machine translation: spelling; Sennrich, Haddow & Birch (2016), Improving neural machine translation models with
    monolingual data: back-translation.
    """
    if not used(recipe):
        return None
    plain = {field: column(frame, field).fillna("").astype(str).tolist() for field in features.texts}
    there_and_back = _translated(recipe.back_translation, plain, work) if recipe.back_translation else plain
    like = synonyms(features.vocabulary) if recipe.synonyms else {}

    def of(epoch: int) -> pd.DataFrame:
        read: Texts = {field: [] for field in plain}
        for row in range(len(frame)):
            random = np.random.default_rng([recipe.seed, epoch, row])
            source = there_and_back if random.random() < 0.5 else plain
            for field, made in read.items():
                made.append(changed(source[field][row], recipe, random, like))
        return frame.assign(**{str(column(frame, field).name): made for field, made in read.items()})

    return of


def changed(text: str, recipe: Recipe, random: np.random.Generator, like: dict[str, tuple[str, ...]]) -> str:
    """Return a text with words left out, exchanged, replaced or misspelt, each by its share in the recipe.

    Parameters
    ----------
    like
        Of a word, what it may be replaced by.
    """
    words = text.split()
    if not words:
        return text
    stays, kept, swaps, replaced, wrong = random.random((5, len(words)))
    # The most stubborn one stays whatever happens: no text becomes empty.
    places = [at for at in range(len(words)) if stays[at] >= min(recipe.word_dropout, stays.max())]
    for at in range(len(places) - 1):
        if swaps[at] < recipe.swaps:
            places[at : at + 2] = places[at + 1], places[at]
    said = []
    for at in places:
        word, parts = words[at], _WORD.fullmatch(words[at])
        if parts and replaced[at] < recipe.synonyms and (found := like.get(parts[2].lower())):
            other = found[int(kept[at] * len(found))]
            word = f"{parts[1]}{other.capitalize() if parts[2][0].isupper() else other}{parts[3]}"
        elif parts and wrong[at] < recipe.spelling and len(parts[2]) >= _LEAST:
            word = f"{parts[1]}{misspelt(parts[2], random)}{parts[3]}"
        said.append(word)
    return " ".join(said)


def misspelt(word: str, random: np.random.Generator) -> str:
    """Return a word with two neighbouring letters exchanged, one left out, or one hit beside its key."""
    at = int(random.integers(1, len(word) - 1))  # the first letter is hardly ever wrong
    kind = random.integers(3)
    if kind == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    beside = _KEYS.get(word[at].lower(), "") if kind == 1 else ""
    return word[:at] + (beside[int(random.integers(len(beside)))] if beside else "") + word[at + 1 :]


@functools.lru_cache(maxsize=1)
def synonyms(vocabulary: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return of each word the nearest ones among those of a vocabulary, by the sentence encoder's table of words.

    Words that are used alike are near each other, opposites at times too; what is further off than a cosine of 0.55 is
    no synonym.
    """
    pieces = json.loads((sentence_encoder.folder() / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    words = [word for word in vocabulary if word in pieces and word.isalpha() and len(word) > 2]
    table = sentence_encoder.weights()["embeddings.word_embeddings.weight"][[pieces[word] for word in words]]
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    found = {}
    for at, word in enumerate(words):
        near = table @ table[at]
        near[at] = 0
        best = np.argsort(-near, kind="stable")[:_NEAREST]
        if chosen := tuple(words[other] for other in best if near[other] >= _LIKE):
            found[word] = chosen
    return found


def _function(name: str) -> Callable[[list[str]], Any]:
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)  # type: ignore[no-any-return]
    except (ImportError, AttributeError) as error:
        raise ScenarioError(
            f"training.back_translation: {name!r} cannot be imported: {error}. Put a module with a function that "
            "takes a list of texts and returns as many into the project's src folder."
        ) from error


def _translated(name: str, plain: Texts, work: Path) -> Texts:
    """Return what the user's function makes of each text; it is called once a fit, for each text once."""
    file = work / f"{_FILE}.json"
    texts = sorted({text for column in plain.values() for text in column})
    if not file.is_file():
        made = _function(name)(texts)
        told: Sequence[Any] = made if isinstance(made, Sequence) and not isinstance(made, str) else ()
        if len(told) != len(texts) or not all(isinstance(text, str) for text in told):
            raise ScenarioError(
                f"training.back_translation: {name!r} was given {len(texts):,} texts and must return a list of as "
                f"many texts, not {f'{len(told):,} of them' if told else type(made).__name__}."
            )
        content.save(list(told), work / _FILE)
    known = dict(zip(texts, content.load(file), strict=True))
    return {field: [known[text] for text in column] for field, column in plain.items()}
