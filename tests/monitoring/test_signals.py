from loopbook.monitoring import signals


def test_a_table_without_rows_has_its_columns() -> None:
    table = signals.table([])
    assert tuple(table.columns) == signals.COLUMNS
    assert table["alarm"].dtype == bool
