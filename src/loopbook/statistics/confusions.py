"""Confusions: which classes are taken for which, read off a table of counts however many classes there are."""

import numpy as np
import pandas as pd

MOST = 12
"""Pairs that are shown."""


def worst(counts: pd.DataFrame, most: int = MOST) -> pd.DataFrame:
    """Return the cells of a table of counts, but those of a class and itself, that hold most rows.

    Parameters
    ----------
    counts
        What is true down the side, what is said across, such as a confusion matrix.
    most
        At most so many cells.

    Returns
    -------
    DataFrame
        The names of the side and of the top, under the axes' names (``is``, ``model says``), ``rows``, and ``share`` of
        the rows of the side; most rows first, of equally many the larger share. Cells without rows are left out.
    """
    table = counts.to_numpy()
    side, top = np.nonzero(table * (counts.index.to_numpy()[:, None] != counts.columns.to_numpy()))
    rows = table[side, top]
    share = rows / table.sum(axis=1)[side]
    first = np.lexsort((top, side, -share, -rows))[:most]
    names = {counts.index.name or "is": counts.index[side], counts.columns.name or "model says": counts.columns[top]}
    return pd.DataFrame({**names, "rows": rows, "share": share}).iloc[first].reset_index(drop=True)
