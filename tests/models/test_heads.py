"""A head for each type of task: what is minimised, what scores say, what a class or label that is missing does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.conftest import LOSSES, classes_task, number_task

from loopbook.models import heads
from loopbook.models.class_heads import Binary, Multiclass, Ordinal
from loopbook.models.head import Head
from loopbook.models.heads import Goal
from loopbook.models.number_head import Number
from loopbook.models.training import gradient_check
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Binary as BinaryTask
from loopbook.scenario.task import OneOfMany, Task, YesNo
from loopbook.scenario.task import Ordinal as OrdinalTask
from loopbook.statistics import metrics, scores

ORDER = OrdinalTask(type="ordinal", fields={"x": "number"}, label=OneOfMany(column="y"))
YES = BinaryTask(fields={"x": "number"}, label=YesNo(column="y", positive=(1,)))


def head_of(label: pd.Series, task: Task) -> Head:
    return heads.KINDS[task.type].of(label, np.ones(len(label)), task)


def labels(kind: str, rows: int = 60, seed: int = 0) -> tuple[pd.Series, Task]:
    random = np.random.default_rng(seed)
    if kind == "binary":
        return pd.Series(random.integers(0, 2, rows).astype(np.int8)), YES
    if kind in ("multiclass", "ordinal"):
        drawn = pd.Series(pd.Categorical(random.choice(["a", "b", "c"], rows), ["a", "never", "b", "c"]))
        return drawn, classes_task() if kind == "multiclass" else ORDER
    return pd.Series(random.normal(40, 9, rows)), number_task(kind)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "ordinal", *LOSSES])
def test_loss_of_tensorflow_is_the_risk_and_its_slope_is_the_formula(kind: str) -> None:
    label, task = labels(kind)
    head, random = head_of(label, task), np.random.default_rng(1)
    target, z = head.target(label), random.normal(0, 1.5, (len(label), head.width))
    table = gradient_check.check(head, target, z, random.random(len(label)))
    assert table["difference"].abs().max() < 1e-12 and table["formula"].abs().max() > 0.01
    assert len(table) == z.size

    import tensorflow as tf  # the check has prepared it

    assert head.loss(tf.constant(target), tf.constant(z), tf).numpy() == pytest.approx(head.risk(target, z), abs=1e-12)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "ordinal", *LOSSES])
def test_a_head_gives_one_probability_a_class_and_is_the_same_once_loaded(kind: str) -> None:
    label, task = labels(kind)
    head, z = head_of(label, task), np.random.default_rng(2).normal(0, 3, (60, 2 if kind in LOSSES else 3))
    z = z[:, : head.width]
    head = head.calibrated(head.target(label), z)
    said = head.probabilities(z)
    assert said.shape == (60, len(head.classes)) and said.dtype == np.float64
    assert said.sum(axis=1) == pytest.approx(np.ones(60)) and (said >= 0).all()
    (again,) = heads.load(heads.dump([head]))
    assert again == head and again.probabilities(z).tolist() == said.tolist()


def test_a_class_that_train_does_not_know_is_improbable_and_teaches_nothing() -> None:
    label, task = labels("multiclass")
    head = head_of(label, task)
    assert isinstance(head, Multiclass)
    assert head.classes == ("a", "never", "b", "c") and head.width == 3
    assert head.probabilities(np.zeros((2, 3)))[:, 1] == pytest.approx([1 / 64] * 2)
    later = pd.Series(pd.Categorical(["never", "c", None], head.classes))
    assert np.isnan(head.target(later)).tolist() == [True, False, True] and head.target(later)[1] == 2


@given(st.integers(2, 200), st.integers(0, 99))
def test_the_offset_of_weights_gives_the_shares_of_the_data_back(classes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    names = [f"<b>{at}</b>" for at in range(classes)]
    codes = np.concatenate([np.arange(classes), random.integers(0, classes, 300)])
    label = pd.Series(pd.Categorical.from_codes(codes, names))
    head = head_of(label, classes_task())
    target = head.target(label)
    goal = Goal(head, target, random.uniform(0.1, 1, len(label)))
    goal = goal.balanced(head.balanced(target, goal.weight))
    sums = np.bincount(codes, goal.weight)
    assert sums == pytest.approx(np.full(classes, sums.mean()))
    moved = head.weighted(target, goal.weight)
    # A model that has learned the weighted shares says the plain ones.
    said = moved.probabilities(np.log(sums / sums.sum())[None])
    assert said[0] == pytest.approx(np.bincount(codes) / len(codes))


def test_in_an_order_a_far_answer_is_a_larger_mistake_than_a_near_one() -> None:
    near, far, low = np.array([[0.0, 5.0, 0.0]]), np.array([[0.0, 0.0, 5.0]]), np.zeros(1)
    plain, ordered = (kind(classes=("low", "mid", "high"), seen=(0, 1, 2), rows=3) for kind in (Multiclass, Ordinal))
    assert plain.risk(low, near) == pytest.approx(plain.risk(low, far))
    assert ordered.risk(low, near) < ordered.risk(low, far) - 0.5


def test_a_two_class_head_is_the_softmax_of_zero_and_its_logit() -> None:
    label, _ = labels("binary")
    two = head_of(label, YES)
    assert isinstance(two, Binary)
    many = Multiclass(classes=("no", "yes"), seen=(0, 1), rows=60)
    z = np.random.default_rng(4).normal(0, 3, 60)
    both = np.column_stack([np.zeros(60), z])
    assert two.risk(two.target(label), z[:, None]) == pytest.approx(many.risk(two.target(label), both))
    assert two.probabilities(z[:, None]) == pytest.approx(many.probabilities(both))


@pytest.mark.parametrize("seed", range(3))
def test_intervals_of_a_number_hold_what_they_promise_and_are_wide_where_errors_are(seed: int) -> None:
    random = np.random.default_rng(seed)
    spread = random.uniform(0.5, 4, 4_000)
    middle = random.normal(40, 9, 4_000)
    label = pd.Series(middle + spread * random.standard_t(4, 4_000))
    head = head_of(label, number_task("squared"))
    assert isinstance(head, Number)
    z = np.column_stack([(middle - head.mean) / head.spread, np.log(spread)])
    held, new = np.arange(4_000) < 2_000, np.arange(4_000) >= 2_000
    fitted = head.calibrated(head.target(label)[held], z[held])
    quantiles = fitted.distribution(z[new])
    inside = (quantiles[:, 4] <= label[new]) & (label[new] <= quantiles[:, 94])
    assert inside.mean() == pytest.approx(0.9, abs=0.02)
    assert inside[spread[new] > 3].mean() == pytest.approx(0.9, abs=0.04)
    assert inside[spread[new] < 1].mean() == pytest.approx(0.9, abs=0.06)
    above = fitted.probabilities(z[new])[:, -1]
    edge = number_task("squared").label.limits[-1]
    assert above.mean() == pytest.approx((label[new] > edge).mean(), abs=0.02)


def test_rows_without_a_further_label_change_nothing_of_its_risk() -> None:
    label, task = labels("multiclass")
    head = head_of(label, task)
    z = np.random.default_rng(5).normal(size=(60, 3))
    known = label.where(np.arange(60) % 3 == 0)
    frame = pd.DataFrame({"label": known})
    goal = Goal.on(head, frame, np.ones(60))
    some = Goal.on(head, frame[::3].reset_index(drop=True), np.ones(20))
    assert goal.risk(z) == pytest.approx(some.risk(z[::3]))
    assert Goal.on(head, frame.assign(label=label.where(label == "none")), np.ones(60)).risk(z) == 0


@pytest.mark.parametrize(
    ("label", "task", "message"),
    [
        (pd.Series([3.0, 3.0]), number_task("squared"), "All 2 rows .* have the label 3: there is nothing"),
        (pd.Series(pd.Categorical(["a", "a"], ["a", "b"])), classes_task(), "All 2 rows .* have the label 'a'"),
        (pd.Series(pd.Categorical([None, None], ["a", "b"])), classes_task(), "All 2 rows .* lack the label"),
    ],
)
def test_what_has_nothing_to_tell_apart_is_refused(label: pd.Series, task: Task, message: str) -> None:
    with pytest.raises(DataError, match=message):
        head_of(label, task)


def test_a_number_has_no_weights_of_classes() -> None:
    label, task = labels("squared")
    with pytest.raises(DataError, match="class_weights weighs classes, and a number has none"):
        head_of(label, task).balanced(np.zeros(60), np.ones(60))


def judged(kind: str, rows: int, classes: int = 3) -> tuple[Head, np.ndarray, np.ndarray]:
    """Return a head, targets, and scores that are four times too large; rows in threes are a group."""
    random = np.random.default_rng(5)
    if kind in LOSSES:
        z = np.column_stack([random.normal(0, 1, rows), np.zeros(rows)])
        head = head_of(pd.Series(random.normal(40, 9, rows)), number_task(kind))
        return head, z[:, 0] + random.normal(0, 0.5, rows), z
    z = random.normal(0, 1.5, (rows, classes)) - np.linspace(0, 3, classes)
    codes = (scores.probabilities(z).cumsum(axis=1) < random.random((rows, 1))).sum(axis=1)
    if kind == "binary":
        head = head_of(pd.Series(codes), YES)
        return head, codes.astype(float), 4 * (z[:, [1]] - z[:, [0]])
    label = pd.Series(pd.Categorical.from_codes(codes, [f"c{at}" for at in range(classes)]))
    head = head_of(label, classes_task())
    assert isinstance(head, Multiclass)
    return head, head.target(label), 4 * z[:, list(head.seen)]


@pytest.mark.parametrize("kind", ["binary", "multiclass", "ordinal", *LOSSES])
def test_a_row_has_no_say_in_its_own_calibration(kind: str) -> None:
    head, target, z = judged(kind, 120, 2 if kind == "binary" else 3)
    groups = np.arange(120) // 3
    before = head.cross_fitted(target, z, groups)
    changed = target.copy()
    changed[:3] = 1 - changed[:3] if kind == "binary" else (changed[:3] + 1) % 3
    after = head.cross_fitted(changed, z, groups)
    assert before[:3] == pytest.approx(after[:3])
    assert not np.allclose(before, after)


@pytest.mark.parametrize(("kind", "classes"), [("binary", 2), ("multiclass", 3), ("multiclass", 200)])
def test_calibration_makes_the_loss_smaller_with_rare_and_absent_classes_too(kind: str, classes: int) -> None:
    head, target, z = judged(kind, 900, classes)
    groups = np.arange(900) // 3
    codes = np.array(getattr(head, "seen", (0, 1)))[target.astype(int)]
    if classes == 200:
        assert np.bincount(codes).min() == 0
    for name in ("log_loss", "ece"):
        said = [metrics.score(name, codes, each) for each in (head.judged(z), head.cross_fitted(target, z, groups))]
        assert said[1] < said[0]


def test_a_single_group_is_not_calibrated_on_itself() -> None:
    head, target, z = judged("binary", 30, 2)
    assert head.cross_fitted(target, z, np.zeros(30)) == pytest.approx(head.judged(z))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_spread_of_a_number_with_monotone_fields_does_not_rise_with_what_is_predicted(seed: int) -> None:
    random = np.random.default_rng(seed)
    z = np.column_stack([random.normal(size=400), np.zeros(400)])
    target = z[:, 0] + random.normal(size=400) * np.exp(z[:, 0] / 2)
    plain = {"classes": ("low", "high"), "objective": "squared", "limits": (0.0,), "mean": 0.0, "spread": 1.0}
    free, bound = (Number(**plain, monotone=monotone).calibrated(target, z) for monotone in (False, True))
    assert free.scaling[0] > 0.2, "errors grow with the prediction"
    assert bound.scaling[0] == 0
