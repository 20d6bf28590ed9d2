"""Run the committed notebooks once, in the smoke profile, with data and reports in a folder of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
        return subprocess.run(
            [sys.executable, *words], cwd=cwd, env=self.environment, capture_output=True, text=True, check=False
        )

    def run(self, scenario: str, *words: str) -> dict[str, Any]:
        """Run a scenario by the command line and return its run.json."""
        done = self.python("-m", "loopbook", "run", "--scenario", scenario, "--profile", "smoke", *words)
        assert done.returncode in (0, 3), done.stdout + done.stderr
        name = Path(scenario).stem
        page = self.folder / "reports" / name / "latest" / "run.json"
        record: dict[str, Any] = json.loads(page.read_text(encoding="utf-8"))
        return record

    def draft(self, scenario: str, stage: str, name: str) -> Mapping[str, Any]:
        """Return what a notebook opened by hand has recorded."""
        path = self.folder / "data" / "drafts" / scenario / "smoke" / stage / f"{name}.json"
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Place]:
    """Return a folder by name."""
    return lambda name: Place(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="session")
def ran(place: Callable[[str], Place]) -> tuple[Place, dict[str, Any]]:
    """Return the default scenario's smoke run, by the runner."""
    where = place("runner")
    startup = where.folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "imported.py").write_text(NOTE_IMPORTS)
    return where, where.run("market-monitor")


@pytest.fixture(scope="session")
def clinic(place: Callable[[str], Place]) -> tuple[Place, dict[str, Any]]:
    """Return the smoke run of clinic-triage."""
    where = place("clinic")
    return where, where.run("clinic-triage")


@pytest.fixture(scope="session")
def press(place: Callable[[str], Place]) -> tuple[Place, dict[str, Any]]:
    """Return the smoke run of press-monitor, whose data is public but not part of this project."""
    if not os.environ.get("LOOPBOOK_DATA_MIRROR"):
        pytest.skip("press-monitor's data would be downloaded; set LOOPBOOK_DATA_MIRROR to test with a mirror")
    where = place("press")
    return where, where.run("press-monitor")
