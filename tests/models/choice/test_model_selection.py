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


@pytest.mark.parametrize("record", [(), ("lstm, as approved",)])
def test_what_validation_says_of_the_champion_is_recorded_and_the_champion_of_record_stands_beside(
    record: tuple[str, ...],
) -> None:
    names = [*record, "cnn", "tfidf"]
    area = [0.9, 0.8, 0.7][3 - len(names) :]
    ends = {
        f"roc_auc{end}": [value + shift for value in area] for end, shift in (("", 0), ("_low", -0.1), ("_high", 0.1))
    }
    found = model_selection.chosen_by(pd.DataFrame({"candidate": names, **ends}), "cnn", "binary")
    wanted = {"validation_roc_auc": 0.8, "validation_roc_auc_low": 0.7, "validation_roc_auc_high": 0.9}
    beside = {f"record_{name}": value + 0.1 for name, value in wanted.items()} if record else {}
    assert found == pytest.approx(wanted | beside)


@pytest.mark.parametrize(
    ("champion", "said"),
    [
        (
            "cnn",
            "The champion is cnn: ROC AUC 0.900, against 0.800 for tfidf; the difference is 0.100 (0.050 to 0.150).",
        ),
        ("tfidf", "The champion is tfidf: ROC AUC 0.800. It is the plain baseline itself."),
    ],
)
def test_a_champion_is_not_compared_with_itself(champion: str, said: str) -> None:
    board = pd.DataFrame({"candidate": ["cnn", "tfidf"], "family": ["network", "plain"], "roc_auc": [0.9, 0.8]})
    gain = pd.Series({"value": 0.1, "low": 0.05, "high": 0.15})
    assert model_selection.sentence(board, champion, "tfidf", gain, None, "binary") == said
    alone = model_selection.sentence(board, "cnn", "cnn", gain, None, "binary")
    assert alone.endswith("There is no plain baseline beside it.")
