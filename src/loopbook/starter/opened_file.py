"""A file that a user brings: as what it is written, where it will lie, and what its columns hold."""

from dataclasses import dataclass
from pathlib import Path

from loopbook.data import files, raw_copies
from loopbook.starter import conversion, form, placing
from loopbook.starter.column import Column, describe
from loopbook.store.project import Project

_LOOKED_AT = 50_000  # rows described


@dataclass(frozen=True)
class Opened:
    """A file that was read.

    Attributes
    ----------
    path
        What the scenario says as path.
    copied
        Where `content` must be copied to; None: it stays where it is.
    content
        As csv.
    columns
        Of up to 50,000 rows, evenly from the whole file.
    table
        All rows.
    """

    path: str
    copied: Path | None
    content: bytes
    form: form.Form
    columns: dict[str, Column]
    table: files.Table

    @property
    def rows(self) -> int:
        """Rows of the file."""
        return len(self.table.rows)

    @property
    def missing(self) -> dict[str, tuple[str, ...]]:
        """What `CsvSource.missing` must say."""
        return {name: found.missing_as for name, found in self.columns.items() if found.missing_as is not None}

    @property
    def units(self) -> dict[str, str]:
        """What `CsvSource.units` must say."""
        return {name: found.unit for name, found in self.columns.items() if found.unit}


def read(project: Project, name: str, file: Path) -> Opened:
    """Return a csv, JSON or Parquet file; a copy, if it needs one, is called `name`.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    raw = placing.read(file)
    table = conversion.as_csv(raw, file.name)
    if table is None:
        path, copied = placing.place(project, name, file)
    else:
        copied = (project.raw / raw_copies.FILES / f"{name}.csv").resolve()
        root = project.root.resolve()
        path = (copied.relative_to(root) if copied.is_relative_to(root) else copied).as_posix()
    content = raw if table is None else table
    written, _ = form.read(content, file.name)
    marks = files.CsvForm(written.delimiter, written.encoding, (), written.quoting, written.escapes)
    found = files.read_csv(content, marks, file.name)
    looked = found.rows[:: max(1, len(found.rows) // _LOOKED_AT)]
    values = zip(found.columns, zip(*looked, strict=True), strict=True)
    columns = {column: describe(column, list(cells), written) for column, cells in values}
    return Opened(path, copied, content, written, columns, found)
