"""A protected number is compared in a few round bands, codes one by one, and what is no number stays."""

from __future__ import annotations

import pandas as pd
import pytest

from loopbook.statistics import bands


@pytest.mark.parametrize(
    ("among", "values", "expected"),
    [
        (range(18, 81), ["17", "29", "39", "40", "?"], ["under 30", "under 30", "30 to 39", "40 to 49", "?"]),
        (range(1940, 2005), ["1939", "1972", "2004"], ["under 1950", "1970 to 1979", "2000 and over"]),
        ([number / 10 for number in range(100)], ["0.1", "4.3", "9.9"], ["under 2", "4 to under 6", "8 and over"]),
        ([1, 2, 3, 4], ["1", "4", "7"], ["1", "4", "7"]),
        (["m", "f", "x"], ["m", "q"], ["m", "q"]),
    ],
)
def test_bands(among: list[object], values: list[str], expected: list[str]) -> None:
    assert bands.groups(pd.Series(values, dtype=object), among).tolist() == expected
