"""Error analysis of complaints: by segment (Fisher's exact test), and by the terms of their comments (log odds)."""

import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.data.cleaning import shorten
from loopbook.data.features import tokenize
from loopbook.feedback import complaint
from loopbook.feedback.complaint import FALSE_ALARM, MISSED, RIGHT, WRONG
from loopbook.feedback.trust import Trust
from loopbook.monitoring.segment_values import memberships
from loopbook.monitoring.signals import adjusted
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError, suggest
from loopbook.statistics import intervals, targets

LEAST = 10
"""Answers that a segment needs to be named."""

_EDGES = "!?"
_MEANT = 3  # classes that are named of a segment


def opinions(
    answers: pd.DataFrame, decisions: pd.DataFrame, scenario: Scenario, malicious: Collection[str] = ()
) -> pd.DataFrame:
    """Return the answers with a label beside the decisions that they are about.

    Parameters
    ----------
    answers
        As `corrections.read` and `users.simulate` return them.
    decisions
        The decision log.
    scenario
        Its task and costs say which action would have been right.
    malicious
        Users to leave out.

    Returns
    -------
    DataFrame
        The answers' columns, `kind` (one of `KINDS`: by the user's own word), `wrong` (bool), `means` (the class that
        the user names; where there are two actions for two classes, `kind`), and the log's columns; a column of the log
        that is called like one of the answers has the suffix ``_decision``.
    """
    said = answers[answers["label"].notna() & ~answers["user"].isin(list(malicious))]
    joined = said.merge(decisions, on="row_id", how="inner", suffixes=("", "_decision"))
    kind = complaint.kinds(joined, joined["label"], scenario)
    names = np.array(targets.classes(joined["label"], scenario.task), dtype=object)
    means = np.where(kind == WRONG, names[targets.codes(joined["label"], scenario.task)], kind)
    return joined.assign(kind=kind, means=means, wrong=kind != RIGHT).astype({"kind": "str", "means": "str"})


def by_segment(said: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return how often users call decisions wrong in each segment, against all others.

    Parameters
    ----------
    said
        What `opinions` returned.
    columns
        Columns of the log whose values are segments; a value may be several, joined by ``|``.

    Returns
    -------
    DataFrame
        One row a segment with at least `LEAST` answers, the worst first: `segment` (``column “value”``), `answers`,
        `users`, `wrong` (share called wrong), `low`, `high` (95% interval), `elsewhere` (share in all other answers),
        `how` (what those who call it wrong mean most often: ``missed 30, false alarm 10``), `p` (that the share differs
        from elsewhere; adjusted for all segments).

    Raises
    ------
    DataError
        If there is no such column.

    References
    ----------
    Fisher (1935), The logic of inductive inference: the exact test of a two by two table.
    """
    from scipy.stats import fisher_exact

    for name in columns:
        if name not in said.columns:
            raise DataError(
                f"The decision log has no column {name!r} to make segments of.{suggest(name, said.columns)}"
            )
    names = ["segment", "answers", "users", "wrong", "low", "high", "elsewhere", "how", "p"]
    members = pd.DataFrame(memberships(said, tuple(columns)), columns=["row", "segment"]).groupby("segment")["row"]
    wrong, means = said["wrong"].to_numpy(dtype=bool), said["means"].to_numpy(dtype=object)
    rows: list[dict[str, object]] = []
    for segment, at in members:
        if len(at) < LEAST:
            continue
        bad, all_bad = int(wrong[at].sum()), int(wrong.sum())
        share, low, high = intervals.wilson(bad / len(at), len(at))
        others = len(said) - len(at)
        cells = [[bad, len(at) - bad], [all_bad - bad, others - (all_bad - bad)]]
        counted = Counter(means[at][wrong[at]]).most_common(_MEANT)
        rows.append(
            {
                "segment": segment,
                "answers": len(at),
                "users": said["user"].iloc[at].nunique(),
                "wrong": share,
                "low": low,
                "high": high,
                "elsewhere": (all_bad - bad) / others if others else np.nan,
                "how": ", ".join(f"{shorten(name, 40)} {count}" for name, count in counted),
                "p": float(fisher_exact(cells)[1]) if others else 1.0,
            }
        )
    table = pd.DataFrame(rows, columns=names)
    table["p"] = adjusted(table["p"].to_numpy(dtype=np.float64))
    return table.sort_values(["wrong", "segment"], ascending=[False, True], ignore_index=True)


def worse(segments: pd.DataFrame) -> pd.DataFrame:
    """Return the segments of `by_segment` in which users call clearly more decisions wrong than elsewhere."""
    return segments[(segments["p"] <= 0.05) & (segments["wrong"] > segments["elsewhere"])].reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class Complaints:
    """What users say: every opinion, by segment (the worst first), the segments that are worse, and by topic."""

    opinions: pd.DataFrame
    by_segment: pd.DataFrame
    worse: pd.DataFrame
    about: pd.DataFrame


def complaints(answers: pd.DataFrame, decisions: pd.DataFrame, scenario: Scenario, trust: Trust) -> Complaints:
    """Return what users who are not malicious say of decisions, over the scenario's segments and protected columns."""
    said = opinions(answers, decisions, scenario, trust.malicious)
    found = by_segment(said, [*scenario.monitoring.segments, *scenario.source.protected])
    return Complaints(said, found, worse(found), about(said))


def telling(one: Sequence[str], other: Sequence[str], count: int = 10) -> pd.DataFrame:
    """Return the terms that set some texts apart from others.

    Terms are single words and pairs of neighbours, counted once a text, so that nobody is heard louder for repeating
    himself. English words that say nothing by themselves (the, was, you) are no terms; of two terms that share a word
    and occur in as many texts, the pair is kept.

    Parameters
    ----------
    one
        Texts whose terms are looked for, such as comments on missed cases.
    other
        Texts to compare with, such as all other comments.
    count
        How many terms at most.

    Returns
    -------
    DataFrame
        `term`, `texts` (of `one` that have it), `others` (of `other`), `log_odds` (shrunk), `z` (its standard score);
        only terms with z of at least 1.96, the most telling first.

    References
    ----------
    Monroe, Colaresi & Quinn (2008), Fightin' words: lexical feature selection and evaluation for identifying the
    content of political conflict, section 3.5.1: log odds ratios with an informative Dirichlet prior.
    """
    first, second = _counted(one), _counted(other)
    terms = sorted(term for term, seen in first.items() if seen >= 2)
    if not terms:
        return pd.DataFrame(columns=["term", "texts", "others", "log_odds", "z"])
    a, b = (np.array([side[term] for term in terms], dtype=np.float64) for side in (first, second))
    both = a + b
    # The prior speaks like a tenth of all texts with the terms' common shares, so that rare terms are shrunk.
    n, m = float(max(len(one), 1)), float(max(len(other), 1))
    prior, strength = both * 0.1 + 0.01, (n + m) * 0.1 + 0.02
    odds = [np.log((x + prior) / (size + strength - x - prior)) for x, size in ((a, n), (b, m))]
    log_odds = odds[0] - odds[1]
    z = log_odds / np.sqrt(1 / (a + prior) + 1 / (b + prior))
    table = pd.DataFrame(
        {"term": terms, "texts": a.astype("int64"), "others": b.astype("int64"), "log_odds": log_odds, "z": z}
    )
    table = table.assign(words=table["term"].str.count(" "))[table["z"] >= 1.96]
    table = table.sort_values(["z", "words", "term"], ascending=[False, False, True]).drop(columns="words")
    return _without_repeats(table).head(count).reset_index(drop=True)


def about(said: pd.DataFrame) -> pd.DataFrame:
    """Return what comments are about, by what the user says of the decision.

    Returns
    -------
    DataFrame
        `kind` (one of `KINDS`), then the columns of `telling`, and `example` (the shortest comment with the term).
    """
    comments = said[said["comment"] != ""]
    parts = []
    for kind in (MISSED, FALSE_ALARM, WRONG, RIGHT):
        mine = comments.loc[comments["kind"] == kind, "comment"].tolist()
        table = telling(mine, comments.loc[comments["kind"] != kind, "comment"].tolist(), 6)
        terms_of = [(comment, set(_terms(comment))) for comment in sorted(mine, key=lambda text: (len(text), text))]
        examples = [next(text for text, terms in terms_of if term in terms) for term in table["term"]]
        parts.append(table.assign(kind=kind, example=examples))
    found = pd.concat(parts, ignore_index=True)
    return found[["kind", *[name for name in found.columns if name != "kind"]]]


def _terms(text: str) -> list[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    words = [token for token in tokenize(text) if token[0] not in _EDGES]
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(words) if not {a, b} & ENGLISH_STOP_WORDS]
    return list(dict.fromkeys([*(word for word in words if word not in ENGLISH_STOP_WORDS), *pairs]))


def _counted(texts: Sequence[str]) -> Counter[str]:
    return Counter(term for text in texts for term in _terms(text))


def _without_repeats(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out a term that shares a word with a more telling one that occurs in as many texts."""
    kept: list[tuple[set[str], int]] = []
    keep: NDArray[np.bool_] = np.zeros(len(table), dtype=bool)
    for at, (term, texts) in enumerate(zip(table["term"], table["texts"], strict=True)):
        words = set(term.split())
        if not any(words & before and texts <= seen for before, seen in kept):
            keep[at] = True
            kept.append((words, int(texts)))
    return table[keep]
