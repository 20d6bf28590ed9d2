"""Numbers by the fit of notebook 03: better than the mean, and what their intervals of 90% hold, segment by segment."""

from __future__ import annotations

import pytest
from tests.benchmarks import quantities

from loopbook.statistics import intervals


@pytest.mark.parametrize(
    ("name", "architecture", "splits"), [("diabetes", "table_ridge", 20), ("tickets", "tfidf", 10)]
)
def test_intervals_hold_what_they_promise_in_all_and_by_segment(name: str, architecture: str, splits: int) -> None:
    found, segments = quantities.measure(name, architecture, splits)
    assert intervals.student(found["gain"], quantities.DATA[name][1]).low > 0
    assert 0.88 <= found["coverage"].mean() <= 0.92
    assert segments["outside"].mean() <= 0.1, "5% by chance; a fifth where the spread is learned badly"
