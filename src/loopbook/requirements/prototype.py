"""A prototype of rules: what an agent can do without a model, so that one sees what the model must add."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.requirements.scripts import BLANKLESS
from loopbook.requirements.table_rules import Rule
from loopbook.scenario.errors import DataError, ScenarioError, suggest
from loopbook.scenario.requirements import RequirementsSettings
from loopbook.scenario.task import Number, Task
from loopbook.statistics import baselines, evaluation, intervals, targets
from loopbook.statistics import metrics as registry

_ENDS = ("", "_low", "_high")
_NAMELESS = ("as the data says",)


@dataclass(frozen=True)
class Prototype:
    """Named lists of terms for texts and comparisons for tables, each of which speaks for a class by its hits.

    A hit is a different term that occurs, or a comparison that holds. The answer is the class with most hits; of
    several the most frequent. The usual class has `threshold` hits from the start, and is the answer where no other has
    as many: of two classes it is the first, so that without rules the prototype never acts.

    Parameters
    ----------
    terms
        Words and phrases by the name of their list. Case does not count, a term matches whole words, and a ``*`` at
        its end stands for any ending. Where terms overlap, the longest counts. A list that is called like a class
        speaks for it, any other for the last one.
    rules
        Comparisons of table fields.
    text_fields
        The fields in which terms are sought.
    threshold
        Hits from which another class than the usual one is the answer.
    classes
        Names of all k classes.
    usual
        Code of the class that is the answer where no rule speaks.
    shares
        How frequent each class is, [k]; empty: nobody knows.
    """

    terms: Mapping[str, tuple[str, ...]]
    rules: tuple[Rule, ...] = ()
    text_fields: tuple[str, ...] = ()
    threshold: int = 1
    classes: tuple[str, ...] = ("no", "yes")
    usual: int = 0
    shares: tuple[float, ...] = ()

    @classmethod
    def of(cls, settings: RequirementsSettings, task: Task, label: "pd.Series[Any] | None" = None) -> "Prototype":
        """Return the prototype that a scenario describes.

        Parameters
        ----------
        settings
            Of this stage.
        task
            Its fields are what the rules look at.
        label
            Labels of the rows to be decided, which say what classes there are and which is the most frequent; None: the
            classes are those that the scenario names.

        Raises
        ------
        ScenarioError
            If a rule names a field that the task does not have, or does not suit its type; if terms are given and
            the task has no text; or, with more than two classes, if a rule speaks for none of them.
        """
        if settings.terms and not task.text_fields:
            raise ScenarioError("requirements.terms look at texts, but no field of the task is a text; use rules.")
        for name, terms in settings.terms.items():
            for term in terms:
                if not _normal(term.removesuffix("*")):
                    raise ScenarioError(f"requirements.terms.{name}: {term!r} would match everything; write a word.")
        rules = []
        for field, said in settings.rules.items():
            kind = task.fields.get(field)
            if kind is None:
                raise ScenarioError(
                    f"requirements.rules: {field!r} is no field of the task.{suggest(field, task.table_fields)}"
                )
            if kind == "text":
                raise ScenarioError(f"requirements.rules.{field}: {field} is a text; use requirements.terms.")
            by_class = said if isinstance(said, dict) else {"": said}
            rules += [Rule.parse(field, text, kind, answer) for answer, text in by_class.items()]
        spoken = [*settings.terms, *(rule.answer for rule in rules)]
        said_for = [*spoken, *([settings.otherwise] if settings.otherwise is not None else [])]
        known = targets.classes(label, task) if label is not None else task.label.classes
        classes = known or tuple(dict.fromkeys(filter(None, said_for))) or _NAMELESS
        wanted = (
            said_for if len(classes) > 2 else [*said_for[len(spoken) :], *filter(None, spoken[len(settings.terms) :])]
        )
        for name in wanted:
            if name not in classes:
                raise ScenarioError(
                    f"requirements: a rule speaks for {name!r}, which is no class.{suggest(name, classes)}"
                )
        codes = targets.codes(label, task) if label is not None else np.zeros(0, dtype=np.int64)
        counts = np.bincount(codes[codes >= 0], minlength=len(classes))
        usual = int(counts.argmax()) if len(classes) > 2 else 0
        usual = classes.index(settings.otherwise) if settings.otherwise is not None else usual
        shares = tuple((counts / max(1, counts.sum())).tolist())
        return cls(settings.terms, tuple(rules), task.text_fields, settings.prototype_threshold, classes, usual, shares)

    def score(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Score rows.

        Parameters
        ----------
        frame
            Rows with the task's fields.

        Returns
        -------
        DataFrame
            With the index of `frame`: `hits` (int); `score`, how sure it is of yes, or of more classes of its
            answer; `answer`, the name of the class; of two classes `acts` (bool), whether it is yes; `reasons`, such as
            ``courts: sued · money: loss, default``.

        Raises
        ------
        DataError
            If a field is absent.
        """
        hits, reasons = self._hits(frame)
        p, code = self._decide(hits)
        return pd.DataFrame(
            {
                "hits": hits.sum(axis=1),
                "score": p[:, 1] if self.two else p[np.arange(len(p)), code],
                "answer": [self.classes[each] for each in code.tolist()],
                **({"acts": code != self.usual} if self.two else {}),
                "reasons": [" · ".join(found) for found in reasons],
            },
            index=frame.index,
        )

    @property
    def two(self) -> bool:
        """Whether there are two classes: then it acts or does not, else it answers every row."""
        return len(self.classes) == 2

    def decide(self, frame: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return how sure it is of each class, float64 [n, k], rows sum to 1, and the code of its answer, int64 [n].

        The share of a class is its hits / (all hits + threshold), to which the usual class adds the threshold: it rises
        with the hits, and of two classes it reaches 0.5 where the prototype acts.
        """
        return self._decide(self._hits(frame)[0])

    def witnesses(self, frame: pd.DataFrame) -> tuple[list[tuple[int, str]], NDArray[np.bool_]]:
        """Return the rules one by one: the class each speaks for and what it is; and where it speaks, bool [n, rules].

        Every term of a list is a rule of its own here.
        """
        rules = [(name, term) for name, terms in self.terms.items() for term in self._normal_terms[name]]
        place = {rule: at for at, rule in enumerate(dict.fromkeys(rules))}
        speaks = np.zeros((len(frame), len(place) + len(self.rules)), dtype=bool)
        for row, text in enumerate(self._texts(frame)):
            for name, pattern in self._patterns.items():
                for match in pattern.findall(text):
                    speaks[row, place[name, self._term(name, match)]] = True
        for at, rule in enumerate(self.rules, len(place)):
            speaks[:, at] = rule.holds(frame[rule.field])
        told = [(self._code(name), term) for name, term in place]
        return [*told, *((self._code(rule.answer), str(rule)) for rule in self.rules)], speaks

    def table(self) -> pd.DataFrame:
        """Return the rules to show: `rule`, `looks_at`, `acts_on`, `speaks_for`."""
        rows = [(name, ", ".join(self.text_fields), ", ".join(terms), name) for name, terms in self.terms.items()]
        rows += [(f"{rule.field} rule", rule.field, str(rule), rule.answer) for rule in self.rules]
        found = pd.DataFrame(rows, columns=["rule", "looks_at", "acts_on", "speaks_for"])
        return found.assign(speaks_for=[self.classes[self._code(name)] for name in found["speaks_for"]])

    def _code(self, name: str) -> int:
        return self.classes.index(name) if name in self.classes else len(self.classes) - 1

    def _hits(self, frame: pd.DataFrame) -> tuple[NDArray[np.int64], list[list[str]]]:
        """Return the hits for each class, int64 [n, k], and what they were."""
        needed = {rule.field for rule in self.rules} | (set(self.text_fields) if self.terms else set())
        for name in sorted(needed - set(frame.columns)):
            raise DataError(f"The prototype needs the column {name!r}.{suggest(name, frame.columns)}")
        reasons: list[list[str]] = [[] for _ in range(len(frame))]
        hits = np.zeros((len(frame), len(self.classes)), dtype=np.int64)
        for row, text in enumerate(self._texts(frame)):
            for name, pattern in self._patterns.items():
                found = dict.fromkeys(self._term(name, match) for match in pattern.findall(text))
                if found:
                    hits[row, self._code(name)] += len(found)
                    reasons[row].append(f"{name}: {', '.join(found)}")
        for rule in self.rules:
            holds = rule.holds(frame[rule.field])
            hits[:, self._code(rule.answer)] += holds
            for row in np.flatnonzero(holds).tolist():
                reasons[row].append(str(rule))
        return hits, reasons

    def _decide(self, hits: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        votes = hits + self.threshold * (np.arange(len(self.classes)) == self.usual)
        best = votes == votes.max(axis=1, keepdims=True)
        best[:, self.usual] &= best.sum(axis=1) == 1
        often = best * (1 + np.asarray(self.shares or 0.0))
        return votes / votes.sum(axis=1, keepdims=True), np.asarray(often.argmax(axis=1), dtype=np.int64)

    def _texts(self, frame: pd.DataFrame) -> Iterator[str]:
        """Return the text of each row in the form in which terms are sought; none without terms."""
        if self.terms:
            texts = frame[list(self.text_fields)].map(lambda value: value if isinstance(value, str) else "")
            yield from (_normal(" ¦ ".join(values)) for values in texts.to_numpy())

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


def replay(frame: pd.DataFrame, prototype: Prototype, task: Task, days: int) -> pd.DataFrame:
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
        `decisions` (times it acted, or with more than two classes answered: every row), `hits`, and with labels `right`
        (decisions for the true class); of two classes also `positives` (rows of another class than the usual one),
        `missed` (positives on which it did not act) and `false_alarms` (decisions for a wrong class), of more `wrong`.

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
    acts = scored["acts"].to_numpy() if prototype.two else np.ones(len(kept), dtype=bool)
    counted = {"rows": np.ones(len(kept), dtype=np.int64), "decisions": acts, "hits": scored["hits"].to_numpy()}
    if "label" in kept:
        names = np.array(targets.classes(kept["label"], task))
        truth = names[targets.codes(kept["label"], task)]
        positive, right = truth != prototype.classes[prototype.usual], truth == scored["answer"].to_numpy()
        missed = {"positives": positive, "missed": ~acts & positive} if prototype.two else {}
        counted |= {"right": acts & right, **missed, _wrong(prototype): acts & ~right}
    length = int(day.max()) + 1
    counts = {name: np.bincount(day, weights=values, minlength=length).astype(int) for name, values in counted.items()}
    first = pd.NaT if undated else times.min().normalize()
    dates = pd.Series(first, index=range(length), dtype="datetime64[us, UTC]")
    dates += pd.to_timedelta(np.arange(length), unit="D")
    return pd.DataFrame({"day": np.arange(1, length + 1), "date": dates, **counts})


def diary(lived: pd.DataFrame, prototype: Prototype, kind: str) -> dict[str, Any]:
    """Return what a timeline of a replay of labelled rows draws, as its arguments; `kind` says what days they are."""
    wrong, does = _wrong(prototype), "acts" if prototype.two else "answers"
    total, mistaken = lived["decisions"].sum(), lived[wrong].sum()
    return {
        "frame": lived.set_index("day")[["positives" if prototype.two else "right", "decisions", wrong]],
        "title": f"{kind.capitalize()} days: the prototype {does} {total:,} times, {mistaken:,} of them wrongly",
        "alt": f"Rows by day: how often the prototype {does}, how often wrongly, and what would be right.",
    }


def _wrong(prototype: Prototype) -> str:
    return "false_alarms" if prototype.two else "wrong"


def metrics(rows: pd.DataFrame, prototype: Prototype, task: Task, resamples: int = 1_000) -> dict[str, float]:
    """Score a prototype under the names that stage 04 records for models.

    Parameters
    ----------
    rows
        With the task's fields, `label`, and `group`, whose rows may be alike.
    resamples
        Of the bootstrap behind the intervals.

    Returns
    -------
    dict
        `test_accuracy` and `test_accuracy_gain` (above the best constant answer on the same rows). Of two classes
        `test_roc_auc`, `precision` (of what it acted on) and `recall`; of more what is reported of models for such a
        task. All that begin with ``test_`` also with `_low` and `_high` (95%). NaN where there is nothing to divide
        by, or one class only. Of a number it knows the band alone, and no metric of numbers.
    """
    code, groups, nothing = targets.codes(rows["label"], task), rows["group"].astype(str), float("nan")
    p, answer = prototype.decide(rows)
    constants = {name: baselines.mean(code == each) for each, name in enumerate(prototype.classes)}
    gain, _ = baselines.gain(baselines.mean(code == answer), constants, len(rows), groups, resamples)
    found = {
        "test_accuracy": intervals.wilson(float((code == answer).mean()), len(code)),
        "test_accuracy_gain": gain,
    }
    others: dict[str, float] = {}
    if len(prototype.classes) == 2:
        acts, truth = answer == 1, code == 1
        both, right = bool(truth.any() and not truth.all()), int((acts & truth).sum())
        found["test_roc_auc"] = intervals.delong(truth, p[:, 1], groups) if both else intervals.NOTHING
        others = {
            "precision": right / int(acts.sum()) if acts.any() else nothing,
            "recall": right / int(truth.sum()) if truth.any() else nothing,
        }
    elif not isinstance(task, Number):
        table = evaluation.metrics(code, p, groups=groups, resamples=resamples, task=task.type)
        others = evaluation.flat(table, "test_", task=task.type)
    return others | {name: value for title, each in found.items() for name, value in each.recorded(title).items()}


def sentence(measured: Mapping[str, float], task: Task, missed: Sequence[str]) -> str:
    """Return in words how far rules alone reach, by the task's primary metric where they have it, else by accuracy."""
    primary = registry.primary(task.type)
    name, title = (primary.name, primary.title) if f"test_{primary.name}" in measured else ("accuracy", "accuracy")
    value, low, high = (measured[f"test_{name}{end}"] for end in _ENDS)
    needed = ", ".join(missed) or "nothing that rules can be measured by"
    reach = f"reach {value:.3f} ({intervals.between(low, high, '.3f')})"
    if np.isnan(value):
        reach = "cannot be judged on these days, which have one answer only"
    return f"By {title}, rules alone {reach}. A model must add: {needed}."


def recorded(measured: Mapping[str, float]) -> dict[str, float]:
    """Return what notebook 01 records of a prototype: what begins with ``test_``, as ``prototype_``."""
    tested = {name.removeprefix("test_"): value for name, value in measured.items() if name.startswith("test_")}
    return {f"prototype_{name}": value for name, value in tested.items()}


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
