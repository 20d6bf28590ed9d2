from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from loopbook.models.studies import label_errors, learning_curve
from loopbook.models.studies.refitting import Refitting


def refitting(label: pd.Series) -> Refitting:
    rows = pd.DataFrame({"row_id": [f"r{at}" for at in range(len(label))], "label": label})
    return Refitting(None, rows, rows, rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "label",
    [
        pd.Series(np.arange(200) % 2, dtype="int8"),
        pd.Series(pd.Categorical(np.array(["a", "<b>", "=1"])[np.arange(200) % 3], ["a", "<b>", "=1", "never"])),
        pd.Series(np.arange(200) % 7, dtype="float64"),
    ],
    ids=["binary", "classes", "number"],
)
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_planted_errors_are_other_labels_that_occur(label: pd.Series, share: float) -> None:
    given = refitting(label)
    spoilt, wrong = label_errors.planted(given, share, 1)
    after = spoilt.train["label"]
    assert wrong.sum() == round(share * 200)
    assert after.dtype == label.dtype
    assert ((after.astype(str) != label.astype(str)).to_numpy() == wrong).all()
    assert set(after.astype(str)) <= set(label.astype(str))
    assert given.train["label"].equals(label), "the study leaves what it was given"
    assert label_errors.planted(given, share, 1)[0].train["label"].equals(after)


@pytest.mark.parametrize(
    ("suspected", "wrong", "precision", "recall"),
    [([1, 1, 0, 0], [1, 0, 0, 0], 0.5, 1.0), ([0, 0, 0, 0], [1, 0, 0, 1], np.nan, 0.0), ([1] * 4, [1] * 4, 1.0, 1.0)],
)
def test_what_was_found_is_counted(suspected: list, wrong: list, precision: float, recall: float) -> None:
    found = label_errors.found(np.array(suspected, bool), np.array(wrong, bool))
    assert found["value"].tolist() == pytest.approx([precision, recall], nan_ok=True), "of none suspected none is right"
    known = found.dropna()
    assert (known["low"] <= known["value"]).all() and (known["value"] <= known["high"]).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_groups_follow_whole_in_a_sample(seed: int) -> None:
    groups = pd.Series([f"g{at // 4}" for at in range(40)])
    order = learning_curve.sampled(groups, seed)
    assert sorted(order) == list(range(40))
    drawn = groups.iloc[order].tolist()
    assert all(len(set(drawn[at : at + 4])) == 1 for at in range(0, 40, 4))
