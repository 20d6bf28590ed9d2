"""A prototype of rules: what an agent can do without a model, so that one sees what the model must add."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from loopbook.requirements.scripts import BLANKLESS
from loopbook.requirements.table_rules import Rule
from loopbook.scenario.errors import DataError, ScenarioError, suggest
from loopbook.scenario.requirements import RequirementsSettings
from loopbook.scenario.task import Task
from loopbook.statistics import baselines, intervals

_CONSTANT = (("always no", 0.0), ("always yes", 1.0))
_ENDS = ("", "_low", "_high")


@dataclass(frozen=True)
class Prototype:
    """Named lists of terms for texts and comparisons for tables; it acts from so many hits.

    A hit is a different term that occurs, or a comparison that holds. Without terms and rules it never acts.

    Parameters
    ----------
    terms
        Words and phrases by the name of their list. Case does not count, a term matches whole words, and a ``*`` at
        its end stands for any ending. Where terms overlap, the longest counts.
    rules
        Comparisons of table fields.
    text_fields
        The fields in which terms are sought.
    threshold
        Hits from which it acts.
    """

    terms: Mapping[str, tuple[str, ...]]
    rules: tuple[Rule, ...] = ()
    text_fields: tuple[str, ...] = ()
    threshold: int = 1

    @classmethod
    def of(cls, settings: RequirementsSettings, task: Task) -> "Prototype":
        """Return the prototype that a scenario describes.

        Raises
        ------
        ScenarioError
            If a rule names a field that the task does not have, or does not suit its type; or if terms are given and
            the task has no text.
        """
        if settings.terms and not task.text_fields:
            raise ScenarioError("requirements.terms look at texts, but no field of the task is a text; use rules.")
        for name, terms in settings.terms.items():
            for term in terms:
                if not _normal(term.removesuffix("*")):
                    raise ScenarioError(f"requirements.terms.{name}: {term!r} would match everything; write a word.")
        rules = []
        for field, text in settings.rules.items():
            kind = task.fields.get(field)
            if kind is None:
                raise ScenarioError(
                    f"requirements.rules: {field!r} is no field of the task.{suggest(field, task.table_fields)}"
                )
            if kind == "text":
                raise ScenarioError(f"requirements.rules.{field}: {field} is a text; use requirements.terms.")
            rules.append(Rule.parse(field, text, kind))
        return cls(settings.terms, tuple(rules), task.text_fields, settings.prototype_threshold)

    def score(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Score rows.

        Parameters
        ----------
        frame
            Rows with the task's fields.

        Returns
        -------
        DataFrame
            With the index of `frame`: `hits` (int), `score` in [0, 1): hits / (hits + threshold), which rises with the
            hits and reaches 0.5 where the prototype acts; `acts` (bool); `reasons`, such as
            ``courts: sued · money: loss, default``.

        Raises
        ------
        DataError
            If a field is absent.
        """
        needed = {rule.field for rule in self.rules} | (set(self.text_fields) if self.terms else set())
        for name in sorted(needed - set(frame.columns)):
            raise DataError(f"The prototype needs the column {name!r}.{suggest(name, frame.columns)}")
        reasons: list[list[str]] = [[] for _ in range(len(frame))]
        hits = np.zeros(len(frame), dtype=np.int64)
        if self.terms:
            texts = frame[list(self.text_fields)].map(lambda value: value if isinstance(value, str) else "")
            for row, text in enumerate(_normal(" ¦ ".join(values)) for values in texts.to_numpy()):
                for name, pattern in self._patterns.items():
                    found = dict.fromkeys(self._term(name, match) for match in pattern.findall(text))
                    if found:
                        hits[row] += len(found)
                        reasons[row].append(f"{name}: {', '.join(found)}")
        for rule in self.rules:
            holds = rule.holds(frame[rule.field])
            hits += holds
            for row in np.flatnonzero(holds).tolist():
                reasons[row].append(str(rule))
        return pd.DataFrame(
            {
                "hits": hits,
                "score": hits / (hits + self.threshold),
                "acts": hits >= self.threshold,
                "reasons": [" · ".join(found) for found in reasons],
            },
            index=frame.index,
        )

    def table(self) -> pd.DataFrame:
        """Return the rules to show: `rule`, `looks_at`, `acts_on`."""
        rows = [(name, ", ".join(self.text_fields), ", ".join(terms)) for name, terms in self.terms.items()]
        rows += [(f"{rule.field} rule", rule.field, str(rule)) for rule in self.rules]
        return pd.DataFrame(rows, columns=["rule", "looks_at", "acts_on"])

    @cached_property
    def _normal_terms(self) -> dict[str, tuple[str, ...]]:
        return {
            name: tuple(_normal(term.removesuffix("*")) + "*" * term.endswith("*") for term in terms)
            for name, terms in self.terms.items()
        }

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        return {name: _pattern(terms) for name, terms in self._normal_terms.items() if terms}

    def _term(self, name: str, match: str) -> str:
        """Return the term behind a match, so that two endings of one term are one hit."""
        terms = self._normal_terms[name]
        if match in terms:
            return match
        return max((term for term in terms if term.endswith("*") and match.startswith(term[:-1])), key=len)


def replay(frame: pd.DataFrame, prototype: Prototype, days: int) -> pd.DataFrame:
    """Let the prototype decide day by day, as it would have.

    Parameters
    ----------
    frame
        Rows with the task's fields and, if known, `time` and `label`. Where there is no time at all, the rows in their
        order are replayed in `days` slices of equal size.
    prototype
        Who decides.
    days
        Days from the first one, or slices.

    Returns
    -------
    DataFrame
        One row a day, quiet days too, until the last one with rows: `day` (from 1), `date` (NaT for slices), `rows`,
        `decisions` (times it acted), `hits`, and with labels `positives`, `right`, `missed`, `false_alarms`.

    Raises
    ------
    DataError
        If there are no rows, or only some of them have a time.
    """
    if frame.empty:
        raise DataError("There are no rows to replay.")
    times = pd.to_datetime(frame["time"], utc=True) if "time" in frame else pd.Series(pd.NaT, index=frame.index)
    undated = int(times.isna().sum())
    if 0 < undated < len(frame):
        raise DataError(f"{undated} of {len(frame)} rows have no time, so they cannot be replayed by day.")
    if undated:
        slices = min(days, len(frame))
        day = np.asarray(np.arange(len(frame)) * slices // len(frame))
    else:
        day = np.asarray((times.dt.normalize() - times.min().normalize()) // pd.Timedelta(days=1))
    kept = frame[day < days]
    day = day[day < days]
    scored = prototype.score(kept)
    acts = scored["acts"].to_numpy()
    counted = {"rows": np.ones(len(kept), dtype=np.int64), "decisions": acts, "hits": scored["hits"].to_numpy()}
    if "label" in kept:
        positive = kept["label"].to_numpy() == 1
        counted |= {
            "positives": positive,
            "right": acts & positive,
            "missed": ~acts & positive,
            "false_alarms": acts & ~positive,
        }
    length = int(day.max()) + 1
    counts = {name: np.bincount(day, weights=values, minlength=length).astype(int) for name, values in counted.items()}
    first = pd.NaT if undated else times.min().normalize()
    dates = pd.Series(first, index=range(length), dtype="datetime64[us, UTC]")
    dates += pd.to_timedelta(np.arange(length), unit="D")
    return pd.DataFrame({"day": np.arange(1, length + 1), "date": dates, **counts})


def metrics(rows: pd.DataFrame, scored: pd.DataFrame, resamples: int = 1_000) -> dict[str, float]:
    """Score the prototype under the names that stage 04 records for models.

    Parameters
    ----------
    rows
        With `label`, 0 or 1, and `group`, whose rows may be alike.
    scored
        What `Prototype.score` returned for the same rows.
    resamples
        Of the bootstrap behind the gain.

    Returns
    -------
    dict
        `test_accuracy`, `test_accuracy_gain` (above the better constant answer on the same rows) and `test_roc_auc`,
        each with `_low` and `_high` (95%), `precision` (of what it acted on) and `recall`; NaN where there is nothing
        to divide by, or one class only.
    """
    truth, groups = rows["label"].to_numpy() == 1, rows["group"].astype(str)
    acts, nothing = scored["acts"].to_numpy(dtype=bool), float("nan")
    right = int((acts & truth).sum())
    constants = {name: baselines.metric("accuracy", truth, np.full(len(rows), share)) for name, share in _CONSTANT}
    gain, _ = baselines.gain(baselines.metric("accuracy", truth, acts), constants, len(rows), groups, resamples)
    both = bool(truth.any() and not truth.all())
    found = {
        "test_accuracy": intervals.wilson(float((acts == truth).mean()), len(truth)),
        "test_accuracy_gain": gain,
        "test_roc_auc": intervals.delong(truth, scored["score"].to_numpy(dtype=float), groups)
        if both
        else intervals.NOTHING,
    }
    return {
        **{f"{name}{end}": value for name, ends in found.items() for end, value in zip(_ENDS, ends, strict=True)},
        "precision": right / int(acts.sum()) if acts.any() else nothing,
        "recall": right / int(truth.sum()) if truth.any() else nothing,
    }


def _normal(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _pattern(terms: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern for whole words; only escaped words and ``\\w*`` go into it, so it cannot run away.

    A term in a script without blanks may stand anywhere.
    """
    longest = sorted(terms, key=len, reverse=True)
    unparted = [BLANKLESS.fullmatch(term.removesuffix("*")) is not None for term in longest]
    parts = [re.escape(term[:-1]) + r"\w*" if term.endswith("*") else re.escape(term) for term in longest]
    within = [part for part, free in zip(parts, unparted, strict=True) if free]
    apart = [part for part, free in zip(parts, unparted, strict=True) if not free]
    words = [rf"(?<!\w)(?:{'|'.join(apart)})(?!\w)"] if apart else []
    return re.compile("|".join([*words, *within]))
