import numpy as np
import pytest

from loopbook.statistics.daily_counts import Counts
from loopbook.statistics.intervals import Z
from loopbook.statistics.label_shift import correction

ONE_DAY = np.zeros(100_000, "int64")


def screened(sick: int, well: int, sensitivity: float, specificity: float) -> tuple[np.ndarray, np.ndarray]:
    """Return hard answers, [n, 2], and labels of a test that is as right as this."""
    label = np.repeat([0, 1], [well, sick])
    right = [np.arange(rows) < round(rows * share) for rows, share in ((well, specificity), (sick, sensitivity))]
    return np.eye(2)[np.where(np.concatenate(right), label, 1 - label)], label


def test_two_classes_are_corrected_as_by_rogan_and_gladen() -> None:
    answers, label = screened(200, 400, 0.9, 0.8)
    found = correction(answers, label, ONE_DAY[:600], 0.0)
    positive = np.repeat([0, 1], [620, 380])
    daily = Counts.of(positive, 2, ONE_DAY[:1000], 1, None).contrast(found.weights[1:])
    share, youden = (0.38 + 0.8 - 1) / 0.7, 0.9 + 0.8 - 1
    assert daily.value[0, 0] == pytest.approx(share)
    assert daily.unit[0] * daily.inverse[0, 0] == pytest.approx(0.38 * 0.62 / 999 / youden**2)
    # The rest of their variance: what is not known of sensitivity and specificity.
    error = (share**2 * 0.9 * 0.1 / 200 + (1 - share) ** 2 * 0.8 * 0.2 / 400) / youden**2
    assert [(1 - share) ** 2, share**2] @ found.error == pytest.approx(error)
    assert found.told.all()


def test_rows_of_one_day_tell_less_of_the_errors() -> None:
    answers, label = screened(200, 400, 0.9, 0.8)
    alone, alike = (correction(answers, label, np.arange(600) % 10, part) for part in (0.0, 0.05))
    # 20 rows of the second class a day for ten days: 1/200 becomes 1/200 + 0.05/10.
    assert alike.error[1] / alone.error[1] == pytest.approx(2)


CONFUSION = np.array([[0.8, 0.15, 0.1], [0.15, 0.7, 0.2], [0.05, 0.15, 0.7]])
"""P(answer | class), a column a class."""


def answered(rng: np.random.Generator, share: list[float], rows: int, soft: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return answers, [n, 3], and classes; soft ones are a mixture of the answer and what is usual for it."""
    label = rng.choice(3, rows, p=share)
    hard = np.eye(3)[(rng.random(rows)[:, None] > CONFUSION.T[label].cumsum(axis=1)).sum(axis=1)]
    return (0.7 * hard + 0.3 * hard @ CONFUSION if soft else hard), label


@pytest.mark.parametrize("soft", [False, True])
def test_three_classes_are_covered_by_the_interval_only_with_the_confusions_own_error(soft: bool) -> None:
    true, inside, without = [0.2, 0.2, 0.6], [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        answers, label = answered(rng, [0.5, 0.3, 0.2], 300, soft)
        found = correction(answers, label, ONE_DAY[:300], 0.0)
        now, _ = answered(rng, true, 1000, soft)
        rows = now @ found.weights.T
        share, variance = rows.mean(axis=0), rows.var(axis=0) / len(rows)
        own = share**2 @ found.error
        inside.append(np.abs(share - true) < Z * np.sqrt(variance + own))
        without.append(np.abs(share - true) < Z * np.sqrt(variance))
    assert 0.93 < np.mean(inside) < 0.98
    assert np.mean(without) < 0.8


def test_answers_that_tell_nothing_cannot_be_corrected() -> None:
    label = np.repeat([0, 1, 2], 50)
    assert not correction(np.full((150, 3), 1 / 3), label, ONE_DAY[:150], 0.0).told.any()
    assert not correction(np.eye(3)[label], np.zeros(150, "int64"), ONE_DAY[:150], 0.0).told.any()
    nearly = np.eye(3)[label] * 0.04 + 0.32
    assert not correction(nearly, label, ONE_DAY[:150], 0.0).told.any()


def test_two_hundred_classes_are_corrected() -> None:
    label = np.repeat(np.arange(200), 20)
    answers = 0.7 * np.eye(200)[label] + 0.3 / 200
    found = correction(answers, label, ONE_DAY[:4000], 0.01)
    assert found.told.all()
    assert (answers[:20] @ found.weights.T).mean(axis=0) == pytest.approx(np.eye(200)[0], abs=1e-9)


@pytest.mark.parametrize("absent", [0, 1, 2])
@pytest.mark.parametrize("soft", [False, True])
def test_without_a_labelled_row_of_one_class_the_others_are_corrected(absent: int, soft: bool) -> None:
    rng, share = np.random.default_rng(1), np.array([0.5, 0.3, 0.2])
    there = np.delete(np.arange(3), absent)
    before, now = (np.where(np.arange(3) == absent, 0, part) for part in (share, share[::-1]))
    answers, label = answered(rng, list(before / before.sum()), 20_000, soft)
    found = correction(answers, label, ONE_DAY[:20_000], 0.0)
    assert found.told.tolist() == [one != absent for one in range(3)]
    assert not found.weights[absent].any() and not found.weights[:, absent].any() and not found.error[absent].any()
    rows, _ = answered(rng, list(now / now.sum()), 20_000, soft)
    estimate = (rows @ found.weights.T).mean(axis=0)
    assert estimate[there] == pytest.approx((now / now.sum())[there], abs=0.03)
    alone = correction(answers[:, there], np.searchsorted(there, label), ONE_DAY[:20_000], 0.0)
    assert found.error[np.ix_(there, there)] == pytest.approx(alone.error)
