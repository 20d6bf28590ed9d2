"""Two processes write one log and are killed at random: nothing that was acknowledged is lost, and the chains hold."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import Engine, func, select

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.tables import RECORDS
from loopbook.decisions.audit.verify import verify
from loopbook.store.project import Project

WRITING = """
import os, sys, threading
from pathlib import Path
from loopbook.decisions.audit.database import connect
from loopbook.decisions.audit.entry import Entry, new_id
from loopbook.decisions.audit.writer import Writer
from loopbook.store.project import Project

address, told, mark = sys.argv[1:]
handle = os.open(told, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
engine = connect(Project(Path(told).parent), address)
writer = Writer(engine, "tiny").__enter__()

def call(name):
    for number in range(10**6):
        own = Entry("decision", new_id(), {"n": number}, {"fields": {"text": "x" * 300}}, f"{mark}-{name}-{number}")
        shared = Entry("feedback", new_id(), {"n": number}, {"comment": mark}, f"shared-{name}-{number}")
        for stored in writer.append([own, shared]).result():
            os.write(handle, f"{stored.id} {stored.writer} {stored.seq} {stored.hash}\\n".encode())

for name in range(4):
    threading.Thread(target=call, args=(name,)).start()
"""


def test_nothing_acknowledged_is_lost_when_writers_are_killed(engine: Engine, address: str, tmp_path: Path) -> None:
    coin, told = random.Random(), [tmp_path / "one.txt", tmp_path / "two.txt"]
    for number in range(4):
        commands = [[sys.executable, "-c", WRITING, address, str(path), f"{path.stem}{number}"] for path in told]
        before = [len(path.read_bytes()) if path.exists() else 0 for path in told]
        running = [subprocess.Popen(command) for command in commands]
        for process, path, size in zip(running, told, before, strict=True):
            while not path.exists() or len(path.read_bytes()) <= size + 200:
                assert process.poll() is None
                time.sleep(0.02)
        coin.shuffle(running)
        for process in running:
            time.sleep(coin.random() * 0.4)
            process.send_signal(signal.SIGKILL)
            process.wait()
    time.sleep(0.3)  # a server may finish what it was given
    lines = [line for path in told for line in path.read_text().splitlines(keepends=True)]
    acknowledged = [line.split() for line in lines if line.endswith("\n")]
    stored = {record.id: record for record in reader.entries(engine, "tiny")}
    for id, writer, seq, hash in acknowledged:
        assert (stored[id].writer, stored[id].seq, stored[id].hash) == (writer, int(seq), hash)
    with engine.connect() as connection:
        again = select(RECORDS.c.key).where(RECORDS.c.key.is_not(None)).group_by(RECORDS.c.key)
        assert list(connection.scalars(again.having(func.count() > 1))) == []
    assert len({line[0] for line in acknowledged}) > 40
    found = verify(engine, Project(tmp_path).state, [])
    assert found.problems == ()
    assert (found.chains, found.closed) == (8, 0)
    assert found.records == len(stored)
