"""Metrics: one count over all worker processes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from loopbook.service.metrics import Metrics

WORKER = """
import os, sys
from pathlib import Path
from loopbook.service import metrics
if sys.argv[2] == "first":
    metrics.share(Path(sys.argv[1]))
else:
    os.environ[metrics.FOLDER] = sys.argv[1]
counts = metrics.Metrics()
for _ in range(10):
    counts.answered("/v1/decisions", "POST", 200, 0.003)
counts.batch([0.001, 0.02])
counts.decided({"alert": 2})
counts.alert("latency", sys.argv[2] == "first")
if sys.argv[2] == "last":
    metrics.ended(int(sys.argv[3]))
    print(counts.text()[0].decode())
else:
    print(os.getpid())
"""


def values(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in re.findall(r"^(loopbook\S*) (\S+)$", text, re.M)}


def test_workers_count_together_from_zero(tmp_path: Path) -> None:
    folder = tmp_path / "counts"
    folder.mkdir()
    (folder / "counter_1.db").write_bytes(b"of a service before")

    def worker(*which: str) -> str:
        command = [sys.executable, "-c", WORKER, str(folder), *which]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    first, _ = worker("first"), worker("second")
    found = values(worker("last", first))
    assert found['loopbook_requests_total{method="POST",route="/v1/decisions",status="200"}'] == 30
    assert found['loopbook_request_seconds_count{route="/v1/decisions"}'] == 30
    assert found['loopbook_queue_seconds_bucket{le="0.005"}'] == 3 and found["loopbook_queue_seconds_count"] == 6
    assert found["loopbook_batch_size_sum"] == 6
    assert found['loopbook_decisions_total{action="alert"}'] == 6
    assert found['loopbook_alert{what="latency"}'] == 0, "the first has ended, and its alert with it"


def test_a_process_alone_counts_for_itself() -> None:
    one, other = Metrics(), Metrics()
    one.answered("/healthz", "GET", 200, 0.001)
    one.incident()
    assert values(one.text()[0].decode())["loopbook_incidents_total"] == 1
    assert values(other.text()[0].decode())["loopbook_incidents_total"] == 0
    assert one.text()[1].startswith("text/plain")
