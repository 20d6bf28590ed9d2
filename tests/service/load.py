"""A load generator by raw sockets: keep-alive HTTP/1.1 from many callers, in a process of its own.

``python -m tests.service.load JSON`` takes the fields of a `Plan`, and prints what it measured as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Plan:
    """What is sent.

    Attributes
    ----------
    port, key
        Of the service on loopback, and its API key.
    bodies
        File with a JSON list of requests, sent in turn.
    callers
        Connections at once.
    seconds
        For which new calls begin.
    keyed
        Whether each call carries an idempotency key, and is sent again on a new connection when one breaks.
    acknowledged
        File to which the ids of answered decisions are written; empty: none.
    path
        Where to.
    pause
        Seconds that a caller waits between two calls.
    stop
        File at whose coming no further call begins; empty: none.
    """

    port: int
    key: str
    bodies: str
    callers: int = 50
    seconds: float = 5.0
    keyed: bool = False
    acknowledged: str = ""
    path: str = "/v1/decisions"
    pause: float = 0.0
    stop: str = ""


@dataclass
class Measured:
    """What was found: answers by status, seconds of each answer, calls sent again, processor time of this process."""

    answers: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    again: int = 0
    seconds: float = 0.0
    processor: float = 0.0

    def share(self, share: float) -> float:
        """Return the time within which a share of the answers came, in seconds."""
        return sorted(self.times)[min(len(self.times) - 1, int(share * len(self.times)))] if self.times else 0.0

    def summary(self) -> dict[str, Any]:
        """Return the figures."""
        good = sum(count for status, count in self.answers.items() if status.startswith("2"))
        return {
            "per_second": good / self.seconds,
            "p50": self.share(0.5),
            "p99": self.share(0.99),
            "errors": self.answers.total() - good,
            "answers": dict(self.answers),
            "again": self.again,
            "client": self.processor / max(1, self.answers.total()),
        }


class Caller:
    """One connection, opened again when it breaks."""

    def __init__(self, plan: Plan, bodies: list[bytes], measured: Measured, number: int) -> None:
        self._plan, self._bodies, self._measured, self._at = plan, bodies, measured, number
        self._reader: Any = None
        self._writer: Any = None
        self.ids: list[str] = []

    async def run(self, until: float) -> None:
        while time.perf_counter() < until and not (self._plan.stop and Path(self._plan.stop).exists()):
            await self._call(self._bodies[self._at % len(self._bodies)])
            self._at += self._plan.callers
            if self._plan.pause:
                await asyncio.sleep(self._plan.pause)
        if self._writer is not None:
            self._writer.close()

    async def _call(self, body: bytes) -> None:
        headers = f"authorization: Bearer {self._plan.key}\r\ncontent-type: application/json\r\n"
        if self._plan.keyed:
            headers += f"idempotency-key: {uuid.uuid4()}\r\n"
        head = f"POST {self._plan.path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {len(body)}\r\n\r\n"
        begun = time.perf_counter()
        while True:
            try:
                status, answer = await self._sent(head.encode() + body)
                break
            except (OSError, asyncio.IncompleteReadError):
                self._writer = None
                if not self._plan.keyed:
                    status, answer = "broken", b""
                    break
                self._measured.again += 1
                await asyncio.sleep(0.05)
        self._measured.times.append(time.perf_counter() - begun)
        self._measured.answers[status] += 1
        if self._plan.acknowledged and status.startswith("2"):
            said = json.loads(answer)
            self.ids += [one["decision_id"] for one in (said if isinstance(said, list) else [said])]

    async def _sent(self, message: bytes) -> tuple[str, bytes]:
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._plan.port)
        self._writer.write(message)
        head = await self._reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        at = lower.index(b"content-length:") + 15
        body = await self._reader.readexactly(int(lower[at : lower.index(b"\r\n", at)]))
        if b"connection: close" in lower:
            self._writer.close()
            self._writer = None
        return head[9:12].decode(), body


async def generate(plan: Plan) -> Measured:
    """Send what a plan says, and return what was measured."""
    bodies = [json.dumps(body).encode() for body in json.loads(Path(plan.bodies).read_text(encoding="utf-8"))]
    measured = Measured()
    callers = [Caller(plan, bodies, measured, number) for number in range(plan.callers)]
    begun, processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller.run(begun + plan.seconds) for caller in callers))
    measured.seconds, measured.processor = time.perf_counter() - begun, time.process_time() - processor
    if plan.acknowledged:
        ids = [id for caller in callers for id in caller.ids]
        Path(plan.acknowledged).write_text(json.dumps(ids), encoding="utf-8")
    return measured


def command(plan: Plan) -> list[str]:
    """Return the command of a process that sends what a plan says."""
    return [sys.executable, "-m", "tests.service.load", json.dumps(asdict(plan))]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(generate(Plan(**json.loads(sys.argv[1])))).summary()))
