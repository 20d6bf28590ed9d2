"""How well the features that were fitted on train cover the other splits."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from loopbook.data.features import UNKNOWN, Features, column


def coverage(features: Features, splits: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return what the features miss in each split.

    Parameters
    ----------
    features
        Fitted on train.
    splits
        Split tables by name.

    Returns
    -------
    DataFrame
        One row a split, shares in percent. For texts: `median tokens`, `cut` (texts longer than the sequence),
        `unknown` (tokens that train does not know). For tables: `missing` (values), `outside` (numbers
        below or above all of train), `unknown` (category values that train does not know; without any field, items).
    """
    train = splits["train"]
    rows = {name: {**_texts(features, frame), **_table(features, frame, train)} for name, frame in splits.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("split")


def _texts(features: Features, frame: pd.DataFrame) -> dict[str, float]:
    if not features.texts:
        return {}
    lengths = np.array([len(tokens) for tokens in features.token_lists(frame)])
    tokens = features.tokens(frame)
    return {
        "median tokens": float(np.median(lengths)),
        "cut": 100 * float((lengths > features.length).mean()),
        "unknown": 100 * float((tokens == UNKNOWN).sum() / max(1, (tokens > 0).sum())),
    }


def _table(features: Features, frame: pd.DataFrame, train: pd.DataFrame) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    if features.numbers:
        fields = [number.field for number in features.numbers]
        found["missing"] = [column(frame, field).isna().mean() for field in fields]
        pairs = [(column(frame, field), column(train, field)) for field in fields]
        found["outside"] = [((now < known.min()) | (now > known.max())).mean() for now, known in pairs]
    if features.categories:
        found["unknown category" if features.texts else "unknown"] = [
            (~column(frame, category.field).fillna("").astype(str).isin(category.levels)).mean()
            for category in features.categories
        ]
    if not (found or features.texts):
        found["unknown"] = [(~frame["item"].isin(train["item"])).mean()]  # of a ranking by what was taken alone
    return {name: 100 * float(np.mean(shares)) for name, shares in found.items()}
