"""Conversion: JSON, JSON lines and Parquet, packed or not, as the csv file that `make new` goes on with."""

import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import pandas as pd

from loopbook.scenario.errors import DataError

_RECORDS = 'Write a list of records, such as [{"text": "…", "label": 1}], or a record a line.'


def as_csv(content: bytes, name: str) -> bytes | None:
    """Return a table as the bytes of a csv file; None: it is one, as it stands.

    A gzip archive, and a zip archive of one file, are unpacked; JSON and Parquet become csv in UTF-8.

    A record inside a record becomes columns such as `user.city`; a list stays as JSON text. Whole numbers stay whole,
    whatever is missing beside them.

    Raises
    ------
    DataError
        For a file of these kinds that is damaged, or whose JSON holds no table.
    """
    unpacked = _unpacked(content, name)
    if unpacked is not None:
        table = as_csv(unpacked, name)
        return unpacked if table is None else table
    if content.startswith(b"PAR1"):
        frame = _parquet(content, name)
    elif content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        frame = _json(content, name)
    else:
        return None
    return frame.to_csv(index=False).encode("utf-8", "replace")


def _unpacked(content: bytes, name: str) -> bytes | None:
    try:
        if content.startswith(b"\x1f\x8b"):
            return gzip.decompress(content)
        if content.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                files = [entry for entry in archive.infolist() if not entry.is_dir()]
                return archive.read(files[0]) if len(files) == 1 else None
    except (OSError, EOFError, RuntimeError, NotImplementedError, zlib.error, zipfile.BadZipFile) as error:
        raise DataError(f"{name} cannot be unpacked: {error}. Unpack it, and name the file in it.") from error
    return None


def _parquet(content: bytes, name: str) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name} is not a readable parquet file: {str(error).splitlines()[0]}") from error
    # What pandas counted its rows by; an index of times has such a name too.
    counted = [field.name for field in table.schema if field.name.startswith("__index_level_")]
    table = table.drop_columns([name for name in counted if pa.types.is_integer(table.schema.field(name).type)])
    if any(pa.types.is_nested(column.type) for column in table.schema):
        return _table(table.to_pylist())
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, types_mapper=pd.ArrowDtype)
    return frame


def _json(content: bytes, name: str) -> pd.DataFrame:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name} looks like JSON and is not UTF-8 ({error.reason}). Save it as UTF-8.") from error
    try:
        records = _records(json.loads(text))
    except (ValueError, RecursionError):
        records = _lines(text, name)
    if not records:
        raise DataError(f"{name} holds JSON, but no table. {_RECORDS}")
    return _table(records)


def _records(value: Any) -> list[dict[str, Any]]:
    """Return the records of a JSON value: a list of them, the only such list in an object, or columns of one length."""
    if isinstance(value, list):
        return value if all(isinstance(record, dict) for record in value) else []
    if not isinstance(value, dict):
        return []
    if len(lists := list(_lists(value))) == 1:
        return lists[0]
    columns = {name: list(part.values()) if isinstance(part, dict) else part for name, part in value.items()}
    if not all(isinstance(part, list) for part in columns.values()) or len(set(map(len, columns.values()))) != 1:
        return []
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _lists(value: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield the lists of records below an object, but not those inside a record."""
    if isinstance(value, dict):
        for part in value.values():
            yield from _lists(part)
    elif isinstance(value, list) and (found := _records(value)):
        yield found


def _lines(text: str, name: str) -> list[dict[str, Any]]:
    records = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            record = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError) as error:
            raise DataError(f"{name}, line {number}: not JSON ({str(error)[:80]}). {_RECORDS}") from error
        if not isinstance(record, dict):
            raise DataError(f"{name}, line {number}: no record. {_RECORDS}")
        records += [record] if record else []
    return records


def _table(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Return records as a table of written values."""
    rows = [dict(_flat(record, "")) for record in records]
    columns = dict.fromkeys(column for row in rows for column in row)
    return pd.DataFrame({column: pd.Series([row.get(column) for row in rows], dtype=object) for column in columns})


def _flat(record: dict[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            nested = isinstance(value, list | dict)
            yield f"{above}{name}", json.dumps(value, ensure_ascii=False, default=str) if nested else value
