"""Weak labels: what rules say of rows that nobody labelled, each rule weighted by its measured agreement.

A rule is a term or a comparison of the prototype (`requirements.terms`, `.rules`), which speaks for one class. On the
labelled rows of train it is counted how often it is right where it speaks. Of a row without a label the rules that
speak are combined as independent witnesses of one reliability each (naive Bayes, the one-coin form of Dawid and Skene):
a rule with agreement a adds log(a (k - 1) / (1 - a)) to its class, if that is above 0.

References
----------
Ratner, De Sa, Wu, Selsam & Ré (2016), Data programming: creating large training sets, quickly: labelling functions.
Dawid & Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import softmax

from loopbook.data import identity, labels, neighbours
from loopbook.data.cleaning import texts
from loopbook.requirements.prototype import Prototype
from loopbook.scenario.contract import Scenario
from loopbook.statistics import targets

SHRINKAGE = 5.0
"""Rows that the agreement of all rules together counts for in that of each, so that few hits prove nothing."""


@dataclass(frozen=True, eq=False)
class Weak:
    """Splits whose train has more rows.

    Attributes
    ----------
    splits
        All splits; train with the rows that a rule spoke of.
    rules
        What is told of each rule: `rule`, `speaks_for`, `hits` and `right` on the labelled rows of train, `agreement`
        (shrunk towards that of all rules), `labelled` (rows without a label of which it spoke).
    rows
        How many rows were joined.
    """

    splits: dict[str, pd.DataFrame]
    rules: pd.DataFrame
    rows: int


def join(splits: Mapping[str, pd.DataFrame], unlabelled: pd.DataFrame, scenario: Scenario) -> Weak:
    """Join rows without a label to train, with the class that the rules make most probable.

    With `data.unlabelled_rows` those join too of which no rule speaks: with weight 0, which says that their label is
    none. Without `data.weak_labels` no rule speaks.

    A row weighs as much as its class is more probable than by chance, (k p - 1) / (k - 1), so that where rules
    contradict each other, or hardly agree with the labels, it counts for little. Rows stay out of which no rule speaks,
    that stand in a split already or are nearly the same as a row of another split than train, and, where the splits are
    by time, that lie outside train's span of time: so no split learns of another.

    Parameters
    ----------
    splits
        As `splitting.split` returns them, train with labels.
    unlabelled
        Canonical rows without a label, as `validation.unlabelled` returns them, masked.
    """
    train, task = splits["train"], scenario.task
    if unlabelled.empty:
        return Weak(dict(splits), pd.DataFrame(columns=["rule"]), 0)
    rules = Prototype.of(scenario.requirements, task, train["label"])
    names, codes = targets.classes(train["label"], task), targets.codes(train["label"], task)
    spoken, speaks = rules.witnesses(train)
    of, k = np.array([code for code, _ in spoken], dtype=np.int64), len(names)
    hits = speaks.sum(axis=0)
    right = (speaks & (codes[:, None] == of)).sum(axis=0)
    overall = (right.sum() + 1) / (hits.sum() + k)
    agreement = (right + SHRINKAGE * overall) / (hits + SHRINKAGE)
    strength = np.log(agreement * (k - 1) / (1 - agreement)).clip(min=0)
    free = unlabelled[_free(splits, unlabelled, scenario)]
    votes = rules.witnesses(free)[1] * (strength * scenario.data.weak_labels)
    voted = votes.any(axis=1)
    joins = voted | scenario.data.unlabelled_rows
    probable = softmax(votes[joins] @ (of[:, None] == np.arange(k)), axis=1)
    said = [names[code] if len(names) > 2 else code for code in probable.argmax(axis=1).tolist()]
    rows = free[joins]
    weight = np.where(voted[joins], (k * probable.max(axis=1) - 1) / (k - 1), 0).astype(np.float32)
    like = train["label"].reindex(rows.index) if len(rows) else train["label"].head(0)
    label = labels.approved(said, like).astype(train["label"].dtype)
    joined = pd.concat([train, rows.assign(label=label, weight=weight)[train.columns]], ignore_index=True)
    table = pd.DataFrame(
        {
            "rule": [what for _, what in spoken],
            "speaks_for": [names[code] for code in of.tolist()],
            "hits": hits,
            "right": right,
            "agreement": agreement,
            "labelled": (votes > 0).sum(axis=0),
        }
    )
    return Weak({**splits, "train": joined}, table, len(rows))


def _free(splits: Mapping[str, pd.DataFrame], unlabelled: pd.DataFrame, scenario: Scenario) -> np.ndarray:
    """Return which rows may join train, bool [n]."""
    known = pd.concat([frame.assign(side=name) for name, frame in splits.items()], ignore_index=True)
    others, fields = known[known["side"] != "train"], scenario.task.fields
    free = ~unlabelled["row_id"].isin(known["row_id"]).to_numpy()
    free &= ~unlabelled["group"].isin(others["group"]).to_numpy()
    if scenario.data.splits.ordered:
        free &= unlabelled["time"].between(*splits["train"]["time"].agg(["min", "max"])).to_numpy()
    if scenario.task.texts_differ:
        seen = set(identity.inputs(known, fields))
        free &= np.array([inputs not in seen for inputs in identity.inputs(unlabelled, fields)], dtype=bool)
        free &= ~pd.Series(identity.inputs(unlabelled, fields), dtype=object).duplicated().to_numpy()
        pairs = neighbours.pairs([*texts(others, scenario), *texts(unlabelled, scenario)], scenario.data.near_duplicate)
        crossing = pairs[(pairs[:, 0] < len(others)) & (pairs[:, 1] >= len(others))]
        free[crossing[:, 1] - len(others)] = False
    return free
