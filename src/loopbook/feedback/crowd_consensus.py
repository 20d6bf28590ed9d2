"""CROWDLAB (cleanlab) beside our trust in raters: does another method believe the same labels and doubt the same users?

It takes the agent's own scores for one more rater, which ours does not: who asks whether the agent is right must not
let it vote. So it is shown beside, and decides nothing.

References
----------
Goh, Tkachenko & Mueller (2022), CROWDLAB: supervised learning to infer consensus labels and quality scores for data
with multiple annotators.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype

from loopbook.feedback.trust import Trust
from loopbook.figures.sentence import Sentence


class Consensus(NamedTuple):
    """Consensus labels and users' quality by CROWDLAB."""

    labels: "pd.Series[Any]"
    users: "pd.Series[float]"


def estimate(answers: pd.DataFrame, scores: pd.DataFrame) -> Consensus | None:
    """Return cleanlab's consensus on the rows that somebody labelled; None if there are too few to compare.

    Parameters
    ----------
    answers
        With a class each; those without a label say nothing here.
    scores
        `row_id`, and the agent's probability of each class in a column of its name, in the order of the classes.
    """
    from cleanlab.multiannotator import get_label_quality_multiannotator

    said = answers[answers["label"].notna()]
    names = said["label"].cat.categories.tolist() if isinstance(said["label"].dtype, pd.CategoricalDtype) else [0, 1]
    probable = scores.set_index(scores["row_id"].astype(str)).drop(columns="row_id")
    said = said[said["row_id"].isin(probable.index)]
    if said["row_id"].nunique() < 2 or said["user"].nunique() < 2 or probable.shape[1] != len(names):
        return None
    code = said["label"].map({name: at for at, name in enumerate(names)}).astype("float64")
    wide = said.assign(code=code).pivot(index="row_id", columns="user", values="code")
    p = probable.loc[wide.index].to_numpy(np.float64)
    found = get_label_quality_multiannotator(wide.astype("Int64"), p, verbose=False, return_detailed_quality=False)
    consensus = found["label_quality"]["consensus_label"].to_numpy(np.int64)
    labels = pd.Series([names[at] for at in consensus], index=wide.index, dtype=object)
    return Consensus(labels, found["annotator_stats"]["annotator_quality"])


def beside(answers: pd.DataFrame, judged: Trust, scores: pd.DataFrame) -> Sentence:
    """Return in words how far cleanlab agrees with the labels that are taken over, and whom it doubts."""
    if is_float_dtype(answers["label"].dtype):
        return Sentence("cleanlab's consensus is of classes; numbers are judged by ours alone.")
    found = estimate(answers, scores)
    taken = judged.labels[judged.labels["accepted"]]
    taken = taken[taken["row_id"].isin(found.labels.index)] if found else taken.iloc[:0]
    if found is None or taken.empty:
        return Sentence("There are too few answers to hold cleanlab's consensus beside ours.")
    same = taken["label"].astype(object).to_numpy() == found.labels[taken["row_id"]].to_numpy()
    worst = found.users.nsmallest(len(judged.malicious)).index
    both = len(set(worst.astype(str)) & set(judged.malicious))
    bad = len(judged.malicious)
    doubted = (
        f" {both} of the {bad} who count as malicious here are among the {bad} whom it trusts least." if bad else ""
    )
    return Sentence(
        f"cleanlab's consensus (CROWDLAB, with the agent's scores as one more rater) agrees on {int(same.sum()):,} of "
        f"{len(same):,} labels that are taken over.{doubted}"
    )
