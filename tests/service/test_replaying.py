"""What the log holds is decided again: random decisions of a text and a table agent, batched otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pandas as pd
import pytest
from sqlalchemy import Engine
from tests.service.test_agent import asked, project
from tests.smoke import Ran

from loopbook.decisions.audit import forgetting, reader
from loopbook.decisions.audit.database import connect
from loopbook.decisions.audit.entry import LogError, Stored
from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.replay import Budget
from loopbook.service import replaying
from loopbook.service.agent import Served, artifact

AGENTS = ("market-monitor", "clinic-triage")


@pytest.fixture(scope="module")
def served(smoke_run: Callable[[str], Ran]) -> list[Served]:
    return [Served.load(project(smoke_run(name)[0]), name, "smoke") for name in AGENTS]


@pytest.fixture(scope="module")
def log(served: list[Served], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Return a log of 1,300 decisions that were taken in batches of 1 to 64, with people to ask about some."""
    engine, coin = connect(served[0].project, f"sqlite:///{tmp_path_factory.mktemp('log')}/log.sqlite"), Random(3)
    for agent, number in zip(served, (1_000, 300), strict=True):
        stream = pd.read_parquet(artifact(agent.project, agent.run, "stream"))
        if "time" not in stream:
            stream["time"] = pd.Timestamp("2027-01-01", tz="UTC")
        requests = [dict(request) | {"id": None} for request in asked(stream, agent)]
        budget = Budget(0.2)
        with Writer(engine, agent.name) as writer:
            while number > 0:
                kept = agent.prepare(coin.choices(requests, k=min(number, coin.choice([1, 3, 17, 64]))))
                writer.append(agent.decide(kept, budget))
                number -= len(kept)
    yield engine
    engine.dispose()


def test_a_thousand_random_decisions_come_out_the_same(log: Engine, served: list[Served]) -> None:
    told: list[int] = []
    records = replaying.sample(log, 1_000, seed=1)
    assert {record.agent for record in records} == {agent.name for agent in served}
    assert {record.facts["reviewed"] for record in records} == {True, False}
    found = replaying.replay(served[0].project, [record for record in records if "market" in record.agent], told.append)
    tables = replaying.replay(served[1].project, [record for record in records if "clinic" in record.agent])
    assert found.faithful and tables.faithful
    assert found.same + tables.same == 1_000
    assert max(found.largest, tables.largest) <= 1e-6
    assert told[-1] == found.same
    assert found.elsewhere == {}
    again = replaying.sample(log, 1_000, seed=1)
    assert [record.id for record in again] == [record.id for record in records]
    assert [record.id for record in replaying.sample(log, 1_000, seed=2)] != [record.id for record in records]


def bent(record: Stored, **facts: object) -> Stored:
    return replace(record, facts={**record.facts, **facts})


def test_what_did_not_come_out_so_is_told(log: Engine, served: list[Served]) -> None:
    (record,) = replaying.sample(log, 1, seed=4, agent=served[0].name)
    scores = {name: score + 1e-5 for name, score in record.facts["scores"].items()}
    versions = record.facts["versions"]
    home = served[0].project
    for wrong, fact in (
        (bent(record, action="nothing"), "action"),
        (bent(record, reasons=record.facts["reasons"] + " Truly."), "reasons"),
        (bent(record, reviewed=not record.facts["reviewed"]), "reviewed"),
        (bent(record, scores=scores), f"scores.{next(iter(scores))}"),
    ):
        found = replaying.replay(home, [wrong])
        assert not found.faithful
        assert fact in found.different[0].facts
    close = {name: score + 1e-8 for name, score in record.facts["scores"].items()}
    assert replaying.replay(home, [bent(record, scores=close)]).faithful
    found = replaying.replay(home, [bent(record, versions={**versions, "policy": "another"})])
    assert [*found.impossible] == [f"{versions['run']} is there, but its policy is not what the record names"]
    found = replaying.replay(home, [bent(record, versions={**versions, "run": "market-monitor/gone"})])
    assert "There is no run" in next(iter(found.impossible))
    runtime = {**record.facts["runtime"], "onnxruntime": "1.0"}
    found = replaying.replay(home, [bent(record, runtime=runtime)])
    assert found.faithful and "onnxruntime: 1.0 → " in next(iter(found.elsewhere))


def test_what_was_forgotten_says_why_it_cannot_be_decided_again(
    log: Engine, served: list[Served], tmp_path: Path
) -> None:
    id = replaying.sample(log, 1, seed=5, agent=served[0].name)[0].id
    forgetting.forget(log, tmp_path, id, "ann")
    found = replaying.replay(served[0].project, replaying.recorded(log, id))
    assert (found.same, found.forgotten, found.faithful) == (0, 1, True)
    assert len(reader.decision_ids(log)) == 1_300


def test_what_is_not_in_the_log_is_refused(log: Engine) -> None:
    with pytest.raises(LogError, match="no decision 'nobody'"):
        replaying.recorded(log, "nobody")
    with pytest.raises(LogError, match="no decision of nobody"):
        replaying.sample(log, 10, seed=0, agent="nobody")
