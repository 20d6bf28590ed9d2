"""JupyterLab in a browser: Run All, a misspelt parameter in a warm kernel, a draft that is seen, what git says."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.notebooks.test_three_ways import same
from tests.smoke import ROOT, Place, Ran

from loopbook.runner.debugging import QUIET
from loopbook.setup.place import Place as SetUp
from loopbook.setup.steps import filter_outputs

CELL = 'scenario = "clinic-triage"\nprofile = "smoke"\n'
TOKEN = "tested"


class Lab(NamedTuple):
    """A server of JupyterLab on a copy of the project, and what a visitor does there."""

    where: Place
    root: Path
    address: str
    page: Any

    def open(self, stage: str) -> None:
        self.page.goto(f"{self.address}/lab/tree/{stage}.ipynb?token={TOKEN}&reset")
        self.page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
        deadline = time.monotonic() + 60
        while not (self._has_kernel(stage) and self._idle()) and time.monotonic() < deadline:
            time.sleep(0.2)

    def parameters(self, text: str) -> None:
        """Type the first code cell anew, as a person does."""
        self.page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click()
        self.page.keyboard.press("ControlOrMeta+A")
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Escape")

    def save(self) -> None:
        self.page.keyboard.press("ControlOrMeta+S")

    def run_all(self, stage: str) -> str:
        """Choose Run All; return the text under all cells once they have run, or one has failed."""
        before = self._counts(stage)
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_text("Run All Cells", exact=True).click()
        deadline, ended = time.monotonic() + 300, 0
        while time.monotonic() < deadline and ended < 2:
            if self._idle():  # a stage that opens reads the file, which JupyterLab does not replace in one go
                self.save()
            time.sleep(1)
            new = [cell for cell, old in zip(self._cells(stage), before, strict=True) if cell["execution_count"] != old]
            failed = any(output["output_type"] == "error" for cell in new for output in cell["outputs"])
            whole = len(new) == len(before) and all(cell["execution_count"] for cell in new)
            ended = ended + 1 if (failed or whole) and self._idle() else 0
        if ended:
            return "".join(said(cell) for cell in self._cells(stage))
        raise AssertionError(f"{stage} has not come to its end: {self._counts(stage)}")

    def status(self) -> str:
        return subprocess.run(
            ["git", "status", "--short"], cwd=self.root, capture_output=True, text=True, check=True
        ).stdout

    def difference(self, stage: str) -> str:
        """Return what a commit would change in a notebook, or why Git cannot tell."""
        diff = ["git", "diff", f"notebooks/{stage}.ipynb"]
        done = subprocess.run(diff, cwd=self.root, capture_output=True, text=True, check=False)
        return done.stdout + (done.stderr if done.returncode else "")

    def _ask(self, what: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.address}/api/{what}?token={TOKEN}") as answer:
            return list(json.load(answer))

    def _has_kernel(self, stage: str) -> bool:
        return f"{stage}.ipynb" in {session["path"] for session in self._ask("sessions")}

    def _idle(self) -> bool:
        kernels = self._ask("kernels")
        return bool(kernels) and all(kernel["execution_state"] == "idle" for kernel in kernels)

    def _cells(self, stage: str) -> list[dict[str, Any]]:
        book = read_whole(self.root / "notebooks" / f"{stage}.ipynb")
        return [cell for cell in book["cells"] if cell["cell_type"] == "code"]

    def _counts(self, stage: str) -> list[int | None]:
        return [cell["execution_count"] for cell in self._cells(stage)]


def read_whole(path: Path) -> dict[str, Any]:
    """Return a notebook, which JupyterLab does not replace in one go."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def said(cell: dict[str, Any]) -> str:
    parts = []
    for output in cell["outputs"]:
        text = output.get("traceback", []) if output["output_type"] == "error" else output.get("text", "")
        parts.append("\n".join(text) if output["output_type"] == "error" else "".join(text))
    return "".join(parts)


@pytest.fixture
def lab(clinic: Ran, place: Callable[[str], Place], browser: Any) -> Iterator[Lab]:
    where = place("jupyterlab")
    root = where.folder / "project"
    shutil.copytree(ROOT / "notebooks", root / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for name in ("requirements.lock", ".gitattributes", ".gitignore"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(clinic[0].folder / "data", where.folder / "data")
    quiet = {"cwd": root, "check": True, "capture_output": True}
    subprocess.run(["git", "init", "-q"], **quiet)  # type: ignore[call-overload]
    filter_outputs(SetUp(root, Path(sys.prefix)))
    subprocess.run(["git", "add", "--all"], **quiet)  # type: ignore[call-overload]
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "all"], **quiet)  # type: ignore[call-overload]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [
        "--no-browser",
        f"--port={port}",
        f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.allow_root=True",
        *QUIET,
    ]
    environment = {
        **where.environment,
        "LOOPBOOK_PROJECT": str(root),
        "JUPYTER_CONFIG_DIR": str(where.folder / "jupyter"),
    }
    environment.pop("TF_CPP_MIN_LOG_LEVEL")
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", *words, str(root / "notebooks")],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    page = browser.new_page()
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and server.poll() is None:
            try:
                urllib.request.urlopen(f"{address}/api?token={TOKEN}").close()
                break
            except OSError:
                time.sleep(0.3)
        yield Lab(where, root, address, page)
    finally:
        page.close()
        server.terminate()
        server.wait(90)


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_an_hour_in_jupyterlab(lab: Lab, clinic: Ran) -> None:
    record = clinic[1]
    lab.open("03_training")
    lab.parameters(CELL + 'candidate = "logistic"')
    told = lab.run_all("03_training")
    assert told == f"Reads train, validation, features from run {record['run']}.\n", "and no note of TensorFlow's start"
    assert not lab.page.get_by_text("Would you like to get notified").count(), "no pop-up asks about news"
    results = dict(lab.where.draft("clinic-triage", "03_training-logistic", "results"))
    same(results, record["stages"]["03_training[logistic]"]["metrics"])

    lab.parameters(CELL + 'candidate = "logistic"\nepoch = 3')
    told = re.sub("\x1b\\[[0-9;]*m", "", lab.run_all("03_training"))
    assert "ScenarioError: 03_training has no parameter 'epoch'. Did you mean 'epochs'?" in told
    assert "Traceback" not in told

    lab.open("02_data")
    lab.parameters(CELL + "rows = 400")
    told = lab.run_all("02_data")
    assert "Error" not in told, told
    lab.open("03_training")
    lab.parameters(CELL + 'candidate = "logistic"')
    told = lab.run_all("03_training")
    assert re.search(r"Reads train, validation, features from your draft of \d\d:\d\d with rows = 400\.", told)
    lab.save()
    assert lab.status() == " M notebooks/02_data.ipynb\n M notebooks/03_training.ipynb\n"

    committed = json.loads((ROOT / "notebooks" / "03_training.ipynb").read_text(encoding="utf-8"))
    cell = next(cell for cell in committed["cells"] if "parameters" in cell["metadata"].get("tags", []))
    lab.parameters("".join(cell["source"]))
    lab.save()
    deadline = time.monotonic() + 30
    # While it is being saved, the file is empty for a moment: JupyterLab does not replace it in one go.
    while (changed := lab.difference("03_training")) and time.monotonic() < deadline:
        time.sleep(1)
        lab.save()
    assert changed == "", "outputs never reach a commit"
