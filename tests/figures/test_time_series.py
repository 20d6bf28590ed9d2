"""Control charts and small multiples: every line, band and mark is there, and texts from data are no markup."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from loopbook.figures import time_series

HOSTILE = "<script>alert(1)</script> $\\frac{ & \x00"
WORDS: dict[str, Any] = {
    "title": "Above its band on two days",
    "y": "share",
    "alt": "The share leaves its band on days 2 and 3.",
}
DAYS = pd.date_range("2026-01-01", periods=4, name="day")


def banded(name: str = "share", index: pd.Index | None = None) -> pd.DataFrame:
    values = {name: [0.5, 0.7, np.nan, 0.6], f"{name}, low": [0.4, 0.6, np.nan, 0.5]}
    values |= {f"{name}, high": [0.6, 0.8, np.nan, 0.7], "expected": [0.5] * 4, "lower": [0.4] * 4, "upper": [0.6] * 4}
    return pd.DataFrame(values, index=DAYS if index is None else index)


@pytest.mark.parametrize("index", [DAYS, pd.RangeIndex(4, name="day")], ids=["dates", "numbers"])
def test_a_chart_names_its_lines_its_band_and_the_days_that_are_marked(index: pd.Index) -> None:
    marks = {"alert 1": index[1], "alert 2": index[1], "alert 3": index[3]}
    svg = time_series.chart(banded(index=index), marks=marks, share=True, **WORDS).svg
    for text in ("as expected (95%)", "share", "alert 1, alert 2", "alert 3", "70%"):
        assert text in svg
    assert "share, low" not in svg
    plain = time_series.chart(pd.DataFrame({"posts": [1200.0, 0, 3, 4]}, index=index), **WORDS).svg
    assert "1,200" in plain
    assert "as expected" not in plain


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_small_multiples_show_each_part_once(parts: int) -> None:
    svg = time_series.multiples({f"airline “{at}”": banded() for at in range(parts)}, **WORDS).svg
    assert all(svg.count(f">airline “{at}”<") == 1 for at in range(parts))
    assert svg.count(">as expected (95%)<") == 1, "the legend names a line once"


def test_hostile_names_are_text_and_the_same_values_give_the_same_bytes() -> None:
    for _ in range(2):
        figures = [
            time_series.chart(banded(HOSTILE), marks={HOSTILE: DAYS[0]}, **WORDS),
            time_series.multiples({HOSTILE: banded(HOSTILE)}, **WORDS),
        ]
        for figure in figures:
            names = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(figure.svg).iter()}
            assert "script" not in names
    assert figures[0] == time_series.chart(banded(HOSTILE), marks={HOSTILE: DAYS[0]}, **WORDS)


def test_a_figure_without_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="Nothing to draw"):
        time_series.chart(banded()[:0], **WORDS)
