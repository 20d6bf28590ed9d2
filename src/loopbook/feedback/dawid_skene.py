"""Dawid–Skene model of users: how reliable each is, by class, and which class is right where they contradict."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from loopbook.statistics.scores import logit, probabilities, sigmoid

TRUSTED, UNPROVEN, MALICIOUS = "trusted", "unproven", "malicious"

ACCEPTED = 0.9
"""From this probability on, a label that users give is taken as right; the share of the class alone must not decide, so
what the witnesses say by themselves has to reach `WITNESSED`."""

WITNESSED = 0.8

OUTCOME = 0.98
"""How reliable a known outcome is: it counts as a witness of this reliability, so that several proven users who
contradict it together can still be right."""

SHRINK = 4.0
"""Answers as many as which a user's reliability over all classes speaks for that on one class."""

PRIOR = (2.0, 1.0)
"""Beta prior of a user's reliability: a newcomer is believed a little."""

_ROUNDS, _CLOSE = 200, 1e-9
_SUREST = 0.99  # nobody's single vote counts for more
_COINS = 3  # classes from which on a user has a reliability of each: of two, one coin says it

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Votes:
    """Who said what: an answer is of a `row` and a `pair`, a user with a class that this user has named.

    `known` is the code of each row's outcome, -1 where there is none.
    """

    users: NDArray[np.str_]
    rows: NDArray[np.str_]
    names: tuple[Any, ...]
    row: Ints
    pair: Ints
    who: Ints
    said: Ints
    known: Ints

    @classmethod
    def of(cls, answers: pd.DataFrame, outcomes: Mapping[str, Any]) -> "_Votes":
        label, rows_of = answers["label"], answers["row_id"].to_numpy(dtype=object).astype(str)
        named = isinstance(label.dtype, pd.CategoricalDtype)
        names = tuple(label.cat.categories) if named else (0, 1)
        code = label.cat.codes.to_numpy(np.int64) if named else label.to_numpy(np.int64)
        users, user = np.unique(answers["user"].to_numpy(dtype=object).astype(str), return_inverse=True)
        rows, row = np.unique(rows_of, return_inverse=True)
        pairs, pair = np.unique(user * len(names) + code, return_inverse=True)
        place = {name: at for at, name in enumerate(names)}
        known = np.array([place.get(outcomes.get(name), -1) for name in rows], dtype=np.int64)
        return cls(users, rows, names, row, pair, pairs // len(names), pairs % len(names), known)

    def summed(self, each: Floats) -> Floats:
        """Return the sum over each row's answers of what belongs to their pairs, [rows, ...]."""
        return np.asarray(self._matrix @ each)

    def counted(self, share: Floats) -> Floats:
        """Return how often each pair's user named its class while that of the column was right, [pairs, k].

        Only rows count where somebody else or an outcome speaks as well.
        """
        count = np.bincount(self.row, minlength=len(self.rows))
        checked = (count > 1) | (self.known >= 0)
        return np.asarray(self._matrix.T @ (share * checked[:, None]))

    @cached_property
    def _matrix(self) -> Any:
        """Which answer of which pair is of which row, sparse [rows, pairs]."""
        from scipy.sparse import csr_matrix

        ones = np.ones(len(self.row))
        return csr_matrix((ones, (self.row, self.pair)), shape=(len(self.rows), len(self.who)))


@dataclass(frozen=True, eq=False)
class _Users:
    """What is known of users by how often they named which class while which was right (`_Votes.counted`).

    `seen`, `agreed` and `top` are [users, k]: checked answers on rows of each class, those that name it, and those that
    name the one other class that the user names most. `wrong`, [users, k], are mistakes by the class that is named,
    `other`, [pairs, k], by that and by the class that would have been right.
    """

    seen: Floats
    agreed: Floats
    top: Floats
    wrong: Floats
    other: Floats

    @classmethod
    def of(cls, votes: _Votes, counts: Floats) -> "_Users":
        shape, pairs = (len(votes.users), len(votes.names)), np.arange(len(votes.who))
        agreed, wrong, other = np.zeros(shape), np.zeros(shape), counts.copy()
        agreed[votes.who, votes.said] = counts[pairs, votes.said]
        other[pairs, votes.said] = 0.0
        wrong[votes.who, votes.said] = other.sum(axis=1)
        first = np.searchsorted(votes.who, np.arange(len(votes.users)))  # pairs are in the order of users
        seen, top = np.add.reduceat(counts, first, axis=0), np.maximum.reduceat(other, first, axis=0)
        return cls(seen, agreed, top, wrong, other)

    @property
    def beta(self) -> tuple[Floats, Floats]:
        """Parameters of the Beta distribution of each user's reliability over all classes, [users]."""
        right = self.agreed.sum(axis=1)
        return PRIOR[0] + right, PRIOR[1] + (self.seen.sum(axis=1) - right)

    @property
    def expected(self) -> Floats:
        """Reliability of each on each class before the own answers on it: the user's, and how hard it is for all."""
        a, b = self.beta
        crowd = (PRIOR[0] + self.agreed.sum(axis=0)) / (sum(PRIOR) + self.seen.sum(axis=0))
        whole = (PRIOR[0] + self.agreed.sum()) / (sum(PRIOR) + self.seen.sum())
        return np.asarray(sigmoid((logit(a / (a + b)))[:, None] + logit(crowd) - logit(whole)), dtype=np.float64)

    @property
    def reliability(self) -> Floats:
        """Posterior mean of each user's reliability on each class, [users, k]; of two classes it is one coin's."""
        a, b = self.beta
        if self.seen.shape[1] < _COINS:
            return np.repeat((a / (a + b))[:, None], self.seen.shape[1], axis=1)
        return np.asarray((SHRINK * self.expected + self.agreed) / (SHRINK + self.seen))


def estimate(answers: pd.DataFrame, outcomes: Mapping[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Estimate users' reliability and rows' classes together.

    Parameters
    ----------
    answers
        With a label each: 0 or 1, or a categorical of all classes.
    outcomes
        What has become known, by `row_id`: 0 or 1, or the name of a class.

    Returns
    -------
    users, labels, by_class
        As `trust.Trust` has them.

    Notes
    -----
    A user names class :math:`c` on a row of :math:`c` with probability :math:`r_{uc}`, and if not, class :math:`l` with
    :math:`q_{ul}`, the share of :math:`l` among the user's mistakes. The E step gives
    :math:`\\log q_i(c) = \\log\\pi_c + \\sum_u \\log p_u(l_{iu} \\mid c)`; no word speaks against what it says, so that
    :math:`p_u(l \\mid c) \\le p_u(l \\mid l)`. The M step takes posterior means over the rows that have a second
    witness: of :math:`r_u` over all classes with a :math:`\\mathrm{Beta}(2, 1)` prior, of :math:`r_{uc}` with a prior
    of `SHRINK` answers at :math:`r_u`, moved by how hard the class is for all. Of two classes, :math:`r_{uc} = r_u`
    and :math:`q_{ul} = 1`: the model of one coin a user.

    References
    ----------
    Dawid & Skene (1979), Maximum likelihood estimation of observer error-rates using the EM algorithm; with priors as
    in Raykar et al. (2010), Learning from crowds.
    """
    votes = _Votes.of(answers, outcomes)
    k = len(votes.names)
    anchor = np.zeros((len(votes.rows), k))
    has = votes.known >= 0
    anchor[has] = np.log((1 - OUTCOME) / (k - 1))
    anchor[has, votes.known[has]] = np.log(OUTCOME)
    share = np.full(k, 1 / k)
    users = _Users.of(votes, np.zeros((len(votes.who), k)))
    for _ in range(_ROUNDS):
        q = probabilities(np.log(share) + votes.summed(_likelihood(votes, users)) + anchor)
        before, users = users, _Users.of(votes, votes.counted(q))
        share = (1 + q.sum(axis=0)) / (k + len(votes.rows))
        if not len(votes.users) or np.abs(users.reliability - before.reliability).max() < _CLOSE:
            break
    by_class = _by_class(votes, users)
    table = _table(votes, users, set(by_class.loc[by_class["flips"], "user"]))
    believed = ~np.isin(votes.users, table.loc[table["verdict"] == MALICIOUS, "user"])[votes.who]
    witnesses = votes.summed(_likelihood(votes, users) * believed[:, None]) + anchor
    return table, _labels(votes, np.log(share) + witnesses, witnesses, believed), by_class


def _likelihood(votes: _Votes, users: _Users) -> Floats:
    """Return the log probability that a pair's user names its class, by which class is right, [pairs, k]."""
    k, pairs = len(votes.names), np.arange(len(votes.who))
    each = np.minimum(users.reliability, _SUREST)[votes.who]
    wrong = users.wrong[votes.who]
    mine, all_others = wrong[pairs, votes.said], wrong.sum(axis=1)[:, None] - wrong
    towards = (mine[:, None] + SHRINK / (k - 1)) / (all_others + SHRINK)
    own = each[pairs, votes.said]
    p = np.minimum((1 - each) * towards, own[:, None])
    p[pairs, votes.said] = own
    return np.asarray(np.log(p))


def _by_class(votes: _Votes, users: _Users) -> pd.DataFrame:
    """Return each user's reliability on each class; `flips`: certainly names one other class more often than it.

    The level is divided by the classes, of which each is a chance to be found guilty.
    """
    from scipy.stats import beta

    who, of = np.nonzero(users.seen >= 0.5)
    k, expected = len(votes.names), users.expected[who, of]
    agreed, seen, top = users.agreed[who, of], users.seen[who, of], users.top[who, of]
    a, b = SHRINK * expected + agreed, SHRINK * (1 - expected) + seen - agreed
    most = beta.ppf(1 - 0.025 / k, a, SHRINK * (1 - expected) + top)
    most_named = np.full(users.seen.shape, -1, dtype=np.int64)
    at, right = np.nonzero((users.other > 0) & (users.other >= users.top[votes.who]))
    most_named[votes.who[at], right] = votes.said[at]
    instead = np.where(top > agreed, most_named[who, of], -1)
    said = [votes.names[code] if code >= 0 else None for code in instead]
    table = pd.DataFrame(
        {
            "user": votes.users[who].astype(object),
            "class": [votes.names[code] for code in of],
            "checked": np.round(seen).astype("int64"),
            "reliability": a / (a + b),
            "low": beta.ppf(0.025, a, b),
            "high": beta.ppf(0.975, a, b),
            "instead": pd.Series(said, dtype=object),
            "flips": (most < 0.5) & (instead >= 0) & (k >= _COINS),
        }
    ).astype({"user": "str"})
    return table.sort_values(["reliability", "user", "class"], ignore_index=True)


def _table(votes: _Votes, users: _Users, flipping: set[str]) -> pd.DataFrame:
    """Return users by reliability; malicious is who certainly names another class, one for each, more often than it."""
    from scipy.stats import beta

    a, b = users.beta
    low, high = beta.ppf(0.025, a, b), beta.ppf(0.975, a, b)
    turned = beta.ppf(0.975, a, PRIOR[1] + users.top.sum(axis=1)) < 0.5
    malicious = turned | np.isin(votes.users, list(flipping))
    table = pd.DataFrame(
        {
            "user": votes.users.astype(object),
            "answers": np.bincount(votes.who[votes.pair], minlength=len(votes.users)).astype("int64"),
            "checked": np.round(a + b - sum(PRIOR)).astype("int64"),
            "agreed": users.agreed.sum(axis=1),
            "reliability": a / (a + b),
            "low": low,
            "high": high,
            "verdict": np.where(malicious, MALICIOUS, np.where(low > 0.5, TRUSTED, UNPROVEN)),
        }
    ).astype({"user": "str", "verdict": "str"})
    return table.sort_values(["reliability", "user"], ascending=[False, True], ignore_index=True)


def _labels(votes: _Votes, log_odds: Floats, witnesses: Floats, believed: NDArray[np.bool_]) -> pd.DataFrame:
    q, alone, k = probabilities(log_odds), probabilities(witnesses), len(votes.names)
    rows = np.arange(len(votes.rows))
    label = k - 1 - np.argmax(q[:, ::-1], axis=1) if len(rows) else np.zeros(0, dtype=np.int64)
    said = np.zeros((len(votes.who), k))
    said[np.arange(len(votes.who)), votes.said] = believed
    by_class = np.round(votes.summed(said)).astype("int64")
    count = by_class.sum(axis=1)
    has = votes.known >= 0
    contradicted = has & (by_class[rows, np.where(has, votes.known, 0)] < count)
    confidence = q[rows, label]
    names = np.array(votes.names, dtype=object)
    two = k < _COINS and votes.names == (0, 1)
    dtype = pd.CategoricalDtype(list(votes.names))
    return pd.DataFrame(
        {
            "row_id": votes.rows.astype(object),
            "label": label.astype("int8") if two else pd.Categorical(names[label], dtype=dtype),
            "confidence": confidence,
            "votes": count,
            "against": count - by_class[rows, label],
            "outcome": pd.array([pd.NA if code < 0 else int(code) for code in votes.known], dtype="Int8")
            if two
            else pd.Categorical.from_codes(votes.known, dtype=dtype),
            "conflict": ((by_class > 0).sum(axis=1) > 1) | contradicted,
            "accepted": (confidence >= ACCEPTED) & (alone[rows, label] >= WITNESSED - _CLOSE) & (count > 0),
        }
    ).astype({"row_id": "str"})
