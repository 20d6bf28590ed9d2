"""The watch: rows that come in by files and databases, each decided once, whatever comes again or is killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine
from tests.service.conftest import SCENARIO

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.entry import agent_name
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError, LoopbookError
from loopbook.service import watching
from loopbook.service.agent import Served
from loopbook.service.watching import Watch
from loopbook.store.lookup import artifact, newest
from loopbook.store.project import Project

AGENT = agent_name(SCENARIO, "smoke")


@pytest.fixture
def posts(own: Project, served: Served) -> pd.DataFrame:
    """Return posts as the source has them, without their labels."""
    stream = pd.read_parquet(artifact(own, newest(own, SCENARIO, "smoke"), "stream")).head(40)
    named = {"row_id": "post_id", "group": "author"}
    return stream[["row_id", "time", "group", "company", "text"]].rename(columns=named)


@pytest.fixture
def incoming(own: Project) -> Path:
    folder = own.data / "incoming"
    folder.mkdir()
    return folder


def scenario(served: Served, **section: Any) -> Scenario:
    return served.scenario.model_copy(update={"watch": served.scenario.watch.model_copy(update=section)})


def laid(frame: pd.DataFrame, path: Path) -> None:
    """Lay a file that nobody is writing any more."""
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_json(path, orient="records", lines=True)
    os.utime(path, (time.time() - 60,) * 2)


def decided(engine: Engine) -> list[str]:
    return [entry.payload["row_id"] for entry in reader.entries(engine, AGENT, kinds=["decision"])]


def test_rows_of_files_are_decided_once_and_what_is_none_is_refused_with_its_reason(
    own: Project, served: Served, engine: Engine, incoming: Path, posts: pd.DataFrame
) -> None:
    said: list[str] = []
    with Watch(own, scenario(served, folder=str(incoming)), "smoke", tell=said.append) as watch:
        assert str(watch.look()) == "0 decided, 0 known, 0 messages"
        laid(posts.head(10), incoming / "a.csv")
        laid(pd.concat([posts[5:15], posts[:1].assign(text=" "), posts[:1].assign(post_id="")]), incoming / "b.csv")
        (incoming / "c.parquet").write_bytes(b"PAR1 <script>")
        (incoming / "d.csv").write_text("one,two\n1,2\n")
        for name in "cd":
            os.utime(next(incoming.glob(f"{name}.*")), (time.time() - 60,) * 2)
        posts[20:].to_csv(incoming / "being-written.csv", index=False)
        first = watch.look()
        assert (first.decided, first.before) == (15, 5)
        assert first.refused == {"empty-text": 1, "missing-id": 1, "unreadable": 1, "unfit": 1}
        again = watch.look()
        assert (again.decided, again.before, again.refused, again.delivered) == (0, 0, {}, 0)
        laid(posts[10:20], incoming / "a.csv")  # the file has changed
        assert (watch.look().decided, first.delivered > 0) == (5, True)
    assert "c.parquet: 1 refused, the first: unreadable, c.parquet is not a readable parquet file" in said[1]
    assert decided(engine) == posts["post_id"].head(20).tolist()
    told = [json.loads(line) for line in (own.state / "sent" / f"{SCENARIO}.jsonl").read_text().splitlines()]
    assert len({each["id"] for each in told}) == len(told) >= first.delivered
    refused = (own.state / "watch" / SCENARIO / "smoke" / "refused.jsonl").read_text().splitlines()
    assert sorted({json.loads(line)["where"] for line in refused} - {"b.csv"}) == ["c.parquet", "d.csv"]


def test_what_the_watch_decides_is_what_the_service_would(
    own: Project, served: Served, engine: Engine, incoming: Path, posts: pd.DataFrame
) -> None:
    rows = posts.head(3).assign(text=lambda frame: frame["text"] + "  call +1 212 555 0134")
    laid(rows, incoming / "a.jsonl")
    with Watch(own, scenario(served, folder=str(incoming)), "smoke") as watch:
        watch.look()
    told = [
        {
            "id": row["post_id"],
            "time": row["time"],
            "fields": {"text": row["text"]},
            "attributes": {"company": row["company"]},
        }
        for row in rows.to_dict("records")
    ]
    asked = served.prepare(told)
    found = list(reader.entries(engine, AGENT, kinds=["decision"]))
    for entry, kept in zip(found, asked, strict=True):
        same = {name: entry.payload[name] for name in ("row_id", "time", "fields")}
        assert same == {name: kept[name] for name in same} and "[PHONE]" in same["fields"]["text"]
        assert entry.payload["attributes"]["company"] == kept["attributes"]["company"]


@pytest.mark.parametrize("query", [{"table": "posts"}, {"query": "select * from posts where written < 'z';"}])
def test_a_database_is_asked_for_what_is_new(
    own: Project, served: Served, engine: Engine, posts: pd.DataFrame, query: dict[str, str]
) -> None:
    from loopbook.scenario.source import SqlSource

    posts = posts.assign(time=posts["time"].astype(str), written=[f"2026-11-{day:02d}" for day in range(1, 11)] * 4)
    file = own.data / "posts.db"
    columns = served.scenario.source.model_dump(include=set(SqlSource.model_fields) - {"kind", "rows", "sample"})
    source = SqlSource(kind="sql", address=f"sqlite:///{file}", **query, **columns)
    with sqlite3.connect(file) as database:
        posts[posts["written"] < "2026-11-04"].to_sql("posts", database, index=False)
    asked = scenario(served, column="written").model_copy(update={"source": source})
    with Watch(own, asked, "smoke") as watch:
        assert watch.look().decided == 12
        with sqlite3.connect(file) as database:
            posts[posts["written"] == "2026-11-04"].to_sql("posts", database, index=False, if_exists="append")
        found = watch.look()
    assert (found.decided, found.before) == (4, 4), "the last value's rows are asked for again"
    assert sorted(decided(engine)) == sorted(posts.loc[posts["written"] <= "2026-11-04", "post_id"])


def test_nothing_to_watch_is_said_at_the_door(own: Project, served: Served, incoming: Path) -> None:
    with pytest.raises(DataError, match="Name a folder"):
        Watch(own, scenario(served), "smoke")
    with pytest.raises(DataError, match="no folder nowhere"):
        Watch(own, scenario(served, folder="nowhere"), "smoke")
    asked = scenario(served, folder=str(incoming))
    with Watch(own, asked, "smoke"), pytest.raises(LoopbookError, match="is going on"), Watch(own, asked, "smoke"):
        pass


def test_killed_in_the_middle_and_begun_again_it_decides_each_row_once(
    own: Project, served: Served, engine: Engine, incoming: Path, posts: pd.DataFrame
) -> None:
    many = pd.concat([posts.assign(post_id=posts["post_id"] + f"-{part}") for part in range(40)])
    laid(many, incoming / "a.csv")
    place = {"LOOPBOOK_PROJECT": str(own.root), "LOOPBOOK_DATA": str(own.data), "LOOPBOOK_REPORTS": str(own.reports)}
    words = ["watch", "--scenario", SCENARIO, "--profile", "smoke", "--params", f"watch.folder={incoming}"]
    command = [sys.executable, "-m", "loopbook", *words, "--looks", "1"]
    first = subprocess.Popen(command, env={**os.environ, **place}, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while len(decided(engine)) < 100 and time.monotonic() < until:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    before = len(decided(engine))
    done = subprocess.run(command, env={**os.environ, **place}, capture_output=True, text=True, check=True)
    assert 100 <= before < len(many) and f"{len(many) - before:,} decided" in done.stdout
    assert sorted(decided(engine)) == sorted(many["post_id"])
    told = (own.state / "sent" / f"{SCENARIO}.jsonl").read_text().splitlines()
    assert len({json.loads(line)["id"] for line in told}) == len(told) > 0


def test_trouble_that_passes_is_told_once_and_tried_again(own: Project, served: Served, incoming: Path) -> None:
    asked, said, ended = scenario(served, folder=str(incoming), every=0.01), list[str](), threading.Event()

    def tell(text: str) -> None:
        said.append(text)
        if "tried again" in text:
            incoming.mkdir()
        elif len(said) > 2:
            ended.set()

    def begin() -> Watch:
        watch = Watch(own, asked, "smoke", tell=tell)
        incoming.rmdir()
        return watch

    watching.watch(begin, ended, tell)
    assert [("Watching" in said[0]), ("tried again" in said[1]), ("0 decided" in said[2])] == [True] * 3
