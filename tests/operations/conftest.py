"""A night with everything in it, texts from data that would do harm included."""

from __future__ import annotations

import pytest
from tests.comparison.conftest import kept, ran

from loopbook.operations.night_summary import Entry, Failure, Number, Summary, line

__all__ = ["kept", "ran"]
HOSTILE = "bad\r\nBcc: all@example.org\r\n\r\n<script>\x1b[31m\u202eevil\ud800 ann@example.org"


@pytest.fixture
def night() -> Summary:
    """Return a summary of three runs: one good, one that missed a criterion, one that failed."""
    error = Failure("03_training[lstm]", "plot", line(HOSTILE), line(HOSTILE))
    entries = (
        Entry("one", "good", 61.2, run="20261124-031200", new=False, report="/r/one/index.html", simulated=True),
        Entry(
            "two", "missed", 5, run="20261124-031300", before="20261123-031300",
            missed=("The sum is large: total is 3, wanted >= 10",), changes=(line(HOSTILE),),
            numbers=(Number("02_data", "total", 3.0, 12.0), Number("04", "test_roc_auc", None, 0.5)),
        ),
        Entry("three", "failed", 7, run="20261124-031400", before="20261123-031400", errors=(error,)),
    )  # fmt: skip
    return Summary("nightly-1", "2026-11-24T03:12:00+00:00", "smoke", 80.0, entries)
