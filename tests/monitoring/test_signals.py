import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from loopbook.monitoring import signals


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_adjusted_p_values_are_those_of_benjamini_and_hochberg(p: list[float]) -> None:
    np.testing.assert_allclose(signals.adjusted(p), false_discovery_control(p), atol=1e-12)


def test_a_table_without_rows_has_its_columns() -> None:
    table = signals.table([])
    assert tuple(table.columns) == signals.COLUMNS
    assert table["alarm"].dtype == bool
