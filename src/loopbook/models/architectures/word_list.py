"""Word list: count the words that are typical of each class, +1 for a word of *yes* and -1 for a word of *no*."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from loopbook.models.architecture import Count, architecture
from loopbook.models.linear import Floats, Linear, counted, logistic

if TYPE_CHECKING:
    import pandas as pd

    from loopbook.data.features import Features
    from loopbook.models.heads import Goal


@architecture(Linear, needs="text", types=("binary", "ranking"), also=False, monotone=True)
def word_list(features: "Features", train: "pd.DataFrame", goals: "Sequence[Goal]", *, words: Count = 200) -> Linear:
    """Return a linear model on the counts of the chosen words, all of one weight but for the sign.

    Parameters
    ----------
    words
        Length of the list: the words whose log-odds differ most surely between the classes.

    References
    ----------
    Monroe, Colaresi & Quinn (2008), Fightin' words, equations 15-22: log-odds with an informative Dirichlet prior,
    here the words' own frequencies with a total of one count a word.
    """
    label, weight = goals[0].target, goals[0].weight
    terms, counts = counted(features, train, 2, ngrams=1)
    yes = counts.T @ (weight * label) + 0.0
    no = counts.T @ (weight * (1 - label)) + 0.0
    known = yes + no > 0  # a word of rows alone that count nothing says nothing
    terms, counts, yes, no = np.array(terms)[known].tolist(), counts[:, known], yes[known], no[known]
    prior = len(terms) * (yes + no) / (yes + no).sum()

    def odds(count: Floats) -> Floats:
        total = count.sum() + prior.sum()
        return np.asarray(np.log((count + prior) / (total - count - prior)))

    z = (odds(yes) - odds(no)) / np.sqrt(1 / (yes + prior) + 1 / (no + prior))
    chosen = np.sort(np.argsort(-np.abs(z), kind="stable")[:words])
    signs = np.sign(z[chosen])
    slope, bias = logistic((counts[:, chosen] @ signs)[:, None], label, weight, 1e6)
    return Linear(bias, tuple(terms[term] for term in chosen), np.ones(len(chosen)), signs[:, None] * slope)
