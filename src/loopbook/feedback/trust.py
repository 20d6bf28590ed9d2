"""Dawid–Skene model of users: how reliable each is, and what is right where they or an outcome contradict."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.statistics.scores import logit, sigmoid

TRUSTED, UNPROVEN, MALICIOUS = "trusted", "unproven", "malicious"

ACCEPTED = 0.9
"""From this probability on, a label that users give is taken as right; the share of yes alone must not decide, so what
the witnesses say by themselves has to reach `WITNESSED`."""

WITNESSED = 0.8

OUTCOME = 0.98
"""How reliable a known outcome is: it counts as a witness of this reliability, so that several proven users who
contradict it together can still be right."""

_PRIOR = (2.0, 1.0)  # Beta prior of a user's reliability: a newcomer is believed a little
_ROUNDS, _CLOSE = 200, 1e-9
_SUREST = 0.99  # nobody's single vote counts for more

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trust:
    """Whom to believe, and what follows.

    Attributes
    ----------
    users
        One row a user: `user`, `answers` (with a label), `checked` (rows where somebody else or an outcome speaks as
        well), `agreed` (expected number of these in which the user was right), `reliability`, `low`, `high` (95%
        interval), `verdict` (trusted: better than a coin for certain; malicious: worse than a coin for certain;
        unproven).
    labels
        One row for each row that users labelled: `row_id`, `label` (the more probable), `probability` (of yes),
        `confidence` (of the label), `votes` (of users who are not malicious), `against` (those of them who say
        otherwise), `outcome` (Int8), `conflict` (users, or users and outcome, contradict each other), `accepted`.
    """

    users: pd.DataFrame
    labels: pd.DataFrame

    @property
    def malicious(self) -> tuple[str, ...]:
        """The users whose answers are not believed."""
        return tuple(self.users.loc[self.users["verdict"] == MALICIOUS, "user"])


def judge(answers: pd.DataFrame, outcomes: Mapping[str, int]) -> Trust:
    """Estimate each user's reliability and each row's label together.

    Users and rows explain each other: a user is reliable who agrees with probable labels, and a label is probable that
    reliable users give. Known outcomes are the anchor. What a malicious user says is set aside and not turned round:
    who is known to be turned round would only have to begin to tell the truth.

    Parameters
    ----------
    answers
        As `corrections.read` and `users.simulate` return them; those without a label say nothing here.
    outcomes
        What has become known, by `row_id`: 0 or 1.

    Returns
    -------
    Trust
        Users by descending reliability; labels by row.

    Notes
    -----
    The model is that of one coin a user: right with probability :math:`r_u`, whatever the label, with a
    :math:`\\mathrm{Beta}(2, 1)` prior. The E step gives the log odds of a row,
    :math:`\\operatorname{logit} q_i = \\operatorname{logit} \\pi + \\sum_u \\pm \\operatorname{logit} r_u`; the M step
    the posterior mean of :math:`r_u` over the rows that have a second witness, and the share :math:`\\pi` of yes.

    References
    ----------
    Dawid & Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm; with one
    parameter a user as in Raykar et al. (2010), Learning from crowds, whose Beta priors are used.
    """
    said = answers[answers["label"].notna()]
    users, user = np.unique(said["user"].to_numpy(dtype=object).astype(str), return_inverse=True)
    rows, row = np.unique(said["row_id"].to_numpy(dtype=object).astype(str), return_inverse=True)
    yes = said["label"].to_numpy(dtype=np.int64) == 1
    known = np.array([outcomes.get(name, -1) for name in rows], dtype=np.int64)
    anchor = np.where(known < 0, 0.0, np.where(known == 1, 1.0, -1.0) * float(logit(OUTCOME)))
    checked = ((np.bincount(row, minlength=len(rows)) > 1) | (known >= 0))[row]

    reliability = np.full(len(users), _PRIOR[0] / sum(_PRIOR))
    share = 0.5
    agreed = against = np.zeros(len(users))
    for _ in range(_ROUNDS):
        log_odds = _log_odds(reliability, share, row, user, yes, anchor)
        right = sigmoid(np.where(yes, 1.0, -1.0) * log_odds[row]) if len(row) else np.zeros(0)
        agreed = np.bincount(user, weights=right * checked, minlength=len(users)).astype(np.float64)
        against = np.bincount(user, weights=(1 - right) * checked, minlength=len(users)).astype(np.float64)
        before, reliability = reliability, (_PRIOR[0] + agreed) / (sum(_PRIOR) + agreed + against)
        share = float((1 + sigmoid(log_odds).sum()) / (2 + len(rows)))
        if not len(users) or np.abs(reliability - before).max() < _CLOSE:
            break
    table = _users(users, np.bincount(user, minlength=len(users)), agreed, against)
    believed = np.isin(users, table.loc[table["verdict"] != MALICIOUS, "user"])[user]
    final = _log_odds(reliability, share, row[believed], user[believed], yes[believed], anchor)
    witnesses = (final - float(logit(share))) * np.sign(final)
    return Trust(table, _labels(rows, final, witnesses, row[believed], yes[believed], known))


def outcomes_of(log: pd.DataFrame, delay_days: int, replay_days: int) -> dict[str, int]:
    """Return the outcomes that are known by the end of a decision log, by `row_id`.

    Parameters
    ----------
    log
        The decision log, with `row_id`, `time` and `label` (missing where nothing became known).
    delay_days
        Days until the outcome of a decision is known: the outcomes of the last days are not, whatever the log holds.
    replay_days
        Days for which a log without times stands.
    """
    if len(log) and log["time"].notna().all():
        arrived = (log["time"] <= log["time"].max() - pd.Timedelta(days=delay_days)).to_numpy(dtype=bool)
    else:
        arrived = np.arange(len(log)) < len(log) * (1 - delay_days / replay_days)
    known = log[arrived & log["label"].notna().to_numpy(dtype=bool)]
    return {str(row): int(label) for row, label in zip(known["row_id"], known["label"], strict=True)}


def _log_odds(
    reliability: Floats,
    share: float,
    row: NDArray[np.intp],
    user: NDArray[np.intp],
    yes: NDArray[np.bool_],
    anchor: Floats,
) -> Floats:
    """Return the log odds of yes for each row; who is worse than a coin counts nothing."""
    weight = logit(np.clip(reliability, 0.5, _SUREST))
    votes = np.bincount(row, weights=np.where(yes, 1.0, -1.0) * weight[user], minlength=len(anchor))
    return np.asarray(float(logit(share)) + votes + anchor, dtype=np.float64)


def _users(users: NDArray[np.str_], answers: NDArray[np.intp], agreed: Floats, against: Floats) -> pd.DataFrame:
    from scipy.stats import beta

    a, b = _PRIOR[0] + agreed, _PRIOR[1] + against
    low, high = beta.ppf(0.025, a, b), beta.ppf(0.975, a, b)
    table = pd.DataFrame(
        {
            "user": users.astype(object),
            "answers": answers.astype("int64"),
            "checked": np.round(agreed + against).astype("int64"),
            "agreed": agreed,
            "reliability": a / (a + b),
            "low": low,
            "high": high,
            "verdict": np.where(low > 0.5, TRUSTED, np.where(high < 0.5, MALICIOUS, UNPROVEN)),
        }
    ).astype({"user": "str", "verdict": "str"})
    return table.sort_values(["reliability", "user"], ascending=[False, True], ignore_index=True)


def _labels(
    rows: NDArray[np.str_],
    log_odds: Floats,
    witnesses: Floats,
    row: NDArray[np.intp],
    yes: NDArray[np.bool_],
    known: NDArray[np.int64],
) -> pd.DataFrame:
    probability = sigmoid(log_odds) if len(rows) else np.zeros(0)
    label = (probability >= 0.5).astype(np.int8)
    votes = np.bincount(row, minlength=len(rows)).astype("int64")
    for_yes = np.bincount(row, weights=yes, minlength=len(rows)).astype("int64")
    against = np.where(label == 1, votes - for_yes, for_yes)
    contradicted = (known >= 0) & (np.where(known == 1, votes - for_yes, for_yes) > 0)
    confidence = np.maximum(probability, 1 - probability)
    return pd.DataFrame(
        {
            "row_id": rows.astype(object),
            "label": label,
            "probability": probability,
            "confidence": confidence,
            "votes": votes,
            "against": against,
            "outcome": pd.array([pd.NA if value < 0 else int(value) for value in known], dtype="Int8"),
            "conflict": ((for_yes > 0) & (for_yes < votes)) | contradicted,
            "accepted": (confidence >= ACCEPTED) & (witnesses >= float(logit(WITNESSED)) - _CLOSE) & (votes > 0),
        }
    ).astype({"row_id": "str"})
