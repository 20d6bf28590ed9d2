"""The same rows come from every kind of source; a scenario that does not fit one is refused before anything runs."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from tests.starter import tables

from loopbook.data import sources, splitting, validation
from loopbook.data.sources import Collected
from loopbook.scenario.errors import DataError
from loopbook.scenario.source import CsvSource, HttpSource, JsonlSource, ParquetSource, SimulationSource, Source

ROWS = [{"id": 1, "text": 'eins, "zwei"', "alarm": "yes"}, {"id": 2, "text": "drei\nvier", "alarm": "no"}]


@pytest.fixture
def root(tmp_path):
    frame = pd.DataFrame(ROWS)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    frame.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return tmp_path


def collect(source, root: Path) -> Collected:
    return sources.collect(source, root, root / "raw")


@pytest.mark.parametrize(
    "source",
    [
        CsvSource(kind="csv", path="rows.csv"),
        JsonlSource(kind="jsonl", path="rows.jsonl"),
        ParquetSource(kind="parquet", path="rows.parquet"),
    ],
)
def test_each_kind_of_file_gives_the_same_rows(source, root):
    collected = collect(source, root)
    assert collected.frame.astype(str).to_dict("records") == [{**row, "id": str(row["id"])} for row in ROWS]
    assert collected.lines.tolist() == ([2, 3] if source.kind == "csv" else [1, 2])
    assert collected.origin["rows"] == 2
    assert len(collected.origin["sha256"]) == 64
    assert len(collect(source.model_copy(update={"rows": 1}), root).frame) == 1


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_address_gives_the_same_rows_and_is_asked_only_for_changes(form, root, server):
    server.content = (root / f"rows.{form}").read_bytes()
    source = HttpSource(kind="http", url=f"{server.url}/rows?key=secret", format=form)
    collected = collect(source, root)
    assert collected.frame["text"].tolist() == [row["text"] for row in ROWS]
    assert "secret" not in collected.origin["address"]
    before = sources.fingerprint(source, root, root / "raw")
    assert server.asked[-1]["If-None-Match"] == server.etag
    server.content, server.etag = server.content + b" ", '"two"'
    assert sources.fingerprint(source, root, root / "raw") != before


def test_an_address_with_a_hash_takes_this_content_only(root, server):
    server.content = (root / "rows.csv").read_bytes()
    source = HttpSource(kind="http", url=f"{server.url}/rows.csv", sha256="0" * 64)
    with pytest.raises(DataError, match="not used"):
        collect(source, root)


def test_a_fingerprint_changes_with_the_content_and_with_nothing_else(root):
    source = CsvSource(kind="csv", path="rows.csv")
    before = sources.fingerprint(source, root, root)
    (root / "rows.csv").touch()
    assert sources.fingerprint(source, root, root) == before
    with (root / "rows.csv").open("a") as file:
        file.write("3,neu,no\n")
    assert sources.fingerprint(source, root, root) != before
    world = SimulationSource(kind="simulation", seed=1)
    assert sources.fingerprint(world, root, root) == sources.fingerprint(world, root, root)
    assert sources.fingerprint(world, root, root) != sources.fingerprint(
        world.model_copy(update={"seed": 2}), root, root
    )


@pytest.mark.parametrize(
    ("source", "fields", "message"),
    [
        ({"kind": "csv", "path": "row.csv"}, None, r"source\.path row\.csv is not there .*Did you mean 'rows\.csv'"),
        ({"kind": "csv", "path": "."}, None, "is a folder"),
        (
            {"kind": "csv", "path": "rows.csv", "id": "di"},
            None,
            r"no column 'di', which source\.id names. Known: alarm, id",
        ),
        ({"kind": "csv", "path": "rows.csv"}, {"texts": "text"}, r"task\.fields\.texts names. Did you mean 'text'"),
        ({"kind": "jsonl", "path": "rows.jsonl", "time": "when"}, None, r"rows\.jsonl has no column 'when'"),
        ({"kind": "parquet", "path": "rows.parquet", "personal": ["author"]}, None, r"source\.personal names"),
        ({"kind": "parquet", "path": "rows.csv"}, None, "not a readable parquet file"),
        ({"kind": "csv", "path": "rows.parquet"}, None, "byte 0x"),
        ({"kind": "catalog", "dataset": "nyt-editorial"}, None, "Did you mean 'nyt-editorials'"),
        ({"kind": "catalog", "dataset": "nyt-editorials", "group": "artikel"}, None, "Did you mean 'article'"),
        ({"kind": "simulation", "time": "tiem"}, None, "Did you mean 'time'"),
        ({"kind": "sql", "address": "sqlite:///no.db", "table": "x"}, None, "no.db is not there"),
        ({"kind": "sql", "address": "nonsense", "table": "x"}, None, "no SQLAlchemy address"),
    ],
)
def test_a_source_that_does_not_fit_is_refused_by_the_quick_check(scenario, root, source, fields, message):
    with pytest.raises(DataError, match=message):
        sources.check(scenario(source, fields), root)


def test_the_quick_check_passes_what_fits(scenario, root):
    for kind in ("csv", "jsonl", "parquet"):
        sources.check(scenario({"kind": kind, "path": f"rows.{kind}", "id": "id"}), root)
    sources.check(scenario({"kind": "http", "url": "http://127.0.0.1:9/x.csv"}), root)


@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "link to a pipe"])
def test_a_path_that_would_block_is_refused_unopened(kind, tmp_path):
    source = CsvSource(kind="csv", path=str(tables.special(kind, tmp_path)))
    with pytest.raises(DataError, match="is a pipe, device or socket, not a file"):
        sources.collect(source, tmp_path, tmp_path)


def test_damaged_pages_of_a_parquet_file_are_told_by_its_name(root):
    content = bytearray((root / "rows.parquet").read_bytes())
    content[4:60] = bytes(56)  # the first pages; the footer, which the quick check reads, is whole
    (root / "rows.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"rows\.parquet is not a readable parquet file"):
        collect(ParquetSource(kind="parquet", path="rows.parquet"), root)


def test_the_quick_check_imports_no_table_library():
    code = "import sys; from loopbook.data import sources; print({'pandas', 'numpy', 'sqlalchemy'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def test_the_simulated_world_goes_all_the_way(scenario, tmp_path):
    source = {
        **{"kind": "simulation", "rows": 600, "id": "post_id", "time": "time", "truth": "true_alert"},
        **{"personal": ["author"], "protected": ["style"]},
    }
    agent = scenario(source, label={"column": "alert", "positive": [1]}, splits={"by": "time"})
    sources.check(agent, tmp_path)
    collected = collect(agent.source, tmp_path)
    assert set(collected.frame.columns) == set(sources._POSTS)
    rows, quarantine = validation.validate(collected, agent, date(2026, 1, 1))
    assert len(rows) + len(quarantine) == collected.origin["rows"] == len(collected.frame)
    assert {"true_alert", "style", "author"} <= set(rows.columns)
    assert rows["author"].str.fullmatch("[0-9a-f]{16}").all()
    assert sum(map(len, splitting.split(rows, agent).values())) == len(rows)


def test_masking_finds_the_personal_data_that_the_simulation_wrote_down():
    from loopbook.privacy import personal_data
    from loopbook.simulation.world import simulate

    source = SimulationSource(kind="simulation", rows=2000, personal_data_share=0.3)
    world = simulate(source)
    texts = world.posts.set_index("post_id")["text"]
    personal = world.truth.personal_data
    assert len(personal) > 300
    masked = {name: personal_data.mask(texts[name]) for name in personal["post_id"].unique()}
    left = [row for row in personal.itertuples() if row.value in masked[row.post_id]]
    assert len(left) <= 0.02 * len(personal), left[:10]
    plain = texts[~texts.index.isin(personal["post_id"])]
    wrong = [text for text in plain if personal_data.find(text)]
    assert len(wrong) <= 0.02 * len(personal), wrong[:10]


@pytest.mark.parametrize("group", [None, "shop"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_sample_is_drawn_over_the_whole_source_and_keeps_groups_whole(tmp_path, kind, group):
    rows = 6_000
    frame = pd.DataFrame({"day": range(rows), "shop": [f"s{day * 7919 % 1_000}" for day in range(rows)]}).astype("str")
    write = {
        "csv": lambda path: frame.to_csv(path, index=False),
        "jsonl": lambda path: frame.to_json(path, orient="records", lines=True),
        "parquet": lambda path: frame.to_parquet(path),
    }[kind]
    write(tmp_path / f"rows.{kind}")
    settings = {"kind": kind, "path": f"rows.{kind}", "group": group, "sample": 2_000}
    found = sources.collect(TypeAdapter(Source).validate_python(settings), tmp_path, tmp_path)
    taken = found.frame["day"].astype(int)
    assert len(taken) == found.origin["rows"] == pytest.approx(2_000, abs=200)
    assert np.histogram(taken, bins=4, range=(0, rows))[0].min() > 400
    assert "about 2,000 of 6,000 rows" in found.origin["caution"]
    assert found.lines.tolist() == (taken + (2 if kind == "csv" else 1)).tolist()
    if group:
        assert set(found.frame["shop"].value_counts()) == {6}
