"""A kernel that ends before its notebook is reported as what it was, within seconds, and leaves nothing running."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import nbformat
import pytest
from filelock import FileLock
from tests.runner.kernels.test_pool import execute, kernels, left, until

from loopbook.runner.kernels import provisioner
from loopbook.runner.kernels.death import Memory, cause
from loopbook.runner.kernels.pool import Kernels
from loopbook.runner.kernels.provisioner import Provisioner
from loopbook.store.records import ErrorRecord

__all__ = ["kernels"]

CHILD = "import subprocess; subprocess.Popen(['sleep', '600'])\n"
NOTHING = Memory({}, None)


DEATHS = {
    "SIGKILL": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "nothing says that it was for memory"),
    "SIGTERM": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "ended from outside by SIGTERM"),
    "SIGUSR1": ("import os, signal; os.kill(os.getpid(), signal.SIGUSR1)", "ended from outside by SIGUSR1"),
    "SIGSEGV": ("import ctypes; ctypes.string_at(0)", "crashed in a library: SIGSEGV (Segmentation fault)"),
    "SIGABRT": ("import os; os.abort()", "crashed in a library: SIGABRT"),
    "KernelExited": ("import os; os._exit(7)", "ended itself with exit code 7"),
    "OutOfMemory": ("import ctypes; ctypes.CDLL('libstdc++.so.6')._ZSt17__throw_bad_allocv()", "got no more memory"),
}


@pytest.fixture(scope="module")
def failures(
    kernels: tuple[Kernels, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[ErrorRecord | None, Path]]:
    """Return how notebooks fail whose kernels die side by side, each with a process that it had started."""
    folders = {kind: tmp_path_factory.mktemp(kind) for kind in DEATHS}

    def die(kind: str) -> ErrorRecord | None:
        folder = folders[kind]
        more = {"HERE": str(folder)}
        return execute(kernels[0], folder, CHILD + "b = 1", DEATHS[kind][0], "c = 1", more=more)[0]

    with ThreadPoolExecutor(len(DEATHS)) as pool:
        return dict(zip(DEATHS, zip(pool.map(die, DEATHS), folders.values(), strict=True), strict=True))


@pytest.mark.parametrize("kind", DEATHS)
def test_a_kernel_that_dies_is_reported_as_what_it_was(
    failures: dict[str, tuple[ErrorRecord | None, Path]], kind: str
) -> None:
    failure, folder = failures[kind]
    assert failure is not None
    assert failure.kind == kind
    assert DEATHS[kind][1] in failure.message
    assert "It held at most" in failure.message
    assert failure.cell == "cell-1"
    assert until(lambda: not left(folder), 10), left(folder)


def test_a_kernel_killed_before_it_answers_is_reported_as_killed(
    kernels: tuple[Kernels, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Kernels.watch

    def killed(self: Kernels, kernel: Provisioner) -> None:
        watch(self, kernel)
        os.kill(kernel.pid, signal.SIGKILL)

    monkeypatch.setattr(Kernels, "watch", killed)
    failure, _ = execute(kernels[0], tmp_path, "a = 1")
    assert failure is not None
    assert (failure.kind, failure.cell) == ("SIGKILL", None)
    monkeypatch.undo()
    assert execute(kernels[0], tmp_path, "a = 1")[0] is None


def test_a_crash_shows_the_stack_of_python_calls(kernels: tuple[Kernels, list[str]], tmp_path: Path) -> None:
    failure, _ = execute(kernels[0], tmp_path, "import ctypes\ndef deep():\n    ctypes.string_at(0)\ndeep()")
    assert failure is not None
    assert "Fatal Python error: Segmentation fault" in failure.traceback
    assert "in deep" in failure.traceback


def test_a_limit_on_memory_ends_a_cell_with_a_memory_error(kernels: tuple[Kernels, list[str]], tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))"
    failure, _ = execute(kernels[0], tmp_path, limit, "x = bytearray(2**33)")
    assert failure is not None
    assert (failure.kind, failure.cell) == ("MemoryError", "cell-1")


def own_group() -> tuple[Path, str] | None:
    """Return this process's control group and the name of its memory limit, in version 1 or 2."""
    if not sys.platform.startswith("linux"):
        return None
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    places = {controllers: path.lstrip("/") for _, controllers, path in lines}
    first = Path("/sys/fs/cgroup/memory", places.get("memory", "-"))
    second = Path("/sys/fs/cgroup", places.get("", "-"))
    if (first / "memory.limit_in_bytes").is_file():
        return first, "memory.limit_in_bytes"
    return (second, "memory.max") if (second / "cgroup.controllers").is_file() else None


@pytest.fixture
def group(alone: Callable[[str], FileLock]) -> Iterator[Path]:
    """Return a control group of 400 MB below this process's own; the machine counts who is killed in it."""
    own = own_group()
    if own is None or not os.access(own[0], os.W_OK):
        pytest.skip("no control group with a memory limit can be made here")
    made = own[0] / f"loopbook-{uuid4().hex[:8]}"
    made.mkdir()
    try:
        if not (made / own[1]).is_file():
            pytest.skip("memory cannot be limited in a control group made here")
        (made / own[1]).write_text(str(400_000_000))
        with alone("kills"):
            yield made
            until(lambda: not (made / "cgroup.procs").read_text().strip(), 10)
    finally:
        made.rmdir()


def test_a_kernel_killed_for_memory_is_said_to_be(
    kernels: tuple[Kernels, list[str]], tmp_path: Path, group: Path
) -> None:
    enter = f"import os\nopen({str(group / 'cgroup.procs')!r}, 'w').write(str(os.getpid()))"
    failure, _ = execute(kernels[0], tmp_path, enter, "held = [b'x' * 10_000_000 for _ in range(100)]")
    assert failure is not None
    assert failure.kind == "OutOfMemory"
    assert "probably for memory" in failure.message
    assert failure.cell == "cell-1"


def test_only_evidence_makes_memory_the_reason() -> None:
    assert cause(-9, 10**9, Memory({"the machine": 3}, 4 * 10**9), Memory({"the machine": 3}, 0), "").kind == "SIGKILL"
    assert cause(-9, 10**9, Memory({"the machine": 3}, None), Memory({"the machine": 4}, 0), "").kind == "OutOfMemory"
    assert cause(-9, 10**9, Memory({}, 11 * 10**8), NOTHING, "").kind == "OutOfMemory"
    assert cause(-9, None, NOTHING, NOTHING, "").kind == "SIGKILL"
    assert "1.0 GB" in cause(-11, 10**9, NOTHING, NOTHING, "").message


@pytest.mark.parametrize(
    ("code", "traced"),
    [
        ("def slow():\n    open('mark', 'w').close()\n    time.sleep(600)\nslow()", True),
        (
            "while True:\n    try:\n        open('mark', 'w').close()\n        time.sleep(600)\n"
            "    except KeyboardInterrupt: pass",
            False,
        ),
    ],
)
def test_a_notebook_past_its_time_limit_is_stopped_in_its_cell(
    kernels: tuple[Kernels, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, traced: bool
) -> None:
    def limit() -> None:
        """Set the limit when the cell has begun, however long that took."""
        assert until((tmp_path / "mark").exists)
        (kernel,) = kernels[0]._alive
        kernel.time_limit = 1

    if not traced:
        monkeypatch.setattr(provisioner, "GRACE", 1.0)
    with ThreadPoolExecutor() as pool:
        limited = pool.submit(limit)
        cell = f"{CHILD}import time\n{code}"
        failure, _ = execute(kernels[0], tmp_path, "b = 1", cell, more={"HERE": str(tmp_path)})
    limited.result()
    assert failure is not None
    assert failure.kind == "TimeLimit"
    assert failure.message == "The notebook took longer than its time limit of 1 s."
    assert failure.cell == "cell-1"
    assert ("slow()" in failure.traceback) == traced
    assert until(lambda: not left(tmp_path), 10), left(tmp_path)


def test_what_a_kernel_printed_last_and_its_outputs_are_kept(
    kernels: tuple[Kernels, list[str]], tmp_path: Path
) -> None:
    _, said = execute(kernels[0], tmp_path, "print('before', flush=True)", "import os; os._exit(3)")
    assert said == ["before\n"]
    assert nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[-1].source.endswith("os._exit(3)")
    assert os.access(tmp_path / "out.ipynb", os.R_OK)
    assert shutil.which("sleep")
