"""Remedies for drift: recalibrate, move the threshold, or retrain, with what each is expected to save.

Judged on the outcomes that have arrived since the last lasting change, never on the rows that a proposal was fitted on:
days are dealt into folds, and each fold is decided by what the others taught. Only what the agent decided alone is
decided anew; what a person reviewed stays as it was. Nothing changes by a proposal; a person approves it.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from loopbook.decisions import costs as money
from loopbook.monitoring.alerts import Incident
from loopbook.monitoring.timeline import Floats, Log, Mask, Side, known, texts
from loopbook.statistics import intervals
from loopbook.statistics.calibration import EDGE, platt
from loopbook.statistics.folds import grouped
from loopbook.statistics.scores import logit

LEAST_ROWS, LEAST_CLASS = 150, 20
"""Outcomes, and outcomes of each class, that a proposal needs."""
_FOLDS = 5

Decide = Callable[[Side, Side], Mask]
"""Fits on one side and says for each row of the other whether to act, bool [n]."""


def compare(log: Log, incidents: Sequence[Incident], threshold: float) -> pd.DataFrame:
    """Return what each proposal is expected to save, the best first.

    Parameters
    ----------
    log
        The whole log.
    incidents
        From ``alerts.incidents``: proposals are for the world since the last lasting change.
    threshold
        From which probability the policy acts now.

    Returns
    -------
    DataFrame
        proposal (recalibrate, move the threshold, retrain), change (in words), threshold (on today's probabilities; NaN
        for retrain), slope and shift (of the recalibration, else NaN), rows (outcomes used), saving (a decision, in the
        scenario's currency), low, high (interval of 95% for all three together, over days), saving_30_days (at the
        stream's volume), low_30_days, high_30_days, recommended. No row where too few outcomes have arrived since.

    Notes
    -----
    The saving from retraining is that of a stand-in: the model's logit, corrected by a linear model of the text's words
    and the fields, learned from the arrived outcomes alone. A whole retraining sees the old rows as well; notebook 07
    measures it.
    """
    costs = log.scenario.decisions.costs
    side = since_last_change(log, incidents)
    if side is None:
        return pd.DataFrame(columns=COLUMNS)
    cutoff = money.threshold(costs)
    now = money.realised(costs, side.acted, side.label)
    open_ = ~_reviewed(side, log)
    fit = platt(side.label, side.probability)
    cheapest, equal = money.cheapest(side.label, side.probability, costs).value, fit.invert(cutoff)
    recalibration = (
        f"logit p becomes {fit.slope:.2f} · logit p {fit.intercept:+.2f}; for the decision that is a threshold of "
        f"{equal:.3f} instead of {threshold:.3f}"
    )
    options: list[tuple[str, Decide, str, float, float, float]] = [
        (
            "recalibrate",
            lambda taught, asked: platt(taught.label, taught.probability).apply(asked.probability) >= cutoff,
            recalibration,
            equal,
            fit.slope,
            fit.intercept,
        ),
        (
            "move the threshold",
            lambda taught, asked: asked.probability >= money.cheapest(taught.label, taught.probability, costs).value,
            f"act from {cheapest:.3f} instead of {threshold:.3f}",
            cheapest,
            np.nan,
            np.nan,
        ),
        (
            "retrain",
            lambda taught, asked: _corrected(log, taught, asked) >= cutoff,
            "learn from the outcomes that have arrived",
            np.nan,
            np.nan,
            np.nan,
        ),
    ]
    month = 30 * len(log.stream) / log.stream.days
    rows = []
    for name, decide, change, value, slope, shift in options:
        acted = np.where(open_, _crossed(side, decide), side.acted)
        saved = now - money.realised(costs, acted, side.label)
        figures = intervals.clustered(saved, side.day, 0.05 / len(options))
        monthly = tuple(figure * month for figure in figures)
        rows.append((name, change, value, slope, shift, len(side), *figures, *monthly))
    table = pd.DataFrame(rows, columns=COLUMNS[:-1]).sort_values("saving", ascending=False, kind="stable")
    best = table.index[table["low"] > 0][:1]
    return table.assign(recommended=table.index.isin(best)).reset_index(drop=True)


COLUMNS = [
    "proposal",
    "change",
    "threshold",
    "slope",
    "shift",
    "rows",
    "saving",
    "low",
    "high",
    "saving_30_days",
    "low_30_days",
    "high_30_days",
    "recommended",
]


def since_last_change(log: Log, incidents: Sequence[Incident]) -> Side | None:
    """Return the decisions with an outcome since the last lasting change; None if they are too few.

    Where that change is too fresh, nothing is proposed: what came before is another world.
    """
    lasting = [
        one.first for one in incidents if one.cause not in ("surge", "segment", "volume", "fairness") and one.open
    ]
    stream, _ = known(log)
    side = stream.keep(stream.day >= max(lasting, default=0))
    classes = [int((side.label == kind).sum()) for kind in (0, 1)]
    return side if len(side) >= LEAST_ROWS and min(classes) >= LEAST_CLASS else None


def _reviewed(side: Side, log: Log) -> Mask:
    """Return which decisions a person took, or has still to take, bool [n]."""
    waiting = ~side.frame["action"].isin(log.scenario.task.actions).to_numpy("bool")
    return waiting | side.frame["reviewed"].to_numpy("bool") if "reviewed" in side.frame.columns else waiting


def _crossed(side: Side, decide: Decide) -> Mask:
    """Decide each row by what the rows of the other folds taught; a fold is made of whole days, or of rows if few."""
    whole = len(np.unique(side.day)) >= _FOLDS
    fold = grouped(side.day if whole else np.arange(len(side)), _FOLDS)
    acted = np.zeros(len(side), bool)
    for number in range(_FOLDS):
        asked = fold == number
        if asked.any():
            acted[asked] = decide(side.keep(~asked), side.keep(asked))
    return acted


def _corrected(log: Log, taught: Side, asked: Side) -> Floats:
    """Return the stand-in's probabilities for `asked`, float64 [n]."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from loopbook.data.features import tokenize

    # The model's own logit is on a larger scale than the rest, so that the penalty hardly touches it.
    parts = [[csr_matrix(3 * logit(side.probability, EDGE)[:, None])] for side in (taught, asked)]
    if log.scenario.task.text_fields:
        vectorizer = TfidfVectorizer(tokenizer=tokenize, token_pattern=None, lowercase=False, min_df=3)
        parts[0].append(vectorizer.fit_transform(texts(taught, log.scenario)))
        parts[1].append(vectorizer.transform(texts(asked, log.scenario)))
    for name in log.scenario.task.table_fields:
        columns = [side.frame[name] for side in (taught, asked)]
        if log.scenario.task.fields[name] == "number":
            old, new = (column.to_numpy("float64", na_value=np.nan) for column in columns)
            centre, scale = np.nanmean(old), max(float(np.nanstd(old)), 1e-9)
            coded = [np.nan_to_num((numbers - centre) / scale)[:, None] for numbers in (old, new)]
        else:
            levels = columns[0].astype(str).value_counts().index[:20].to_numpy()
            coded = [(column.astype(str).to_numpy()[:, None] == levels).astype("float64") for column in columns]
        for part, matrix in zip(parts, coded, strict=True):
            part.append(csr_matrix(matrix))
    model = LogisticRegression(C=1.0, max_iter=500).fit(hstack(parts[0]).tocsr(), taught.label.astype("int64"))
    return np.asarray(model.predict_proba(hstack(parts[1]).tocsr())[:, 1], dtype="float64")
