"""Features: what a model sees of a row. Fitted on train only; everything else is transformed with what train taught."""

import itertools
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from loopbook.requirements.scripts import BLANKLESS
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError, suggest

PADDING, UNKNOWN = 0, 1
_FIRST = 2  # index of the first known token
_LEAST = 2  # a token seen once stays unknown, so that training learns what 'unknown' is like
_LEVELS = 50  # levels of a category that get a column of their own; rarer ones share one
_FIELD_END = "¶"  # stands between the texts of two fields

_TOKEN = re.compile(
    r"\[[a-z]+\]"  # a mask such as [mail]
    r"|[$#@]\w+"  # ticker, hashtag, handle
    r"|\d+(?:[.,:]\d+)*%?"
    r"|[^\W\d_]+(?:['’][^\W\d_]+)*"  # words with inner apostrophes: don't
    r"|[!?]+|[^\w\s.,;:()\"'’“”‘\-–—/\[\]]"
)
_DIGIT = re.compile(r"\d")


def tokenize(text: str) -> list[str]:
    """Return the tokens of a text: lower-case words, tickers, hashtags, masks, marks that carry tone, and numbers.

    A script that puts no blank between words gives overlapping pairs of characters, the usual n-grams of such text.
    Every digit becomes 0, so that ``12.5%`` and ``37.1%`` are one token: the size of a number counts, not its value.

    Parameters
    ----------
    text
        Any text, normalised or not.

    Returns
    -------
    list of str
        Tokens in the order of the text; empty for a text with nothing to read.
    """
    plain = _DIGIT.sub("0", text.lower())
    if plain.isascii() or not BLANKLESS.search(plain):
        return _TOKEN.findall(plain)
    tokens: list[str] = []
    ends = itertools.chain.from_iterable(run.span() for run in BLANKLESS.finditer(plain))
    for start, end in itertools.pairwise((0, *ends, len(plain))):
        part = plain[start:end]
        tokens += _pairs(part) if BLANKLESS.match(part) else _TOKEN.findall(part)
    return tokens


def _pairs(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(max(1, len(run) - 1))]


class Number(BaseModel):
    """How one number field is scaled: ``(value - shift) / scale``; a missing value becomes what `fill` becomes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    field: str
    shift: float
    scale: float
    fill: float
    flag: bool  # whether a column of its own says that the value was missing


class Category(BaseModel):
    """One category field: a column for each level, and one for levels that train does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    field: str
    levels: tuple[str, ...]


class Features(BaseModel):
    """Everything needed to turn rows into arrays; plain data, so that it can be kept as JSON.

    Attributes
    ----------
    texts
        The text fields, joined in this order.
    vocabulary
        Known tokens; the token at position i has the index i + 2 (0 is padding, 1 is unknown).
    length
        Tokens a row.
    numbers, categories
        How the table fields are encoded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    texts: tuple[str, ...]
    vocabulary: tuple[str, ...]
    length: int
    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]

    @classmethod
    def fit(cls, train: pd.DataFrame, scenario: Scenario) -> Self:
        """Learn vocabulary, scales and levels from train.

        Parameters
        ----------
        train
            The split `train`, in canonical form.
        scenario
            Its task says which fields are inputs; its data section how they are encoded.

        Returns
        -------
        Features
            The same for the same rows, whatever their order.

        Raises
        ------
        DataError
            If train is empty, lacks a field, or leaves nothing to learn from.
        """
        if not len(train):
            raise DataError("Features cannot be fitted: the split 'train' has no rows.")
        settings, fields = scenario.data, scenario.task.fields
        vocabulary: tuple[str, ...] = ()
        if scenario.task.text_fields:
            counts = Counter(itertools.chain.from_iterable(_tokens_of(train, scenario.task.text_fields)))
            ranked = sorted(counts, key=lambda token: (-counts[token], token))
            vocabulary = tuple(token for token in ranked[: settings.vocabulary_size] if counts[token] >= _LEAST)
            if not vocabulary:
                raise DataError(
                    f"No word occurs twice in the text of train ({', '.join(scenario.task.text_fields)}): "
                    "there is nothing to learn a vocabulary from. Is the field really a text?"
                )
        return cls(
            texts=scenario.task.text_fields,
            vocabulary=vocabulary,
            length=settings.sequence_length,
            numbers=tuple(
                _number(name, column(train, name), settings.scaling)
                for name, kind in fields.items()
                if kind == "number"
            ),
            categories=tuple(
                _category(name, column(train, name)) for name, kind in fields.items() if kind == "category"
            ),
        )

    @property
    def vocabulary_size(self) -> int:
        """Rows that an embedding needs: known tokens, padding and unknown."""
        return len(self.vocabulary) + _FIRST

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of `table`."""
        flagged = ((number.field, f"{number.field} missing" if number.flag else "") for number in self.numbers)
        names = [name for pair in flagged for name in pair if name]
        for category in self.categories:
            names += [f"{category.field} = {level or 'missing'}" for level in category.levels]
            names.append(f"{category.field} = other")
        return tuple(names)

    @property
    def width(self) -> int:
        """Columns of `table`."""
        return len(self.columns)

    def token_lists(self, frame: pd.DataFrame) -> list[list[str]]:
        """Return the tokens of each row, neither cut nor padded; the texts of several fields are joined."""
        return list(_tokens_of(frame, self.texts))

    def tokens(self, frame: pd.DataFrame) -> NDArray[np.int32]:
        """Return token indices, int32 [n, length]: cut at the end, padded with 0 behind, unknown tokens as 1.

        A row without any token gets one unknown token, so that no row is empty for a masked network.
        """
        index = {token: position for position, token in enumerate(self.vocabulary, start=_FIRST)}
        result = np.zeros((len(frame), self.length), dtype=np.int32)
        for row, tokens in enumerate(_tokens_of(frame, self.texts)):
            found = [index.get(token, UNKNOWN) for token in tokens[: self.length]] or [UNKNOWN]
            result[row, : len(found)] = found
        return result

    def table(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        """Return scaled numbers and one-hot categories, float32 [n, width], in the order of `columns`."""
        parts: list[NDArray[np.float64]] = [np.zeros((len(frame), 0))]
        for number in self.numbers:
            values = _floats(frame, number.field)
            missing = np.isnan(values)
            parts.append((np.where(missing, number.fill, values) - number.shift) / number.scale)
            if number.flag:
                parts.append(missing.astype(np.float64))
        for category in self.categories:
            codes = pd.Index(category.levels).get_indexer(pd.Index(strings(frame, category.field)))
            parts.append(np.eye(len(category.levels) + 1)[codes])  # an unknown one is -1: the last column
        return np.column_stack(parts).astype(np.float32)


def column(frame: pd.DataFrame, field: str) -> "pd.Series[Any]":
    """Return an input field of a table.

    A field that is called like a canonical column (``weight``) has the suffix ``_source`` in split tables and its
    plain name in a request.

    Raises
    ------
    DataError
        If it is not there; the message names the likely one.
    """
    for name in (f"{field}_source", field):
        if name in frame.columns:
            return frame[name]
    raise DataError(f"The rows lack the input field {field!r}.{suggest(field, frame.columns)}")


def strings(frame: pd.DataFrame, field: str) -> list[str]:
    """Return an input field of each row as text, empty where it is missing."""
    return ["" if pd.isna(value) else str(value) for value in column(frame, field)]


def _floats(frame: pd.DataFrame, field: str) -> NDArray[np.float64]:
    values = column(frame, field)
    try:
        return values.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"The input field {field!r} must hold numbers: {error}.") from error


def _tokens_of(frame: pd.DataFrame, fields: tuple[str, ...]) -> Iterable[list[str]]:
    """Give the tokens of each row; a mark stands between those of two fields."""
    return (
        list(itertools.chain(tokenize(parts[0]), *([_FIELD_END, *tokenize(part)] for part in parts[1:])))
        for parts in zip(*(strings(frame, field) for field in fields), strict=True)
    )


def _number(field: str, values: "pd.Series[Any]", scaling: Literal["standard", "minmax"]) -> Number:
    known = np.sort(values.dropna().to_numpy(dtype=np.float64))  # sorted: sums do not depend on the rows' order
    if not len(known):
        raise DataError(f"The number field {field!r} has no value in train; remove it from task.fields.")
    if scaling == "standard":
        shift, scale = float(known.mean()), float(known.std())
    else:
        shift, scale = float(known[0]), float(known[-1] - known[0])
    # A constant is worth nothing to a model, but must not divide by zero.
    scale = scale if scale > 1e-12 * max(1.0, abs(shift)) else 1.0
    return Number(field=field, shift=shift, scale=scale, fill=float(np.median(known)), flag=len(known) < len(values))


def _category(field: str, values: "pd.Series[Any]") -> Category:
    counts = Counter("" if pd.isna(value) else str(value) for value in values)
    ranked = sorted(counts, key=lambda level: (-counts[level], level))
    return Category(field=field, levels=tuple(sorted(ranked[:_LEVELS])))
