"""Try a draft on its data with the pipeline's own code, and settle what only a trial can tell: splits, sizes, rules."""

import math
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import chain, compress, product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data import cleaning, distribution, sources, splitting, validation
from loopbook.data.features import column, tokenize
from loopbook.data.sources import Collected
from loopbook.models.encoders import sentence_encoder
from loopbook.requirements.scripts import BLANKLESS
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError
from loopbook.scenario.loading import load
from loopbook.scenario.requirements import RequirementsSettings
from loopbook.scenario.task import Number
from loopbook.starter import document
from loopbook.starter.label import REMEDY
from loopbook.statistics import conformal, targets

Shares = tuple[float, float, float, float, float]

_LARGE: Shares = (0.6, 0.12, 0.12, 0.06, 0.1)
_SMALL: Shares = (0.45, 0.15, 0.15, 0.1, 0.15)
_FEW_ROWS = 2_000  # up to here the splits but train need larger shares
_LEAST_ROWS = 60
_LEAST_CLASS = 5  # rows of the rarer class that validation, test and gate should have
_LEAST_DAYS = 5  # with rows, from which on a file is split by time
_TRIED, _MOST_DAYS = 20, 365  # rows of each answer that the prototype should see; days that it takes at most
_PIECED = 300  # texts whose word pieces are counted
_MOST_UNKNOWN = 0.2  # share of unknown pieces from which the English encoder is not offered
SMOKE = (1_500, 3_000, 6_000, 50_000)
"""Rows of a smoke run: the first that suffices. No run of that profile, and no look at the door, takes more."""
_MOST_LOST = 0.5
_RULED, _LEAST_GAIN = 8, 0.1  # classes that the prototype has rules for; Youden's J from which a limit is one
_SIGNS = {">": np.greater, "<": np.less}


def scenario_of(draft: document.Draft, profile: str = "standard") -> Scenario:
    """Return the scenario that the written draft will be loaded as."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{draft.name}.yaml"
        path.write_text(document.write(draft), encoding="utf-8")
        return load(draft.name, Path(folder), profile)


def settle(draft: document.Draft, collected: Collected, today: date) -> document.Draft:
    """Return the draft with splits, limits and sizes that its data can bear.

    Parameters
    ----------
    draft
        With first guesses; its own splits and limits are not looked at.
    collected
        All rows of the file.
    today
        As in `validation.validate`.

    Raises
    ------
    DataError
        If too few rows can be used, or no way to split gives every part both classes.
    """
    first = scenario_of(replace(draft, quarantine=_MOST_LOST))
    rows, rejected = validation.validate(collected, first, today)
    if len(rows) < _LEAST_ROWS:
        raise DataError(
            f"{len(rows)} rows can be used; at least {_LEAST_ROWS} are needed to train, compare and test anything."
        )
    kept, repeated = cleaning.deduplicate(rows, first)
    aside = pd.concat([rejected, repeated])
    share = len(aside) / max(1, len(rejected) + len(rows))
    sized = replace(_sized(draft, kept), quarantine=max(0.05, math.ceil(120 * share) / 100), lost=_lost(aside, share))
    split = _split(sized, kept)
    train = splitting.split(kept, scenario_of(split))["train"]
    return replace(_ruled(split, train), smoke_rows=_smoke_rows(split, kept), days=_days(split, kept))


def _days(draft: document.Draft, rows: pd.DataFrame) -> int:
    """Return on how many days the prototype is tried: the usual ones, or until both answers have come often enough."""
    usual: int = RequirementsSettings().days
    if draft.roles.time is None:
        return usual
    day = (rows["time"].dt.normalize() - rows["time"].min().normalize()).dt.days
    codes = targets.codes(rows["label"], scenario_of(draft).task)
    often = (int(day[codes == code].nsmallest(_TRIED).max()) + 1 for code, _ in Counter(codes.tolist()).most_common(2))
    return min(_MOST_DAYS, max(usual, *often))


def _lost(aside: pd.DataFrame, share: float) -> str:
    if not len(aside):
        return "every row can be used"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in aside["reason"].value_counts().items())
    return f"{share:.1%} of the rows cannot be used: {reasons}"


def _ways(draft: document.Draft, rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    time, group = draft.roles.time, draft.roles.group
    days = rows["time"].dt.normalize().nunique() if time is not None else 0
    before = ""
    if days >= _LEAST_DAYS:
        reason = "time: the agent is tested on days after those it learned from, as it will be used"
        yield "time", reason + ("; rows of one group may stand on both sides" if group else "")
        before = "a split by time would leave a part empty or without both answers; "
    elif time is not None:
        before = f"a split by time needs rows of {_LEAST_DAYS} days, and these are of {days}; "
    if group is not None:
        yield "group", f"{before}all rows of one group stand on one side, so the test holds for groups never seen"
    thin = "" if group is None else "a split by group would leave a part too thin; "
    why = f"{before}{thin}" or "no time and no group to split by; "
    yield "stratum", f"stratum: {why}by chance, the shares of the label alike within chance"


def _split(draft: document.Draft, rows: pd.DataFrame) -> document.Draft:
    """Return the draft with the first way to split that gives all parts enough of both classes."""
    orders = (_SMALL, _LARGE) if len(rows) <= _FEW_ROWS else (_LARGE, _SMALL)
    possible: list[document.Draft] = []
    problems: list[DataError] = []
    for (by, reason), shares in product(_ways(draft, rows), orders):
        tried = replace(draft, by=by, by_reason=reason, shares=shares)
        try:
            if _enough(splitting.split(rows, scenario := scenario_of(tried)), scenario):
                return tried
            possible.append(tried)
        except DataError as error:
            problems.append(error)
    if not possible:
        raise DataError(f"{problems[0]} {REMEDY}")
    return possible[-1]


def _enough(splits: dict[str, pd.DataFrame], scenario: Scenario) -> bool:
    """Return whether all parts, the stream as well, have rows of a second class; of a number, rows for its interval."""
    counted = distribution.counts(splits, scenario.task).drop(columns="train").to_numpy()
    if isinstance(scenario.task, Number):
        return bool(counted.sum(axis=0).min() >= conformal.LEAST)
    return bool(np.sort(counted, axis=0)[-2].min() >= _LEAST_CLASS)


def _smoke_rows(draft: document.Draft, rows: pd.DataFrame) -> int | None:
    """Return about how many rows, drawn over the whole file, a smoke run needs; None: all."""
    scenario = scenario_of(draft)
    for count in SMOKE[:-1] if draft.rows <= SMOKE[-1] else SMOKE[-2:-1]:
        if len(rows) <= 1.2 * count:
            return None
        drawn = sources.drawn(rows["group"] if draft.roles.group else rows.index, count / len(rows))
        with suppress(DataError):
            if _enough(splitting.split(rows[drawn], scenario), scenario):
                return count
    return None if draft.rows <= SMOKE[-1] else SMOKE[-1]


def _sized(draft: document.Draft, rows: pd.DataFrame) -> document.Draft:
    """Return the draft with lengths that fit its texts."""
    texts, sample = draft.roles.texts, rows.iloc[:: max(1, len(rows) // 2_000)]
    if not texts:
        return draft
    lengths = sum(column(sample, name).map(lambda text: len(tokenize(text)) + 1) for name in texts)
    tokens = int(np.quantile(lengths, 0.9))
    return replace(
        draft,
        english=_unknown_pieces(sample, texts) <= _MOST_UNKNOWN,
        sequence_length=int(np.clip(8 * math.ceil(tokens / 8), 16, 256)),
        vocabulary=8_000 if len(rows) > 2_000 else 4_000,
    )


def _unknown_pieces(sample: pd.DataFrame, texts: tuple[str, ...]) -> float:
    """Return the share of the texts' pieces that the English sentence encoder does not know."""
    made = sentence_encoder.tokenizer((sentence_encoder.folder() / "tokenizer.json").read_text(encoding="utf-8"))
    unknown = made.token_to_id("[UNK]")
    values = [str(value) for name in texts for value in column(sample, name).iloc[:_PIECED]]
    found = [piece for row in sentence_encoder.pieces(values, made) for piece in row[1:-1]]
    return found.count(unknown) / max(1, len(found))


def _ruled(draft: document.Draft, train: pd.DataFrame) -> document.Draft:
    """Return the draft with the prototype's rules: words and limits that part yes from no in train."""
    texts, table = draft.roles.texts, draft.roles.table
    spoken, words = _spoken(train, draft), _words(train, texts) if texts else []
    terms = {name: found for name, yes in spoken.items() if words and (found := _terms(words, yes))}
    numbers = [name for name in table if draft.roles.fields[name][0] == "number" and name not in validation.CANONICAL]
    limits = ((*_limit(train, name, yes), class_) for name in numbers for class_, yes in spoken.items())
    best = sorted((found for found in limits if found[0] > _LEAST_GAIN), key=lambda found: -found[0])[: 2 * len(spoken)]
    rules: dict[str, dict[str, str]] = {}
    for _, name, rule, class_ in best if not terms else ():
        rules.setdefault(name, {})[class_] = rule
    if len(spoken) == 1:
        two = {name: rule for name, by_class in rules.items() for rule in by_class.values()}
        return replace(draft, terms=dict(zip(("found",), terms.values(), strict=False)), rules=two)
    return replace(draft, terms=terms, rules=rules)


def _spoken(train: pd.DataFrame, draft: document.Draft) -> dict[str, NDArray[np.bool_]]:
    """Return for which classes the prototype has rules, and their rows: of two yes, of more the most frequent."""
    codes = targets.codes(train["label"], task := scenario_of(draft).task)
    names = targets.classes(train["label"], task)
    common = [code for code, count in Counter(codes.tolist()).most_common(_RULED) if count >= _LEAST_CLASS]
    return {names[code]: codes == code for code in ([1] if len(names) == 2 else common)}


def _words(train: pd.DataFrame, texts: tuple[str, ...]) -> list[set[str]]:
    tokens = zip(*(column(train, name).map(tokenize) for name in texts), strict=True)
    return [{word for text in row for word in text if word.isalpha() or BLANKLESS.match(word)} for row in tokens]


def _terms(words: list[set[str]], yes: NDArray[np.bool_]) -> tuple[str, ...]:
    """Return up to eight words that stand far more often in yes than in no, the most telling first."""
    often, seldom = (Counter(chain.from_iterable(compress(words, side))) for side in (yes, ~yes))
    rate = {
        word: (count / max(1, yes.sum()), seldom[word] / max(1, (~yes).sum()))
        for word, count in often.items()
        if count >= 3 and len(word) > (1 if BLANKLESS.match(word) else 2)
    }
    telling = [word for word, (with_yes, with_no) in rate.items() if with_yes > 2 * with_no]
    return tuple(sorted(telling, key=lambda word: (rate[word][1] - rate[word][0], word))[:8])


def _limit(train: pd.DataFrame, name: str, yes: NDArray[np.bool_]) -> tuple[float, str, str]:
    """Return Youden's J of the best limit of a number, its name, and the rule."""
    values = column(train, name).to_numpy(dtype=np.float64, na_value=np.nan)
    levels = np.nanquantile(values, np.linspace(0.05, 0.95, 19)) if np.isfinite(values).any() else []
    cuts = [float(f"{level:.4g}") for level in levels]
    rules = [(f"{sign} {cut:.12g}", beyond(values, cut)) for cut in cuts for sign, beyond in _SIGNS.items()]
    gains = ((float(holds[yes].mean() - holds[~yes].mean()), name, rule) for rule, holds in rules)
    return max(gains, default=(0.0, name, ""))
