"""Bounded queue before the desk: a customer is answered in time, or told that a person will write; never refused."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from loopbook.desk.desk import Desk
from loopbook.desk.turn import Conversation, Reply
from loopbook.service.errors import incident
from loopbook.service.metrics import Metrics

BUSY, SLOW, FAULT = "busy", "slow", "fault"
"""Why a conversation is handed over although the desk did not decide so: the queue is full, no reply came in time, or
something went wrong inside."""

_TOLD = {
    BUSY: "More is asked just now than the desk can answer.",
    SLOW: "The desk did not reply in time.",
    FAULT: "Something went wrong inside the desk.",
}
_THREADS = 4  # where a text generator is asked, a reply waits for it; without, the processors are the limit


class Replied(NamedTuple):
    """A reply, the versions that made it, why it is a hand-over that the desk did not choose, and how long it took."""

    reply: Reply
    versions: Mapping[str, str]
    why: str
    seconds: float


class Replying:
    """The desk with a queue of its own.

    Parameters
    ----------
    desk
        Returns the desk that is served now, and its versions.
    room
        Replies that may be waited for in this process.
    seconds
        In which a reply must be there.
    metrics
        Told of faults.
    """

    def __init__(
        self, desk: Callable[[], tuple[Desk, Mapping[str, str]]], room: int, seconds: float, metrics: Metrics
    ) -> None:
        self._desk, self._seconds, self._metrics = desk, seconds, metrics
        self._room = threading.BoundedSemaphore(room)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="desk")

    async def __call__(self, conversation: Conversation, text: str, minutes: float) -> Replied:
        """Return the desk's reply; whatever is wrong, it is one: a person will write."""
        desk, versions = self._desk()
        begun = time.monotonic()

        def told(why: str) -> Replied:
            reply = Reply("hand_over", "", reasons=(_TOLD[why],), about=text)
            return Replied(reply, versions, why, time.monotonic() - begun)

        if not self._room.acquire(blocking=False):
            return told(BUSY)
        future = self._threads.submit(desk.reply, conversation, text, minutes)
        future.add_done_callback(lambda _: self._room.release())
        try:
            reply = await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except TimeoutError:
            return told(SLOW)
        except Exception as error:  # the customer is not to pay for it; the trace is in the server's log
            self._metrics.incident()
            incident(error)
            return told(FAULT)
        return Replied(reply, versions, "", time.monotonic() - begun)
