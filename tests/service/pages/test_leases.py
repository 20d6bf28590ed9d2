"""Leases: of many who reach for an item at once, in threads and processes, over both databases, one gets it."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from loopbook.decisions.audit import database
from loopbook.decisions.audit.database import writing
from loopbook.service.pages.leases import LEASES, Leases
from loopbook.store.project import Project

GRAB = """
import sys
from pathlib import Path
from loopbook.decisions.audit.database import connect
from loopbook.service.pages.leases import Leases
from loopbook.store.project import Project
leases = Leases(connect(Project(Path("."), Path("data")), sys.argv[1]), "agent", 300)
print(sum(leases.take(f"item-{at}", sys.argv[2], "useful") is not None for at in range(40)))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres").database())
    return f"sqlite:///{tmp_path / 'service.sqlite'}"


@pytest.fixture
def engine(address: str, tmp_path: Path) -> Engine:
    return database.connect(Project(tmp_path, tmp_path / "data"), address)


def test_of_several_processes_that_reach_for_the_same_items_each_item_goes_to_one(engine: Engine, address: str) -> None:
    command = [sys.executable, "-c", GRAB, address]
    people = [subprocess.Popen([*command, f"person-{at}"], stdout=subprocess.PIPE, text=True) for at in range(3)]
    assert sum(int(person.communicate()[0]) for person in people) == 40
    assert len(Leases(engine, "agent", 300).all()) == 40
    engine.dispose()


def test_a_lease_ends_when_it_is_given_back_or_its_time_is_over(engine: Engine) -> None:
    leases, others = Leases(engine, "agent", 300), Leases(engine, "another", 300)
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda at: leases.take("item", f"person-{at}", "useful"), range(8)))
    (lease,) = filter(None, got)
    assert leases.held(lease.reviewer) == [lease] and others.all() == [], "another agent has items of its own"
    assert others.take("item", "person-9", "useful") is not None
    leases.release([lease.token])
    assert leases.all() == [] and len(others.all()) == 1
    again = leases.take("item", "person-1", "asked")
    assert again is not None and again.token != lease.token
    with writing(engine) as connection:
        connection.execute(LEASES.update().where(LEASES.c.agent == "agent").values(ends=1.0))
    assert leases.all() == [] and leases.held("person-1") == []
    with ThreadPoolExecutor(4) as pool:
        told = [lease for found in pool.map(lambda _: leases.lapsed(), range(4)) for lease in found]
    assert [lease.token for lease in told] == [again.token], "it is told to one, who writes it down"
    assert len(others.all()) == 1
    engine.dispose()
