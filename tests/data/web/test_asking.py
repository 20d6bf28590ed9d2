"""A request is polite, bounded, and repeated only where that helps."""

from __future__ import annotations

import email.utils
import time

import pytest
from tests.data.web.site import Answer, Site

from loopbook.data.web.asking import Asking


@pytest.fixture
def asking(fresh: Site, monkeypatch: pytest.MonkeyPatch) -> Asking:
    made = Asking("a@example.org", [fresh.address.removeprefix("http://")], 4, 2.0)
    waits: list[float] = []
    monkeypatch.setattr(made, "_pause", waits.append)
    made.waits = waits  # type: ignore[attr-defined]
    return made


def waits(asking: Asking) -> list[int]:
    return [round(seconds) for seconds in asking.waits]  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_a_passing_error_is_asked_again_with_exponential_backoff(fresh: Site, asking: Asking, status: int) -> None:
    fresh.extra["/x"] = Answer(status=status)
    assert asking.get(f"{fresh.address}/x", 0, 1000).status == status
    assert len(fresh.asked) == 4 and waits(asking) == [0, 2, 4, 8]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_lasting_error_is_asked_once(fresh: Site, asking: Asking, status: int) -> None:
    fresh.extra["/x"] = Answer(status=status)
    assert asking.get(f"{fresh.address}/x", 0, 1000).problem == ("error", f"the server answered {status}")
    assert len(fresh.asked) == 1


def test_retry_after_is_kept_to_in_seconds_and_as_a_date(fresh: Site, asking: Asking) -> None:
    fresh.extra["/x"] = Answer(status=503, headers={"Retry-After": "30"})
    asking.get(f"{fresh.address}/x", 0, 1000)
    assert waits(asking) == [0, 30, 30, 30]
    date = email.utils.formatdate(time.time() + 60.5, usegmt=True)
    fresh.extra["/y"] = Answer(status=429, headers={"Retry-After": date})
    asking.get(f"{fresh.address}/y", 0, 1000)
    assert all(58 <= seconds <= 61 for seconds in waits(asking)[5:])


def test_who_asks_to_come_back_much_later_is_left_alone(fresh: Site, asking: Asking) -> None:
    fresh.extra["/x"] = Answer(status=503, headers={"Retry-After": "86400"})
    assert asking.get(f"{fresh.address}/x", 0, 1000).status == 503
    assert len(fresh.asked) == 1


def test_redirects_are_told_and_not_followed(fresh: Site, asking: Asking) -> None:
    answer = asking.get(f"{fresh.address}/old/1", 0, 1000)
    assert (answer.status, answer.moved, answer.problem) == (301, "/news/1", None)
    assert fresh.asked == ["/old/1"]


def test_what_is_longer_than_it_may_be_is_left(fresh: Site, asking: Asking) -> None:
    fresh.extra["/x"] = Answer(b"x" * 1001)
    for limit, problem in ((1000, "too-large"), (1001, "")):
        answer = asking.get(f"{fresh.address}/x", 0, limit)
        assert (answer.problem or ("",))[0] == problem and len(answer.body) == (0 if problem else 1001)


def test_a_short_answer_is_broken_off(fresh: Site, asking: Asking) -> None:
    fresh.extra["/x"] = Answer(b"half", headers={"Content-Length": "400", "Connection": "close"})
    answer = asking.get(f"{fresh.address}/x", 0, 1000)
    assert answer.problem is not None and answer.problem[0] == "error" and answer.status == 0
