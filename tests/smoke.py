"""The committed notebooks run in the smoke profile, with data and reports in a folder of the tests' own."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import mkdtemp
from typing import Any

from filelock import FileLock

from loopbook.store import syntax

ROOT = Path(__file__).resolve().parents[1]
DEFAULT = "market-monitor"
AT_HAND = (DEFAULT, "clinic-triage", "support-desk", "book-shop")
"""Agents whose data is simulated, authored or installed."""
NOTE_IMPORTS = """\
def _note_imports():
    import json, os, pathlib, sys
    job = json.loads(pathlib.Path(os.environ["LOOPBOOK_JOB"]).read_text())
    folder = pathlib.Path(os.environ["IPYTHONDIR"]) / "imported"
    folder.mkdir(exist_ok=True)
    (folder / f"{job['stage']}.json").write_text(json.dumps(sorted(name for name in sys.modules if "." not in name)))
import atexit as _atexit
_atexit.register(_note_imports)
"""
"""Run by IPython in each kernel: leaves what its notebook has imported by its end."""


@cache
def readings() -> Path:
    """Return a folder with all that `loopbook.store.syntax` remembers of the code in ``src``."""
    folder = Path(mkdtemp(prefix="readings-"))
    atexit.register(rmtree, folder)
    with syntax.remembered(folder):
        for module in (ROOT / "src").rglob("*.py"):
            syntax.read(module.read_text(encoding="utf-8"))
    return folder


def remember_code(data: Path) -> None:
    """Let runs in a fresh folder for data know the code as if one had run there before: two seconds each."""
    if not (data / "cache").exists():
        copytree(readings(), data / "cache", dirs_exist_ok=True)


@dataclass(frozen=True)
class Place:
    """A folder for data and reports, and what a process needs to know of it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        hidden = ("PYTHONDONTWRITEBYTECODE", "LOOPBOOK_JOB")
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        return {
            **kept,
            "LOOPBOOK_PROJECT": str(ROOT),
            "LOOPBOOK_DATA": str(self.folder / "data"),
            "LOOPBOOK_REPORTS": str(self.folder / "reports"),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "IPYTHONDIR": str(self.folder / "ipython"),
        }

    def python(self, *words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        """Run a module of this environment in a fresh process."""
        remember_code(self.folder / "data")
        return subprocess.run(
            [sys.executable, *words], cwd=cwd, env=self.environment, capture_output=True, text=True, check=False
        )

    def execute(self, scenario: str, *words: str) -> None:
        """Run a scenario by the command line; smoke judges no criterion."""
        done = self.python("-m", "loopbook", "run", "--scenario", scenario, "--profile", "smoke", *words)
        assert done.returncode == 0, done.stdout + done.stderr

    def run(self, scenario: str, *words: str) -> dict[str, Any]:
        """Run a scenario and return its run.json."""
        self.execute(scenario, *words)
        return self.record(Path(scenario).stem)

    def page(self, scenario: str) -> Path:
        """Return run.json's path of a scenario's latest run."""
        return self.folder / "reports" / scenario / "latest" / "run.json"

    def record(self, scenario: str) -> dict[str, Any]:
        """Return run.json of a scenario's latest run."""
        record: dict[str, Any] = json.loads(self.page(scenario).read_text(encoding="utf-8"))
        return record

    def draft(self, scenario: str, stage: str, name: str) -> Mapping[str, Any]:
        """Return what a notebook opened by hand has recorded."""
        path = self.folder / "data" / "drafts" / scenario / "smoke" / stage / f"{name}.json"
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


Ran = tuple[Place, dict[str, Any]]
"""Where a scenario was run, and its run.json."""


def run_once(scenario: str, shared: Path) -> Ran:
    """Run a scenario by the command line, unless another process of these tests has; return its latest run.

    The default scenario is started twice at once: each notebook is executed by one of the two, and what all tests
    look at is a run that has met another.
    """
    where = Place(shared / f"run-{scenario}")
    with FileLock(shared / f"run-{scenario}.lock"):
        if not where.page(scenario).exists():
            startup = where.folder / "ipython" / "profile_default" / "startup"
            startup.mkdir(parents=True, exist_ok=True)
            (startup / "imported.py").write_text(NOTE_IMPORTS)
            with ThreadPoolExecutor() as threads:
                list(threads.map(where.execute, [scenario] * (2 if scenario == DEFAULT else 1)))
    return where, where.record(scenario)
