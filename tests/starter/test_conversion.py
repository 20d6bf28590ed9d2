"""JSON, JSON lines and Parquet are read at the door as the tables that they hold, or refused in a sentence."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from loopbook.data import sources
from loopbook.scenario.errors import DataError
from loopbook.scenario.loading import load
from loopbook.starter import conversion
from loopbook.starter.beginning import begin
from loopbook.store.project import Project

RECORDS: list[dict[str, Any]] = [
    {"id": 900719925474099301, "text": 'a, "b"\nc', "user": {"city": "Köln", "tags": ["x", "y"]}, "ok": True},
    {"id": 900719925474099302, "text": "日本", "user": {"city": None}, "ok": False, "count": 3},
    {"id": 900719925474099303, "text": "", "user": {"city": "Oslo"}, "ok": None, "count": 2.5},
]
WANTED = {
    "id": ["900719925474099301", "900719925474099302", "900719925474099303"],
    "text": ['a, "b"\nc', "日本", ""],
    "user.city": ["Köln", "", "Oslo"],
    "user.tags": ['["x", "y"]', "", ""],
    "ok": ["True", "False", ""],
    "count": ["", "3", "2.5"],
}


def dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def columns() -> dict[str, list[Any]]:
    flat = {"a": [1, 2, None], "b": ["x", "y", "z"]}
    return dict(flat)


@pytest.mark.parametrize(
    "content",
    [
        dumped(RECORDS),
        b"\xef\xbb\xbf" + dumped(RECORDS),
        b"\n  " + json.dumps(RECORDS, indent=2).encode(),
        b"\n".join(map(dumped, RECORDS)),
        b"\r\n".join(map(dumped, RECORDS)) + b"\r\n\r\n",
        dumped({"meta": {"page": 1}, "data": RECORDS}),
        dumped({"status": "ok", "response": {"page": 1, "tags": ["a"], "results": RECORDS}}),
    ],
)
def test_records_become_columns_whatever_is_around_them(content: bytes) -> None:
    made = conversion.as_csv(content, "x.json")
    assert made is not None
    read = pd.read_csv(io.BytesIO(made), dtype=str, keep_default_na=False)
    assert read.to_dict("list") == WANTED


@pytest.mark.parametrize(
    "content",
    [dumped(columns()), dumped({name: dict(enumerate(values)) for name, values in columns().items()})],
)
def test_columns_of_one_length_are_a_table(content: bytes) -> None:
    made = conversion.as_csv(content, "x.json")
    assert made == b"a,b\n1,x\n2,y\n,z\n"


def test_what_pandas_counted_its_rows_by_is_no_column_and_an_index_of_times_is_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.5, 2.5]}, index=[7, 3])
    for index, header in ((frame.index, "x"), (pd.to_datetime(["2026-01-01", "2026-01-02"]), "x,__index_level_0__")):
        frame.set_axis(index).to_parquet(tmp_path / "rows.parquet")
        made = conversion.as_csv((tmp_path / "rows.parquet").read_bytes(), "rows.parquet")
        assert made is not None and made.decode().splitlines()[0] == header


def test_parquet_keeps_whole_numbers_times_and_nested_values(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "id": pd.array([900719925474099301, None, 3], dtype="Int64"),
            "time": pd.to_datetime(["2026-01-01 10:00", None, "2026-01-02 00:00"]),
            "text": ["a,b", "日本", None],
        }
    )
    frame.to_parquet(tmp_path / "flat.parquet")
    made = conversion.as_csv((tmp_path / "flat.parquet").read_bytes(), "flat.parquet")
    assert made is not None
    assert made.decode().splitlines()[1] == '900719925474099301,2026-01-01 10:00:00,"a,b"'
    frame.assign(user=[{"city": "Oslo"}, None, {"city": "Bergen"}]).to_parquet(tmp_path / "nested.parquet")
    made = conversion.as_csv((tmp_path / "nested.parquet").read_bytes(), "nested.parquet")
    assert made is not None
    read = pd.read_csv(io.BytesIO(made), dtype=str, keep_default_na=False)
    assert read["user.city"].tolist() == ["Oslo", "", "Bergen"]
    assert read["id"].tolist() == ["900719925474099301", "", "3"]


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"text;label\n{x};1\n", "größe\tx\n".encode(), b""])
def test_a_csv_file_is_none_of_these(content: bytes) -> None:
    assert conversion.as_csv(content, "x.csv") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PAR1 and nothing", "not a readable parquet file"),
        (b"[1, 2, 3]", "line 1: no record|no table"),
        (b"[]", "no table"),
        (b"{}", "no table"),
        (b'{"a": 1}\n{"a": ', "line 2: not JSON"),
        (b'[{"a": 1}, {"a": 2}', "line 1: not JSON"),
        (b"[" * 100_000, "not JSON"),
        ('{"a": "ä"}'.encode("cp1252"), "Save it as UTF-8"),
    ],
)
def test_what_holds_no_table_is_refused_with_what_to_do(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        conversion.as_csv(content, "x.json")


def zipped(**files: bytes) -> bytes:
    with zipfile.ZipFile(packed := io.BytesIO(), "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def test_a_packed_file_is_unpacked_and_damage_is_told() -> None:
    table, records = "größe,b\n1,2\n".encode("cp1252"), b"\n".join(map(dumped, RECORDS))
    assert conversion.as_csv(gzip.compress(table), "x.csv.gz") == table == conversion.as_csv(zipped(a=table), "x.zip")
    assert conversion.as_csv(gzip.compress(records), "x.gz") == conversion.as_csv(records, "x.jsonl")
    assert conversion.as_csv(zipped(a=table, b=table), "x.xlsx") is None
    for content in (gzip.compress(table)[:-9], b"\x1f\x8b" + table, zipped(a=table)[:-9]):
        with pytest.raises(DataError, match=r"x\.gz cannot be unpacked"):
            conversion.as_csv(content, "x.gz")


@pytest.mark.parametrize("kind", ["json", "jsonl", "parquet"])
def test_an_agent_begins_from_such_a_file(tmp_path: Path, empty_project: Project, kind: str) -> None:
    draw = random.Random(2)
    rows = [{"size": round(draw.gauss(each, 1), 3), "site": draw.choice("abc"), "late": bool(each)}
            for each in (draw.random() < 0.3 for _ in range(300))]  # fmt: skip
    file = tmp_path / f"rows.{kind}"
    if kind == "parquet":
        pd.DataFrame(rows).to_parquet(file)
    else:
        file.write_text(json.dumps(rows) if kind == "json" else "\n".join(map(json.dumps, rows)), "utf-8")
    begun = begin(empty_project, "late", file)
    scenario = load("late", empty_project.scenarios)
    assert (scenario.task.label.column, scenario.source.kind) == ("late", "csv")
    assert scenario.task.fields == {"size": "number", "site": "category"}
    assert begun.copied == ((empty_project.raw / "files" / "late.csv").resolve(),)
    collected = sources.collect(scenario.source, empty_project.root, empty_project.raw)
    assert len(collected.frame) == 300
