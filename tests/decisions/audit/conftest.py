"""A log of its own for each test, in each kind of database that is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from loopbook.decisions.audit.database import connect
from loopbook.store.project import Project


@pytest.fixture
def place(tmp_path: Path) -> Project:
    return Project(tmp_path, tmp_path / "data")


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres").database())
    return f"sqlite:///{tmp_path / 'log.sqlite'}"


@pytest.fixture
def engine(place: Project, address: str) -> Iterator[Engine]:
    engine = connect(place, address)
    yield engine
    engine.dispose()
