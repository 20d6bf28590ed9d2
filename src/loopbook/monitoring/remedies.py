"""Remedies for drift: recalibrate, retrain, or where there is one move the threshold, and what each would save.

Judged on the outcomes that have arrived since the last lasting change, never on the rows that a proposal was fitted on:
days are dealt into folds, and each fold is decided by what the others taught. Only what the agent decided alone is
decided anew; what a person reviewed stays as it was. Nothing changes by a proposal; a person approves it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack
from scipy.special import log_softmax, softmax

from loopbook.decisions import thresholds
from loopbook.monitoring.alerts import IN_SEGMENTS, Incident
from loopbook.monitoring.timeline import Days, Floats, Log, Mask, Side, texts
from loopbook.statistics import intervals
from loopbook.statistics.calibration import EDGE, platt
from loopbook.statistics.folds import grouped
from loopbook.statistics.scores import logit

LEAST_ROWS, LEAST_CLASS = 150, 20
"""Outcomes, and outcomes of each of two classes at least, that a proposal needs."""
_LEARN = "learn from the outcomes that have arrived"
_FOLDS = 5
_STEPS = 40  # of the search for a fit of several classes, which are enough to decide by

Decide = Callable[[Side, Side], Days]
"""Fits on one side and says for each row of the other what to do, int64 [n]."""


class Option(NamedTuple):
    """A proposal: its name, what it decides, and how it is told; NaN where it has no such number."""

    name: str
    decide: Decide
    change: str
    threshold: float = np.nan
    slope: float = np.nan
    shift: float = np.nan


def compare(log: Log, incidents: Sequence[Incident], threshold: float | None = None) -> pd.DataFrame:
    """Return what each proposal is expected to save, the best first.

    Parameters
    ----------
    log
        The whole log.
    incidents
        From ``alerts.incidents``: proposals are for the world since the last lasting change.
    threshold
        Of two classes and actions, from which probability of yes the policy acts now.

    Returns
    -------
    DataFrame
        proposal (recalibrate, move the threshold, retrain), change (in words), threshold (on today's probabilities),
        slope and shift (of the recalibration, where it is one line), rows (outcomes used), saving (a decision, in the
        scenario's currency), low, high (interval of 95% for all of them together, over days), saving_30_days (at the
        stream's volume), low_30_days, high_30_days, recommended; NaN where a proposal has no such number. No row where
        too few outcomes have arrived since.

    Notes
    -----
    The saving from retraining is that of a stand-in: the model's logit, corrected by a linear model of the text's words
    and the fields, learned from the arrived outcomes alone. A whole retraining sees the old rows as well; notebook 07
    measures it.
    """
    side = since_last_change(log, incidents)
    if side is None:
        return pd.DataFrame(columns=COLUMNS)
    truth = log.truth(side)
    now = log.prices.realised(np.maximum(side.action, 0), truth)
    open_ = ~_reviewed(side, log)
    options = _of_two(log, side, threshold) if log.prices.two else _of_several(log, side)
    month = 30 * len(log.stream) / log.stream.days
    rows = []
    for name, decide, *told in options:
        action = np.where(open_, _crossed(side, decide), np.maximum(side.action, 0))
        saved = now - log.prices.realised(action, truth)
        figures = intervals.clustered(saved, side.day, 0.05 / len(options))
        monthly = tuple(figure * month for figure in figures)
        rows.append((name, *told, len(side), *figures, *monthly))
    table = pd.DataFrame(rows, columns=COLUMNS[:-1]).sort_values("saving", ascending=False, kind="stable")
    best = table.index[table["low"] > 0][:1]
    return table.assign(recommended=table.index.isin(best)).reset_index(drop=True)


def _of_two(log: Log, side: Side, threshold: float | None) -> list[Option]:
    prices = log.prices
    cutoff = prices.threshold
    fit = platt(side.event, side.chance)
    cheapest, equal = thresholds.cheapest(side.event, side.chance, prices).value, fit.invert(cutoff)
    before = cutoff if threshold is None else threshold
    recalibration = (
        f"logit p becomes {fit.slope:.2f} · logit p {fit.intercept:+.2f}; for the decision that is a threshold of "
        f"{equal:.3f} instead of {before:.3f}"
    )
    return [
        Option(
            "recalibrate",
            lambda taught, asked: prices.cheapest(platt(taught.event, taught.chance).apply(asked.chance)),
            recalibration,
            equal,
            fit.slope,
            fit.intercept,
        ),
        Option(
            "move the threshold",
            lambda taught, asked: _from(thresholds.cheapest(taught.event, taught.chance, prices).value, asked),
            f"act from {cheapest:.3f} instead of {before:.3f}",
            cheapest,
        ),
        Option("retrain", lambda taught, asked: prices.cheapest(_corrected(log, taught, asked)), _LEARN),
    ]


def _of_several(log: Log, side: Side) -> list[Option]:
    prices = log.prices
    if prices.functions:
        words = f"errors as lately, {np.median(side.number[:, 0] - side.number[:, 1]):+.3g} in the middle"
        return [Option("recalibrate", lambda taught, asked: _spread(log, taught, asked), words)]
    slope = _fitted(side, side)[0]
    words = f"log p becomes {slope:.2f} · log p and a constant for each class"
    return [
        Option("recalibrate", lambda taught, asked: prices.cheapest(_fitted(taught, asked)[1]), words, slope=slope),
        Option("retrain", lambda taught, asked: prices.cheapest(_corrected(log, taught, asked)), _LEARN),
    ]


def _from(threshold: float, asked: Side) -> Days:
    """Return the action of two: the second from a threshold on."""
    return (asked.chance >= threshold).astype("int64")


def _spread(log: Log, taught: Side, asked: Side) -> Days:
    """Decide by predictions with the quantiles of the errors that have been made of late (split conformal)."""
    errors = np.quantile(taught.number[:, 0] - taught.number[:, 1], np.arange(1, 100) / 100)
    return log.prices.cheapest(asked.number[:, 1][:, None] + errors)


def _fitted(taught: Side, asked: Side, columns: Sequence[csr_matrix] = ()) -> tuple[float, Floats]:
    """Return slope and probabilities for `asked`, [n, k], of a softmax on log probabilities, constants and columns.

    Constants and the weights of the columns, which are those of both sides, are shrunk towards 0. Without columns it is
    temperature scaling with a bias a class.

    References
    ----------
    Alexandari, Kundaje & Shrikumar (2020), Maximum likelihood with bias-corrected calibration is hard-to-beat at label
    shift adaptation, section 2.3.
    """
    logs = [np.log(np.maximum(side.probability, EDGE)) for side in (taught, asked)]
    x = [hstack([csr_matrix(np.ones((len(part), 1))), *columns[at : at + 1]]).tocsr() for at, part in enumerate(logs)]
    one = np.eye(logs[0].shape[1])[taught.code]

    def scores(at: Floats, side: int) -> Floats:
        return np.asarray(at[0] * logs[side] + x[side] @ at[1:].reshape(x[0].shape[1], -1))

    def loss(at: Floats) -> tuple[float, Floats]:
        said = log_softmax(scores(at, 0), axis=1)
        off = np.exp(said) - one
        value = float((at[1:] ** 2).sum() / 2 - (one * said).sum())
        return value, np.concatenate([[(off * logs[0]).sum()], (x[0].T @ off).ravel() + at[1:]])

    start = np.concatenate([[1.0], np.zeros(x[0].shape[1] * one.shape[1])])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x
    return float(found[0]), np.asarray(softmax(scores(found, 1), axis=1))


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
    lasting = [one.first for one in incidents if one.cause not in (*IN_SEGMENTS, "volume", "fairness") and one.open]
    stream, _ = log.known
    side = stream.keep(stream.day >= max(lasting, default=0))
    second = np.sort(np.bincount(side.code, minlength=2))[-2]
    return side if len(side) >= LEAST_ROWS and second >= LEAST_CLASS else None


def _reviewed(side: Side, log: Log) -> Mask:
    """Return which decisions a person took, or has still to take, bool [n]."""
    waiting = side.action < 0
    return waiting | side.frame["reviewed"].to_numpy("bool") if "reviewed" in side.frame.columns else waiting


def _crossed(side: Side, decide: Decide) -> Days:
    """Decide each row by what the rows of the other folds taught; a fold is made of whole days, or of rows if few."""
    whole = len(np.unique(side.day)) >= _FOLDS
    fold = grouped(side.day if whole else np.arange(len(side)), _FOLDS)
    action = np.zeros(len(side), "int64")
    for number in range(_FOLDS):
        asked = fold == number
        if asked.any():
            action[asked] = decide(side.keep(~asked), side.keep(asked))
    return action


def _corrected(log: Log, taught: Side, asked: Side) -> Floats:
    """Return the stand-in's probabilities for `asked`, float64 [n, k]."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from loopbook.data.features import tokenize

    parts: list[list[csr_matrix]] = [[], []]
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
    if log.several:
        return _fitted(taught, asked, [hstack(part).tocsr() for part in parts])[1]
    # The model's own logit is on a larger scale than the rest, so that the penalty hardly touches it.
    own = [csr_matrix(3 * logit(side.chance, EDGE)[:, None]) for side in (taught, asked)]
    old, new = (hstack([first, *part]).tocsr() for first, part in zip(own, parts, strict=True))
    model = LogisticRegression(C=1.0, max_iter=500).fit(old, taught.code)
    return np.asarray(model.predict_proba(new), dtype="float64")
