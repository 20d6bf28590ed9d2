"""Kernels are forked where that is safe and spawned where not; both do the same, and neither outlives its run."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.provisioning.local_provisioner import LocalPortCache
from tests.conftest import notebook

from loopbook.runner import engine
from loopbook.runner.kernels.libraries import Level
from loopbook.runner.kernels.pool import Kernels, environment, level_of, why_spawn
from loopbook.scenario.errors import LoopbookError
from loopbook.store.declaration import declaration, declarations
from loopbook.store.project import Project
from loopbook.store.records import ErrorRecord

ROOT = Path(__file__).resolve().parents[3]
CAN_FORK = sys.platform.startswith("linux") and why_spawn() is None
needs_fork = pytest.mark.skipif(not CAN_FORK, reason="kernels are forked on Linux without a GPU only")

SEARCHED: list[list[str]] = []
FACTS = """\
import json, os, signal, sys, threading
import numpy as np
print(json.dumps({
    "pid": os.getpid(), "parent": os.getppid(), "session": os.getsid(0), "group": os.getpgrp(), "cwd": os.getcwd(),
    "random": float(np.random.random()), "given": os.environ.get("GIVEN"), "job": os.environ.get("LOOPBOOK_JOB"),
    "threads": os.environ["OMP_NUM_THREADS"], "term": signal.getsignal(signal.SIGTERM) == signal.SIG_DFL,
    "tensorflow": "tensorflow" in sys.modules, "argument": sys.argv[1], "path": sys.path,
    "descriptors": sorted(os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")
                          if n not in "012" and os.path.exists(f"/proc/self/fd/{n}")),
}))
"""


@pytest.fixture(scope="module", params=[pytest.param("fork", marks=needs_fork), "spawn"])
def kernels(request: pytest.FixtureRequest) -> Iterator[tuple[Kernels, list[str]]]:
    """Return the kernels of a run in each way, and what they say."""
    said: list[str] = []
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KERNELS", request.param)
            opened = stack.enter_context(Kernels(said.append))
        yield opened, said


def execute(
    kernels: Kernels, folder: Path, *cells: str, level: Level = Level.LIGHT, more: dict[str, str] | None = None
) -> tuple[ErrorRecord | None, list[str]]:
    """Execute cells as a notebook; return why it failed, and what it printed."""
    path = notebook(folder / "in.ipynb", {}, "a = 1", *cells)
    failure = engine.execute(
        path,
        folder / "out.ipynb",
        {},
        environment={**environment(), **(more or {})},
        folder=folder,
        kernels=kernels,
        level=level,
    )
    cells_out = nbformat.read(folder / "out.ipynb", as_version=4).cells
    return failure, ["".join(out.get("text", "")) for cell in cells_out for out in cell.get("outputs", [])]


def facts(kernels: Kernels, folder: Path, level: Level = Level.LIGHT, **more: str) -> dict[str, Any]:
    failure, said = execute(kernels, folder, FACTS, level=level, more=more)
    assert failure is None
    return dict(json.loads(said[0]))


def test_each_kernel_has_its_own_environment_session_folder_and_random_state(
    kernels: tuple[Kernels, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, said = kernels
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    first, second = facts(opened, tmp_path, GIVEN="one"), facts(opened, tmp_path, LOOPBOOK_JOB="two")
    for each in (first, second):
        assert each["session"] == each["group"] == each["pid"]
        assert each["cwd"] == str(tmp_path)
        assert each["threads"] == "1"
        assert each["term"]
        assert each["path"] == first["path"]
        assert each["argument"] == "-f"
        assert not each["tensorflow"]
    assert (first["given"], second["given"]) == ("one", None)
    assert (first["job"], second["job"]) == (None, "two")
    assert first["random"] != second["random"]
    assert first["pid"] != second["pid"]
    forked = first["parent"] != os.getpid()
    assert forked == (not said)
    SEARCHED.append(first["path"])
    assert SEARCHED[0] == SEARCHED[-1], "modules are found in the same places, forked and spawned"


def test_a_kernel_needs_no_port_that_another_process_may_take_meanwhile_and_hears_its_owner_alone(
    kernels: tuple[Kernels, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(LocalPortCache, "find_available_port", lambda *_: taken.getsockname()[1])
        failure, said = execute(kernels[0], tmp_path, "import os, sys, json; print(json.load(open(sys.argv[2]))['ip'])")
    assert failure is None
    folder = Path(said[0]).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_for_temporary_files_whose_path_is_too_long_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (long := tmp_path / ("long" * 20)).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with Kernels(lambda _: None) as opened, pytest.raises(LoopbookError, match=f"{long}.* set TMPDIR to a shorter"):
        execute(opened, tmp_path, "1")
    assert not any(long.iterdir()), "a run leaves nothing there"


@needs_fork
def test_a_forked_kernel_inherits_nothing_of_the_server_but_its_log(tmp_path: Path) -> None:
    with Kernels(lambda text: pytest.fail(text)) as opened:
        opened.prepare(Level.HEAVY)
        found = facts(opened, tmp_path)
    assert not [name for name in found["descriptors"] if "pidfd" in name]


@needs_fork
def test_a_heavy_kernel_computes_with_tensorflow_what_a_spawned_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = """\
        import os, sys
        begun = "tensorflow" in sys.modules
        import keras, numpy as np
        from loopbook.models.training import runtime
        runtime.prepare(7)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1)])
        model.compile("adam", "mse")
        x = np.arange(80.0).reshape(20, 4) / 80
        model.fit(x, x.sum(axis=1), epochs=2, verbose=0)
        print(float(np.abs(model.predict(x, verbose=0)).sum()).hex(), begun)"""
    found = {}
    for way in ("fork", "spawn"):
        monkeypatch.setenv("KERNELS", way)
        with Kernels(lambda text: None) as opened:
            opened.prepare(Level.HEAVY)
            failure, said = execute(opened, tmp_path, code, level=Level.HEAVY)
            assert failure is None
            found[way] = said[-1].split()
    assert found["fork"][0] == found["spawn"][0]
    assert (found["fork"][1], found["spawn"][1]) == ("True", "False")


def proof(*lines: str) -> str:
    """Return what a process that has done something says of whether it may be forked."""
    code = "\n".join(["from loopbook.runner.kernels.fork_server import unfit", *lines, "print(unfit())"])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment(), cwd=ROOT
    )
    return done.stdout.strip()


@needs_fork
@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            [
                "from loopbook.runner.kernels.libraries import *",
                "load(Level.LIGHT)",
                "load(Level.HEAVY)",
                "assert unfit() is None, unfit()",
                "import tensorflow as tf",
                "tf.constant(1.0) + 1",
            ],
            "TensorFlow has begun to compute|a thread runs",
        ),
        (["import threading, time", "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"], "a thread"),
        (["import loopbook.privacy.personal_data"], "it has imported loopbook"),
    ],
)
def test_the_proof_that_a_process_may_be_forked_fails_when_it_must(lines: list[str], reason: str) -> None:
    assert any(proof(*lines).startswith(each) for each in reason.split("|"))


@needs_fork
def test_where_the_proof_fails_kernels_are_spawned_and_the_reason_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    thread = "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n"
    (tmp_path / "site" / "sitecustomize.py").write_text(thread)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    said: list[str] = []
    with Kernels(said.append) as opened:
        opened.prepare(Level.HEAVY)
        for level in Level:
            assert execute(opened, tmp_path, "print(1)", level=level) == (None, ["1\n"])
    assert len(said) == 1
    assert said[0].startswith("Kernels are spawned, not forked: a thread runs in it besides the main one")


@needs_fork
def test_a_killed_fork_server_is_no_end_of_the_run(tmp_path: Path) -> None:
    said: list[str] = []
    with Kernels(said.append) as opened:
        parent = facts(opened, tmp_path)["parent"]
        assert parent != os.getpid(), said
        os.kill(parent, signal.SIGKILL)
        assert execute(opened, tmp_path, "print(1)") == (None, ["1\n"])
    assert said == ["Kernels are spawned, not forked: the fork server has ended."]


def test_a_way_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELS", "forks")
    with pytest.raises(LoopbookError, match=r"must be fork or spawn, not 'forks'\. Did you mean 'fork'"):
        why_spawn()


def test_only_notebooks_that_train_get_tensorflow() -> None:
    levels = {stage: level_of(declared) for stage, declared in declarations(ROOT / "notebooks").items()}
    heavy = {stage[:2] for stage, level in levels.items() if level is Level.HEAVY}
    assert heavy == {"03", "04", "07", "08", "09", "10", "11", "12"}


@pytest.mark.parametrize(
    ("cell", "level"),
    [
        ("import keras", Level.HEAVY),
        ("def late():\n    from tensorflow import data", Level.HEAVY),
        ("from loopbook.models.training import fitting", Level.HEAVY),
        ("from loopbook.models.shipping import serving", Level.LIGHT),
        ("import pandas  # not tensorflow", Level.LIGHT),
    ],
)
def test_what_a_notebook_imports_decides_its_level(tmp_path: Path, cell: str, level: Level) -> None:
    path = notebook(tmp_path / "08_more.ipynb", {}, "a = 1", cell)
    assert level_of(declaration(path)) is level


HANG = """\
import os, subprocess, time
subprocess.Popen(["sleep", "600"])
open(os.environ["MARK"], "w").write("here")
time.sleep(600)
"""


def left(folder: Path) -> list[str]:
    """Return the processes whose environment names a folder, this one apart."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (path / "environ").read_bytes() and int(path.name) != os.getpid():
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def until(what: Any, seconds: float = 60) -> bool:
    """Wait until something holds; say whether it does."""
    deadline = time.monotonic() + seconds
    while not what() and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(what())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found by /proc")
@pytest.mark.parametrize(
    ("way", "number", "code"),
    [
        pytest.param("fork", signal.SIGINT, 130, marks=needs_fork),
        ("spawn", signal.SIGTERM, 143),
        pytest.param("fork", signal.SIGKILL, -9, marks=needs_fork),
    ],
)
def test_an_interrupted_run_leaves_no_process_and_goes_on_later(
    project: Project, tmp_path: Path, way: str, number: int, code: int
) -> None:
    path = project.notebooks / "02_data.ipynb"
    whole = path.read_text()
    book = nbformat.read(path, as_version=4)
    book.cells[-1].source = HANG + book.cells[-1].source
    nbformat.write(book, path)
    mark = tmp_path / "mark"
    command = [sys.executable, "-m", "loopbook", "run", "--scenario", "tiny"]
    known = {**os.environ, "KERNELS": way, "MARK": str(mark)}
    run = subprocess.Popen(
        command,
        env=known,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # A shell that starts the tests in the background lets them ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert until(mark.exists), run.communicate()[0]
    run.send_signal(number)
    assert run.wait(20) == code
    said = run.communicate()[0].decode()
    if number == signal.SIGINT:
        assert "Interrupted. What was finished is kept" in said
    assert until(lambda: not left(project.root), 10), left(project.root)
    assert not (project.store / "failures").exists()
    path.write_text(whole)
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
