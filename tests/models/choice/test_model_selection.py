"""Who may be chosen: everybody in a run; in a sweep not the champion of record, which is the line to beat."""

from __future__ import annotations

import pandas as pd
import pytest

from loopbook.models.choice import model_selection


@pytest.mark.parametrize(
    ("elects_record", "names", "champion", "baseline"),
    [
        (True, ["lstm, as approved", "cnn", "tfidf"], "lstm, as approved", "tfidf"),
        (False, ["lstm, as approved", "cnn", "tfidf"], "cnn", "tfidf"),
        (False, ["tfidf, as approved", "majority"], "majority", "majority"),
        (False, ["cnn, tuned", "cnn", "lstm, as approved"], "cnn, tuned", "cnn, tuned"),
    ],
)
def test_a_sweep_chooses_among_its_own_candidates(
    elects_record: bool, names: list[str], champion: str, baseline: str
) -> None:
    plain = [name.split(",")[0] in ("tfidf", "majority") for name in names]
    board = pd.DataFrame({"candidate": names, "family": ["plain" if is_plain else "network" for is_plain in plain]})
    assert model_selection.elect(board, elects_record) == (champion, baseline)
