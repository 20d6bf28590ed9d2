"""Workers by the queue against fixed numbers of them: the same burst, its slowest answers, and what it costs.

    make PROFILE=smoke
    PYTHONPATH=. python tests/benchmarks/scaling.py --most 2 --rounds 3

serves the newest good run with one worker, with as many as `--most`, and with the rule between the two, in turns. A
second process calls by raw sockets: few callers, then many, then few, each of whom asks for the next decision when the
last is there. Told are p50 and p99 of the answers by phase, answers a second, errors, and worker seconds: how long
worker processes were there, summed up. Worker, database and callers share the machine's processors, so a second worker
cannot bring twice as much where there are two.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import secrets
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

QUIET, BURST = "quiet", "burst"
TEXTS = ("shares fell after the audit", "a very good quarter, says the board", "strike at the plant goes on")


@dataclass
class Heard:
    """What a phase has heard: seconds of each answer, and statuses; 0 for a connection that broke."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)


async def _caller(port: int, key: str, until: float, heard: Heard) -> None:
    """Ask for one decision after another, on one connection for as long as the service holds it."""
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    number = 0
    while time.monotonic() < until:
        number += 1
        body = json.dumps({"fields": {"text": f"{TEXTS[number % len(TEXTS)]} {secrets.token_hex(4)}"}}).encode()
        head = (
            f"POST /v1/decisions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        begin = time.monotonic()
        try:
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert reader is not None
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(re.search(rb"content-length: (\d+)", answer)[1]))  # type: ignore[index]
            heard.statuses[int(answer[9:12])] += 1
            heard.seconds.append(time.monotonic() - begin)
            ends = b"connection: close" in answer
        except (OSError, asyncio.IncompleteReadError):
            heard.statuses[0] += 1
            ends = True
        if ends and writer is not None:
            writer.close()
            writer = None


async def _phases(port: int, key: str, phases: list[tuple[str, int, float]]) -> list[Heard]:
    found = []
    for _, callers, seconds in phases:
        heard, until = Heard(), time.monotonic() + seconds
        await asyncio.gather(*(_caller(port, key, until, heard) for _ in range(callers)))
        found.append(heard)
    return found


def _load(port: int, key: str, phases: list[tuple[str, int, float]], answer: Any) -> None:
    answer.put(asyncio.run(_phases(port, key, phases)))


def _children(process: int) -> list[int]:
    """Return the worker processes of a service."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def measured(args: argparse.Namespace, workers: str) -> dict[str, Any]:
    """Serve with so many workers under the load, and return what was measured."""
    told = ["--scenario", args.scenario, "--profile", args.profile]
    made = subprocess.run(
        [sys.executable, "-m", "loopbook", "keys", "create", f"load-{secrets.token_hex(3)}", *told],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    key = re.search(r"lb_\S+", made.stdout)[0]  # type: ignore[index]
    command = [sys.executable, "-m", "loopbook", "serve", *told, "--port", "0", "--workers", workers]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    said, port = "", None
    for line in service.stdout:
        said += line
        if port := re.search(r"Serving .*:(\d+)", line):
            break
    assert port, said
    phases = [(QUIET, 2, args.quiet), (BURST, args.callers, args.burst), (QUIET, 2, args.after)]
    answer: Any = multiprocessing.get_context("spawn").Queue()
    load = multiprocessing.get_context("spawn").Process(
        target=_load, args=(int(port[1]), key, phases, answer), daemon=True
    )
    load.start()
    begin, alive, most = time.monotonic(), 0.0, 0
    last = begin
    while answer.empty():
        time.sleep(0.2)
        now, there = time.monotonic(), len(_children(service.pid))
        alive, last, most = alive + there * (now - last), now, max(most, there)
    heard = answer.get()
    load.join()
    service.terminate()
    said += service.stdout.read()
    assert service.wait(60) == 0, said
    changes = [line for line in said.splitlines() if "The queue" in line]
    return {"heard": heard, "worker_seconds": alive, "most": most, "changes": changes}


def shown(name: str, rounds: list[dict[str, Any]], args: argparse.Namespace) -> None:
    """Print a line for each phase: medians over the rounds, with the least and the most."""
    for at, (phase, seconds) in enumerate(((QUIET, args.quiet), (BURST, args.burst), (QUIET, args.after))):
        parts: list[Heard] = [each["heard"][at] for each in rounds]
        p50, p99 = ([1000 * float(np.quantile(part.seconds, share)) for part in parts] for share in (0.5, 0.99))
        rate = [len(part.seconds) / seconds for part in parts]
        wrong = sum(count for part in parts for status, count in part.statuses.items() if status != 200)
        print(f"{name:>6} {phase:>6} {spread(p50)} {spread(p99)} {spread(rate)} {wrong:>7}")
    print(f"{name:>6} worker seconds {spread([each['worker_seconds'] for each in rounds])}")
    for each in rounds:
        for line in each["changes"]:
            print(f"{'':>6} {line}")


def spread(values: list[float]) -> str:
    """Return the median of some rounds with the least and the most."""
    return f"{np.median(values):>8.1f} ({min(values):.1f} to {max(values):.1f})".ljust(28)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", default="market-monitor")
    parser.add_argument("--profile", default="smoke")
    parser.add_argument("--most", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quiet", type=float, default=10)
    parser.add_argument("--burst", type=float, default=45)
    parser.add_argument("--after", type=float, default=80)
    args = parser.parse_args()
    names = ("1", f"1:{args.most}", str(args.most))
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(args.rounds):
        for name in names:
            found[name].append(measured(args, name))
    print("workers  phase  p50, ms                      p99, ms                      answers/s                 errors")
    for name, rounds in found.items():
        shown(name, rounds, args)


if __name__ == "__main__":
    main()
