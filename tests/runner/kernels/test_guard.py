"""Nothing that a run has started outlives it, nor what a kernel has started the kernel, whoever is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from tests.runner.kernels.test_pool import ROOT, execute, left, needs_fork, until

from loopbook.runner.kernels.libraries import Level
from loopbook.runner.kernels.pool import Kernels

pytestmark = needs_fork
WITHIN = 5
"""Seconds within which everything must be gone; it takes a tenth of a second."""
HANGS = "import os, time\nopen(os.environ['MARK'], 'w').close()\ntime.sleep(600)\n"
RUN = """\
import time
from loopbook.runner.kernels.libraries import Level
from loopbook.runner.kernels.pool import Kernels
with Kernels(print) as kernels:
    kernels.prepare(Level.HEAVY)
    time.sleep(600)
"""
KILL = """\
import os, signal, subprocess, time
subprocess.Popen(["sleep", "600"])
victim = os.getpid()
for _ in range({generations}):
    with open(f"/proc/{{victim}}/stat") as file:
        victim = int(file.read().rpartition(")")[2].split()[1])
os.kill(victim, signal.SIGKILL)
time.sleep(600)
"""


@pytest.mark.parametrize("library", ["sklearn", "keras"])
def test_a_server_that_hangs_in_an_import_dies_with_its_run(tmp_path: Path, library: str) -> None:
    (tmp_path / f"{library}.py").write_text(HANGS)
    mark = tmp_path / "mark"
    known = {**os.environ, "PYTHONPATH": str(tmp_path), "MARK": str(mark), "KERNELS": "fork"}
    run = subprocess.Popen([sys.executable, "-c", RUN], env=known, cwd=ROOT)
    try:
        assert until(mark.exists), left(tmp_path)
        # the run, the guard, the light server, and the heavy one
        assert len(left(tmp_path)) == (4 if library == "keras" else 3)
    finally:
        run.kill()
        run.wait()
    assert until(lambda: not left(tmp_path), WITHIN), left(tmp_path)


@pytest.mark.parametrize(("generations", "whom"), enumerate(["kernel", "server", "guard"]))
def test_whoever_is_killed_the_kernel_is_named_and_what_it_had_started_ends(
    tmp_path: Path, alone: Callable[[str], FileLock], generations: int, whom: str
) -> None:
    said: list[str] = []
    with alone("kills"), Kernels(said.append) as opened:
        failure, _ = execute(opened, tmp_path, KILL.format(generations=generations), more={"HERE": str(tmp_path)})
        assert failure is not None
        assert failure.kind == "SIGKILL"
        assert until(lambda: not left(tmp_path), WITHIN), left(tmp_path)
        assert execute(opened, tmp_path, "print(1)") == (None, ["1\n"])
    assert said == ([] if whom == "kernel" else ["Kernels are spawned, not forked: the fork server has ended."])


def test_not_even_a_daemon_of_a_notebook_outlives_the_run(tmp_path: Path) -> None:
    daemon = "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\nprint(1)"
    with Kernels(lambda text: pytest.fail(text)) as opened:
        assert execute(opened, tmp_path, daemon, more={"HERE": str(tmp_path)}) == (None, ["1\n"])
        assert left(tmp_path) == ["sleep 600 "]
    assert until(lambda: not left(tmp_path), WITHIN), left(tmp_path)


def test_a_heavy_kernel_goes_on_when_the_light_server_is_killed_and_light_ones_are_spawned(tmp_path: Path) -> None:
    said: list[str] = []
    with Kernels(said.append) as opened:
        opened.prepare(Level.HEAVY)
        killer = KILL.format(generations=2).replace("time.sleep(600)", "print(1)")
        assert execute(opened, tmp_path, killer, "print(2)", level=Level.HEAVY) == (None, ["1\n", "2\n"])
        assert execute(opened, tmp_path, "print(3)") == (None, ["3\n"])
        assert execute(opened, tmp_path, "print(4)", level=Level.HEAVY) == (None, ["4\n"])
    assert said == ["Kernels are spawned, not forked: the fork server has ended."]
