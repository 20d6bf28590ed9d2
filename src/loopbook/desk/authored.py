"""Authored tables of the desk: CSV files that people write, read strictly."""

from pathlib import Path

import pandas as pd

from loopbook.data.files import CsvForm, read_csv
from loopbook.scenario.errors import DataError


def read(path: Path, *columns: str) -> pd.DataFrame:
    """Return the columns of an authored table, as text without surrounding spaces.

    Raises
    ------
    DataError
        If the file is not there, a column is missing, a line is broken or a value empty; the message names the line.
    """
    if not path.is_file():
        raise DataError(
            f"The support desk needs {path}, which is not there. Write it, or name another in its settings."
        )
    found = read_csv(path.read_bytes(), CsvForm(), path.name)
    missing = [name for name in columns if name not in found.columns]
    if missing:
        raise DataError(f"{path.name} has no column {missing[0]!r}; it has {', '.join(found.columns)}.")
    if found.broken:
        first = found.broken[0]
        raise DataError(f"{path.name}, line {first.line}: {first.detail}.")
    table = pd.DataFrame(found.rows, columns=found.columns, dtype="str")[list(columns)]
    table = table.apply(lambda column: column.str.strip())
    empty = (table == "").any(axis=1).to_numpy()
    if empty.any():
        raise DataError(f"{path.name}, line {found.lines[int(empty.argmax())]}: a value is empty.")
    return pd.DataFrame(table)
