"""Limits: an allowance that workers share, and bodies that are too large, too slow, or broken off."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from loopbook.decisions.audit import database
from loopbook.service import limits
from loopbook.service.errors import Refused
from loopbook.service.limits import Allowance
from loopbook.store.project import Project

AGENT = "some-agent/standard"


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres").database())
    return f"sqlite:///{tmp_path / 'log.sqlite'}"


def connected(address: str, tmp_path: Path) -> Engine:
    return database.connect(Project(tmp_path, tmp_path / "data"), address)


def took(allowance: Allowance, caller: str, many: int = 1) -> bool:
    """Ask as the HTTP layer does: what is at hand first, then the database."""
    try:
        if not allowance.take(caller, many):
            allowance.lease(caller, many)
    except Refused as refused:
        assert refused.status == 429 and int(refused.headers["Retry-After"]) >= 1
        return False
    return True


def test_workers_share_one_allowance(address: str, tmp_path: Path) -> None:
    """Four workers of two threads each ask for much more than there is; together they get no more than that."""
    rate, burst, begun = 40.0, 2.0, time.monotonic()
    workers = [Allowance(connected(address, tmp_path), AGENT, rate, burst) for _ in range(4)]
    granted: list[int] = []

    def ask(worker: Allowance) -> None:
        granted.append(sum(took(worker, "billing") for _ in range(60)))

    threads = [threading.Thread(target=ask, args=(worker,)) for worker in workers for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - begun
    assert len(granted) == 8
    assert rate * burst - 4 * limits.LEASE * rate <= sum(granted) <= rate * (burst + seconds) + 1


def test_callers_do_not_share(address: str, tmp_path: Path) -> None:
    allowance = Allowance(connected(address, tmp_path), AGENT, 0.01, 300.0)
    assert [took(allowance, "one") for _ in range(4)] == [True, True, True, False]
    assert took(allowance, "other")
    assert took(Allowance(connected(address, tmp_path), "other-agent/standard", 0.01, 300.0), "one")


def test_what_is_not_used_is_saved_up_to_the_burst(address: str, tmp_path: Path) -> None:
    allowance = Allowance(connected(address, tmp_path), AGENT, 5.0, 2.0)
    assert took(allowance, "one", 10)
    assert not took(allowance, "one", 10)
    time.sleep(2.2)
    assert took(allowance, "one", 10), "as much as was saved up"
    assert not took(allowance, "one", 10), "and not more than that"


def test_more_at_once_than_is_ever_allowed_is_told_so(tmp_path: Path) -> None:
    allowance = Allowance(connected(f"sqlite:///{tmp_path / 'log.sqlite'}", tmp_path), AGENT, 10.0, 5.0)
    with pytest.raises(Refused, match="at most 50") as refused:
        allowance.lease("one", 51)
    assert refused.value.status == 413 and "Retry-After" not in refused.value.headers


def test_most_requests_do_not_touch_the_database(tmp_path: Path) -> None:
    allowance = Allowance(connected(f"sqlite:///{tmp_path / 'log.sqlite'}", tmp_path), AGENT, 1_000.0, 5.0)
    allowance.lease("one", 1)
    assert sum(allowance.take("one", 1) for _ in range(1_000)) == 1_000 * limits.LEASE - 1


def body(messages: Sequence[Any], length: str | None = None, most: int = 10, seconds: float = 5) -> bytes:
    waiting = list(messages)

    async def receive() -> Any:
        if not waiting:
            await asyncio.sleep(60)
        return waiting.pop(0)

    return asyncio.run(limits.body(receive, length, most, seconds))


def part(content: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


@pytest.mark.parametrize(
    ("messages", "length", "whole"),
    [
        ([part(b"abc")], "3", b"abc"),
        ([part(b"abc", True), part(b"def", True), part(b"")], None, b"abcdef"),
        ([part(b"x" * 10)], "10", b"x" * 10),
        ([part(b"")], "0", b""),
    ],
)
def test_a_body_is_read(messages: list[Any], length: str | None, whole: bytes) -> None:
    assert body(messages, length) == whole


@pytest.mark.parametrize(
    ("messages", "length", "status"),
    [
        ([], "11", 413),
        ([], "9" * 30, 413),
        ([], "-1", 413),
        ([], "1e9", 413),
        ([], "²", 413),
        ([part(b"x" * 6, True), part(b"x" * 6, True)], None, 413),
        ([part(b"x", True), {"type": "http.disconnect"}], "5", 400),
    ],
)
def test_a_body_is_refused(messages: list[Any], length: str | None, status: int) -> None:
    with pytest.raises(Refused) as refused:
        body(messages, length)
    assert refused.value.status == status and refused.value.headers == {"Connection": "close"}


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    with pytest.raises(Refused) as refused:
        body([part(b"x", True)], seconds=0.05)
    assert refused.value.status == 408
