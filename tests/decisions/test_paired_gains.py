"""Paired comparisons: known answers, a second method, and symmetry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss, r2_score, roc_auc_score

from loopbook.decisions import paired_gains
from loopbook.models.answers import Answers
from loopbook.scenario.decisions import Costs
from loopbook.scenario.task import Binary, Multiclass, Number, OneOfMany, Quantity, YesNo

FIELDS = {"x": "number"}
TASK = Binary(fields=FIELDS, label=YesNo(column="y", positive=("y",)))
SORTING = Multiclass(type="multiclass", fields=FIELDS, label=OneOfMany(column="y"))
MINUTES = Number(type="number", fields=FIELDS, label=Quantity(column="y", limits=(30,)), actions=("queue", "hurry"))
PRICES = Costs(false_positive=2, false_negative=6)  # act from 0.25


def test_gains_agree_with_a_second_method() -> None:
    random = np.random.default_rng(3)
    label = (random.random(400) < 0.4).astype(int)
    old, new = (
        np.clip(0.4 + strength * (label - 0.5) + random.normal(0, 0.2, 400), 0.01, 0.99) for strength in (0.2, 0.4)
    )
    rows = pd.DataFrame({"label": label, "group": np.arange(400) // 2})
    found = paired_gains.gains(rows, old, new, TASK, PRICES, resamples=300)
    auc, loss, cost = found["ROC AUC"], found["log loss"], found[paired_gains.COST]
    assert auc.champion == pytest.approx(roc_auc_score(label, old))
    assert auc.gain == pytest.approx(roc_auc_score(label, new) - roc_auc_score(label, old))
    assert loss.gain == pytest.approx(log_loss(label, old) - log_loss(label, new))
    spent = [np.where(label == 1, 6.0 * (p < 0.25), 2.0 * (p >= 0.25)).mean() for p in (old, new)]
    assert (cost.champion, cost.challenger) == pytest.approx(spent)
    assert cost.gain == pytest.approx(spent[0] - spent[1])
    for one in found.values():
        assert one.low < one.gain < one.high


def test_no_rows_give_no_figures() -> None:
    rows = pd.DataFrame({"label": pd.Series([], dtype="int8"), "group": pd.Series([], dtype="str")})
    assert np.isnan(paired_gains.gains(rows, np.zeros(0), np.zeros(0), TASK, PRICES)["ROC AUC"].gain)
    assert np.isnan(paired_gains.permutation([], [], []))


def test_equal_models_are_not_told_apart() -> None:
    label = np.arange(60) % 2
    score = np.linspace(0, 1, 60)
    assert paired_gains.permutation(label, score, score**3, draws=99) == 1.0  # same ranks on another scale


def test_the_test_rejects_what_is_different_and_keeps_its_level() -> None:
    random = np.random.default_rng(5)
    label = (random.random(300) < 0.5).astype(int)
    good, bad = label + random.normal(0, 1, 300), label + random.normal(0, 6, 300)
    assert paired_gains.permutation(label, good, bad, draws=199) == pytest.approx(1 / 200)
    rejected = 0
    for _ in range(60):
        y = (random.random(80) < 0.5).astype(int)
        both = [y + random.normal(0, 1, 80) for _ in range(2)]
        rejected += paired_gains.permutation(y, *both, draws=99) <= 0.1
    assert rejected <= 12  # six are expected; more than twelve come once in two hundred times


def test_all_of_one_class_says_nothing() -> None:
    assert np.isnan(paired_gains.permutation([1, 1], [0.1, 0.2], [0.2, 0.1]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1), st.floats(0, 1)), min_size=4, max_size=20))
def test_swapping_the_models_does_not_change_the_p_value(rows: list[tuple[int, float, float]]) -> None:
    label, a, b = (list(column) for column in zip(*rows, strict=True))
    one, other = (paired_gains.permutation(label, *both, draws=50) for both in ((a, b), (b, a)))
    assert one == other or (np.isnan(one) and np.isnan(other))


def sorting(seed: int, strength: float, label: np.ndarray) -> np.ndarray:
    """Return probabilities of three classes that see the label through noise."""
    seen = np.random.default_rng(seed).normal(0, 1, (len(label), 3)) + strength * np.eye(3)[label]
    return np.asarray(np.exp(seen) / np.exp(seen).sum(axis=1, keepdims=True))


def test_of_several_classes_gains_agree_with_a_second_method() -> None:
    label = np.random.default_rng(3).choice(3, 400, p=[0.5, 0.3, 0.2])
    old, new = sorting(1, 1.0, label), sorting(2, 2.0, label)
    rows = pd.DataFrame(
        {"label": pd.Categorical.from_codes(label, categories=["a", "b", "c"]), "group": np.arange(400)}
    )
    cost = {"a": {"a": 0, "b": 1, "c": 9}, "b": {"a": 2, "b": 0, "c": 9}, "c": {"a": 3, "b": 3, "c": 0}}
    found = paired_gains.gains(rows, old, new, SORTING, Costs(matrix=cost), resamples=300)
    f1 = [f1_score(label, p.argmax(axis=1), average="macro") for p in (old, new)]
    assert (found["macro F1"].champion, found["macro F1"].challenger) == pytest.approx(f1)
    assert found["log loss"].gain == pytest.approx(log_loss(label, old) - log_loss(label, new))
    table = np.array([[0, 1, 9], [2, 0, 9], [3, 3, 0]])
    spent = [table[(p @ table.T).argmin(axis=1), label].mean() for p in (old, new)]
    assert (found[paired_gains.COST].champion, found[paired_gains.COST].challenger) == pytest.approx(spent)
    assert all(one.low < one.gain < one.high for one in found.values())


@pytest.mark.parametrize(
    "costs", [Costs(false_positive=1, false_negative=4), Costs(function={"queue": "value", "hurry": "60 - value"})]
)
def test_of_numbers_gains_agree_with_a_second_method(costs: Costs) -> None:
    random = np.random.default_rng(4)
    truth = random.normal(30, 10, 300)
    levels = np.linspace(-2, 2, 99)
    old, new = (truth[:, None] + random.normal(0, noise, (300, 1)) + noise * levels for noise in (6.0, 2.0))
    rows = pd.DataFrame({"label": truth, "group": np.arange(300)})
    found = paired_gains.gains(rows, old, new, MINUTES, costs, resamples=300)
    assert found["R²"].challenger == pytest.approx(r2_score(truth, new.mean(axis=1)))
    assert set(found) == {"R²", "pinball loss", paired_gains.COST}
    assert all(one.low > 0 for one in found.values())
    if costs.function:
        queue = new.mean(axis=1) <= 60 - new.mean(axis=1)
        spent = np.where(queue, truth, 60 - truth).mean()
    else:
        hurry = (new > 30).mean(axis=1) >= 0.2
        spent = np.where(truth > 30, np.where(hurry, 0, 4), np.where(hurry, 1, 0)).mean()
    assert found[paired_gains.COST].challenger == pytest.approx(spent)


@pytest.mark.parametrize("metric", ["macro_f1", "r2"])
def test_the_permutation_of_any_metric_rejects_what_is_different_and_keeps_its_level(metric: str) -> None:
    random, found = np.random.default_rng(6), []
    for _ in range(40):
        if metric == "r2":
            label = random.normal(0, 1, 60)
            equal = [label + random.normal(0, 1, 60) for _ in range(2)]
            better = [label + random.normal(0, 0.3, 60), equal[0]]
        else:
            label = random.integers(0, 3, 60)
            equal = [sorting(int(random.integers(1e9)), 1.0, label) for _ in range(2)]
            better = [sorting(int(random.integers(1e9)), 4.0, label), equal[0]]
        found.append([paired_gains.permutation(label, *pair, draws=99, metric=metric) for pair in (equal, better)])
    level, power = (np.mean([p[at] <= 0.1 for p in found]) for at in (0, 1))
    assert level <= 0.225  # nine of forty: more come once in a hundred times
    assert power > 0.9


class Fixed:
    """A model that knows its own list of classes."""

    learned, features = np.zeros(0, np.uint64), None

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes

    def answer(self, frame: pd.DataFrame, *more: object) -> Answers:
        return Answers(np.tile(np.arange(1, len(self.classes) + 1) / 10, (len(frame), 1)), self.classes)


def test_models_with_different_lists_of_classes_are_aligned_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired_gains.seen_rows, "answer", lambda model, rows, **_: model.answer(rows))
    rows = pd.DataFrame({"label": pd.Categorical(["b"], categories=["a", "b", "c"])})
    assert paired_gains.judged(Fixed(("c", "a")), rows, SORTING)[0].tolist() == [0.2, 0.0, 0.1]
    assert paired_gains.judged(Fixed(("a", "b", "c")), rows, SORTING)[0].tolist() == [0.1, 0.2, 0.3]
