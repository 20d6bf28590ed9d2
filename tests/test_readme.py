"""README and docs stay true: every command in them is run as it stands, in smoke and in folders of the test's own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from loopbook.decisions.audit.database import connect
from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.replay import Budget
from loopbook.operations import auditing
from loopbook.service.agent import Served, artifact
from loopbook.store.project import Project
from tests.smoke import Ran
from tests.starter import tables

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = {page: page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *DOCS)}
COMMANDS = [
    line
    for text in PAGES.values()
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.S)
    for line in block.splitlines()
    if line.strip()
]
"""In the order in which a reader meets them: the README first, then the pages of docs by name."""
BY_CI = ("make test",)
"""Run by .ci/run, of which this test is a part."""
WITHOUT_REPORT = ("make help", "make watch", "make clean", "make doctor", "make why", "make share")
SERVERS = {
    "make lab": "8888/",
    "make tensorboard": "6006/",
    ".venv/bin/jupyter lab": "8890/",
    "make serve": "8000/readyz",
}
"""Where each answers when it is up."""
MISSED = (0, 3)
"""A run in the smoke profile may miss a criterion; make turns that into 2."""


def environment(folder: Path) -> dict[str, str]:
    hidden = {
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "PROFILE",
        "SCENARIO",
        "PARAMS",
        "GRID",
        "ENGINE",
        "DASK",
        "JOBS",
        "WORKERS",
        "PORT",
        "SWEEP",
        "LOOPBOOK_PROJECT",
        "NAME",
        "FILE",
        "LABEL",
        "ITEMS",
        "USERS",
        "RUN",
        "HTML",
        "OUT",
        "ALLOW",
        "LOOKS",
    }
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {
        **kept,
        "PROFILE": "smoke",
        "LOOPBOOK_DATA": str(folder / "data"),
        "LOOPBOOK_REPORTS": str(folder / "reports"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "BROWSER": "true",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, smoke_run: Callable[[str], Ran]) -> Path:
    """Return a folder for data and reports that all commands share, as a reader's would who has run the agents."""
    made = tmp_path_factory.mktemp("readme")
    mirrored = ["press-monitor"] if "LOOPBOOK_DATA_MIRROR" in os.environ else []
    for scenario in ("market-monitor", "clinic-triage", *mirrored):
        for name in ("data", "reports"):
            shutil.copytree(smoke_run(scenario)[0].folder / name, made / name, dirs_exist_ok=True)
    return made


def test_the_commands_are_those_that_are_known() -> None:
    assert COMMANDS[:2] == ["make", "make test"]
    assert len(COMMANDS) == len(set(COMMANDS))


def test_readme_says_ten_words_and_leads_to_every_page_of_docs() -> None:
    readme = PAGES[ROOT / "README.md"]
    words = re.findall(r"^\| \*\*(\w+)\*\* \|", readme, flags=re.M)
    assert len(words) == len(set(words)) == 10
    assert {f"docs/{page.name}" for page in DOCS} <= set(re.findall(r"\]\(([^)]+)\)", readme))


def test_every_link_leads_to_a_file_of_the_project() -> None:
    links = [(page, link) for page, text in PAGES.items() for link in re.findall(r"\]\(([^):]+)\)", text)]
    assert [(page.name, link) for page, link in links if not (page.parent / link).is_file()] == []


def test_where_things_are_names_every_room() -> None:
    rooms = {path.parent.name for path in (ROOT / "src" / "loopbook").glob("*/__init__.py")}
    (row,) = re.findall(r"^\| `src/loopbook/` \|.*$", PAGES[ROOT / "README.md"], flags=re.M)
    assert rooms <= set(re.findall(r"`(\w+)`", row))


def test_ci_runs_the_test_command() -> None:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert all(command in text for command in BY_CI)


@pytest.mark.parametrize("command", [line for line in COMMANDS if line not in BY_CI])
def test_a_command_of_readme_and_docs_does_what_it_says(
    command: str, folder: Path, alone: Callable[[str], FileLock]
) -> None:
    if "press-monitor" in command and not os.environ.get("LOOPBOOK_DATA_MIRROR"):
        pytest.skip("press-monitor's data would be downloaded; set LOOPBOOK_DATA_MIRROR to test with a mirror")
    (folder / "data" / "drafts").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "incoming").mkdir(exist_ok=True)
    command = re.sub(r"([ =])data/(drafts|incoming)\b", rf"\1{folder}/data/\2", command)
    place = new_agent(folder) if command.startswith("make new") else {}
    if " audit " in command:
        place = {"HOME": str(folder / "home")}
        log(folder)
    command = command.replace("FILE=my.csv", f"FILE={folder}/my.csv")
    if command.startswith("make loop"):  # more rounds than one are those of notebooks/test_rounds.py
        command = command.replace("N=3", "N=1")
    server = next((where for name, where in SERVERS.items() if command.startswith(name)), None)
    if command.startswith(".venv/bin/jupyter lab") and os.geteuid() == 0:
        command += " --allow-root"  # as its page says
    if server is not None:
        with alone("ports"):
            assert answers(command, server, folder)
        return
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=environment(folder) | place, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    ran = "Report: " in output
    missed = ran and ("Error 3" in output or done.returncode == 3)
    regressed = command.startswith("make compare") and "Error 1" in output
    assert done.returncode == 0 or missed or regressed, output
    if command.startswith("make debug"):
        assert "Nothing failed in the latest run" in output
    elif command.startswith("make share"):
        assert Path(re.findall(r"Shared: (.*) \(", output)[-1]).is_file()
    elif command.startswith("make") and not command.startswith(WITHOUT_REPORT):
        assert ran, output
    if ran:
        page = Path(re.findall(r"Report: (.*)", output)[-1].strip())
        assert page.is_file()


def log(folder: Path) -> None:
    """Let an agent decide on some rows, as if it had been served."""
    project = Project(ROOT, folder / "data")
    if auditing.named_runs(project):
        return
    served, engine = Served.load(project, "clinic-triage", "smoke"), connect(project)
    fields = pd.read_parquet(artifact(project, served.run, "stream"))[[*served.scenario.task.fields]]
    with Writer(engine, served.name) as writer:
        kept = served.prepare([{"fields": row} for row in fields.head(20).to_dict("records")])
        writer.append(served.decide(kept, Budget(0.1))).result()
    engine.dispose()


def new_agent(folder: Path) -> dict[str, str]:
    """Write a reader's csv file, and a copy of the project in which the new scenario may stand; return its address."""
    tables.deliveries(folder / "my.csv", rows=300)
    copy = folder / "project"
    shutil.copytree(ROOT / "notebooks", copy / "notebooks", dirs_exist_ok=True)
    shutil.copy(ROOT / "requirements.lock", copy)
    return {"LOOPBOOK_PROJECT": str(copy)}


def answers(command: str, where: str, folder: Path) -> bool:
    """Say whether a command starts a server that answers there; it is stopped afterwards."""
    if not shutil.which("setsid"):
        pytest.skip("setsid is needed to stop a server with all that it started")
    quiet = {"JUPYTER_CONFIG_DIR": str(folder / "jupyter"), "IPYTHONDIR": str(folder / "ipython")}
    arguments = ["bash", "-c", command]
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=environment(folder) | quiet,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{where}", timeout=2) as response:
                    return bool(response.status == 200)
            except OSError:
                time.sleep(0.5)
        return False
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
