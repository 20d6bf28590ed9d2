"""Independence of raters: what is given too fast does not count, and raters who err together count as one."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LEAST = 8
"""Rows that two users must both have answered before they can be called dependent."""

LEVEL = 0.01
"""Probability that any two independent users are called dependent, over all pairs."""

Mask = NDArray[np.bool_]


def hasty(answers: pd.DataFrame, most_an_hour: int) -> Mask:
    """Return which answers are beyond what one person can give in an hour.

    Those without a time of day are not judged. The first so many of an hour count: who leaves a program running has not
    spoilt what was done by hand.
    """
    when = answers["time"]
    timed = when[when.notna() & (when != when.dt.normalize())].sort_values(kind="stable")
    place = answers.loc[timed.index].groupby(["user", timed.dt.floor("h")]).cumcount()
    return np.asarray(place.reindex(answers.index, fill_value=0).to_numpy() >= most_an_hour)


def dependent(answers: pd.DataFrame, outcomes: Mapping[str, Any], malicious: Collection[str] = ()) -> dict[str, str]:
    """Return users who agree with each other beyond what they agree with all others, each with the name of the group.

    On the rows that two have both answered, how often they agree is compared (Fisher's exact test, one-sided,
    Bonferroni over pairs) with how often either agrees with the outcome, or else with a third user, on these rows. Two
    who are right agree with everybody; two who have arranged what to say agree with each other only.

    Parameters
    ----------
    answers
        With a class each.
    outcomes
        What has become known, by `row_id`.
    malicious
        Users who are not believed: nobody is held against them.

    Returns
    -------
    dict
        User to the first name of the group. Nobody is called malicious for it: of the group's votes on a row the first
        counts.

    References
    ----------
    Dong, Berti-Équille & Srivastava (2009), Integrating conflicting data: the role of source dependence: shared
    mistakes, not agreement, tell who copies.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.stats import fisher_exact

    users, who = np.unique(answers["user"].to_numpy(dtype=object).astype(str), return_inverse=True)
    rows, row = np.unique(answers["row_id"].to_numpy(dtype=object).astype(str), return_inverse=True)
    said = answers["label"].astype(str).to_numpy(dtype=object)
    beside = csr_matrix((np.ones(len(who)), (who, row)), shape=(len(users), len(rows)))
    common = (beside @ beside.T).tocoo()
    pairs = [(a, b) for a, b, n in zip(common.row, common.col, common.data, strict=True) if a < b and n >= LEAST]
    mine = [dict(zip(row[who == user], said[who == user], strict=True)) for user in range(len(users))]
    known = {at: str(outcomes[name]) for at, name in enumerate(rows) if name in outcomes}
    others: dict[int, list[tuple[int, str]]] = {}
    for at, user, word in zip(row, who, said, strict=True):
        others.setdefault(at, []).append((user, word))
    lying = np.flatnonzero(np.isin(users, list(malicious)))
    edges = []
    for a, b in pairs:
        both = mine[a].keys() & mine[b].keys()
        agreed = sum(mine[a][at] == mine[b][at] for at in both)
        third = [(at, known[at]) for at in both if at in known]
        third += [(at, word) for at in both - known.keys() for user, word in others[at] if user not in (a, b, *lying)]
        held = sum((mine[a][at] == word) + (mine[b][at] == word) for at, word in third)
        cells = [[agreed, len(both) - agreed], [held, 2 * len(third) - held]]
        if third and fisher_exact(cells, alternative="greater")[1] * len(pairs) < LEVEL:
            edges.append((a, b))
    if not edges:
        return {}
    first, second = np.array(edges).T
    graph = csr_matrix((np.ones(len(edges)), (first, second)), shape=(len(users),) * 2)
    _, group = connected_components(graph, directed=False)
    inside = np.unique(np.concatenate([first, second]))
    return {str(users[at]): str(users[np.flatnonzero(group == group[at])[0]]) for at in inside}


def repeated(answers: pd.DataFrame, groups: Mapping[str, str]) -> Mask:
    """Return which answers come after that of another member of the same group on the same row."""
    group = answers["user"].map(lambda user: groups.get(user, user))
    return answers.assign(group=group).sort_values("time").duplicated(["row_id", "group"]).sort_index().to_numpy()
