"""The live checks see what notebook 06 sees of the same decisions."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd
from sqlalchemy import Engine
from tests.service.conftest import SCENARIO

from loopbook.decisions.audit import reader
from loopbook.service import live
from loopbook.service.agent import Served
from loopbook.service.watching import Watch
from loopbook.store import content
from loopbook.store.lookup import artifact, newest
from loopbook.store.project import Project

TOLD = ["id", "cause", "place", "since", "peak", "until", "title"]


def test_what_came_in_is_checked_as_06_checks_the_rehearsal(
    own: Project, engine: Engine, served: Served, tmp_path: Path
) -> None:
    run = newest(own, SCENARIO, "smoke")
    stream = pd.read_parquet(artifact(own, run, "stream")).rename(columns={"row_id": "post_id"})
    file = tmp_path / "posts.csv"
    stream[["post_id", "author", "time", "company", "text", "topics", "style"]].to_csv(file, index=False)
    os.utime(file, (time.time() - 60,) * 2)
    section = served.scenario.watch.model_copy(update={"folder": str(tmp_path)})
    asked = served.scenario.model_copy(update={"watch": section})
    agent = Served.load(own, SCENARIO, "smoke")

    def entries() -> object:
        return reader.entries(engine, agent.name, kinds=("decision", "feedback"))

    assert live.check(agent, entries()) is None, "too few to say anything"
    with Watch(own, asked, "smoke") as watch:
        assert watch.look().decided == len(stream)
    found = live.check(agent, entries())
    assert found is not None and found.decisions == len(stream)
    expected = content.load(artifact(own, run, "alerts"))
    page = (own.reports / SCENARIO / "live" / "index.html").read_text(encoding="utf-8")
    assert "simulated data" in page and page.count('<th scope="row" class="free">') == len(expected)
    assert f"{len(stream):,} decisions" in page and "live/index.html" in (own.reports / "index.html").read_text()
    assert len(expected) and found.seen.alerts[TOLD].to_dict("records") == expected[TOLD].to_dict("records")
