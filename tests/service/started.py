"""A service started as a user starts it, and the load that is put on it, each in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import pandas as pd
from sqlalchemy import Engine
from tests.service import load
from tests.smoke import ROOT

from loopbook.decisions.audit.entry import agent_name
from loopbook.service import keys
from loopbook.store.lookup import artifact, newest
from loopbook.store.project import Project


class Service:
    """A service in processes of its own; a context manager."""

    def __init__(
        self,
        project: Project,
        engine: Engine,
        scenario: str,
        workers: int | str = 2,
        params: str = "",
        profile: str = "smoke",
        port: int = 0,
    ) -> None:
        self.project, self.scenario, self.profile = project, scenario, profile
        self.agent = agent_name(scenario, profile)
        self.key = keys.create(engine, self.agent, "test", "admin", "test")
        words = ["serve", "--scenario", scenario, "--profile", profile, "--workers", str(workers), "--port", str(port)]
        words += ["--params", params]
        place = {"LOOPBOOK_PROJECT": str(project.root), "LOOPBOOK_DATA": str(project.data)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loopbook", *words],
            env={**os.environ, **place, "LOOPBOOK_REPORTS": str(project.reports), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []

    def __enter__(self) -> Self:
        self.address = self.wait("Serving").rsplit(" ", 1)[-1].strip()
        self.port = int(self.address.rsplit(":", 1)[-1])
        return self

    def wait(self, word: str) -> str:
        """Return the next line that begins with a word."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line)
            if line.startswith(word):
                return line
        raise AssertionError("".join(self.said))

    @property
    def workers(self) -> list[int]:
        """The processes of its workers."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="utf-8")
        return [int(child) for child in children.split()]

    @property
    def ready(self) -> list[int]:
        """Those of them that listen."""
        listening = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()
        own = {line.split()[9] for line in listening if f":{self.port:04X} 00000000:0000 0A" in line}
        return [worker for worker in self.workers if own & _sockets(worker)]

    def kill(self) -> None:
        """End all its processes at once, as a power failure would."""
        for process in (*self.workers, self._process.pid):
            os.kill(process, signal.SIGKILL)
        self._process.wait(60)

    def __exit__(self, *_: object) -> None:
        if self._process.returncode == -signal.SIGKILL:
            return
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(60) == 0, "".join(self.said)

    def load(self, **how: Any) -> subprocess.Popen[str]:
        """Begin to send what users write, from another process."""
        run = newest(self.project, self.scenario, self.profile)
        rows = pd.read_parquet(artifact(self.project, run, "stream")).head(2_000)
        bodies = self.project.data / "bodies.json"
        bodies.write_text(json.dumps([{"fields": {"text": text}} for text in rows["text"]]), encoding="utf-8")
        plan = load.Plan(self.port, self.key, str(bodies), **how)
        return subprocess.Popen(load.command(plan), stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _sockets(process: int) -> set[str]:
    """Return the inodes of a process's sockets."""
    found = set()
    for name in Path(f"/proc/{process}/fd").glob("*"):
        try:
            target = str(name.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def measured(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a load generator has found."""
    said, _ = process.communicate(timeout=600)
    found: dict[str, Any] = json.loads(said)
    return found
