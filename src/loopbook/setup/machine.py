"""What the doctor looks at without the environment: tools, room, memory, permissions, sockets, browser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from loopbook.setup.finding import OK, PROBLEM, WARNING, Finding, judged
from loopbook.setup.place import LOCK, Place, python_version, supported
from loopbook.setup.steps import ROOM

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PORTS = {6006: "TensorBoard", 8888: "JupyterLab"}
SERVED = {
    6006: ".venv/bin/python -m loopbook tensorboard --port 6007",
    8888: "make lab   # it takes the next free port by itself",
}
_GB = 1e9


def folders(place: Place) -> dict[str, Path]:
    """Return the folders that are written to, by what they are; each can be on a disk of its own."""
    cache = os.environ.get("UV_CACHE_DIR") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
    return {
        "project": place.root,
        "environment": place.environment,
        "data": Path(os.environ.get("LOOPBOOK_DATA") or place.root / "data"),
        "reports": Path(os.environ.get("LOOPBOOK_REPORTS") or place.root / "reports"),
        "cache": Path(cache),
    }


def tools(place: Place) -> Iterator[Finding]:
    """Look at Python, make and git."""
    ours = python_version(place.python) if place.python.exists() else None
    version = ours or ".".join(map(str, sys.version_info[:3]))
    whose = place.environment.name if ours else sys.executable
    seen, remedy = f"{version} in {whose}", "make PYTHONS=/path/to/python3.12"
    wanted = f"{seen}; Loopbook needs 3.11, 3.12 or 3.13"
    yield judged("Python", supported(version), seen, wanted, remedy, PROBLEM)
    for name, without in (("make", "nothing can be started by its short name"), ("git", "runs note no revision")):
        found = shutil.which(name)
        yield judged(name, found is not None, str(found), f"is not there: {without}", f"sudo apt install {name}")


def room(place: Place) -> Iterator[Finding]:
    """Look at the free space of the disks that are written to."""
    for name, folder in folders(place).items():
        there = existing(folder)
        free = shutil.disk_usage(there).free / _GB
        needed = ROOM[LOCK] if name in ("environment", "cache") and not place.stamp.is_file() else 1.0
        state = PROBLEM if free < needed else WARNING if free < 2 * needed and name == "data" else OK
        remedy = "" if state == OK else {
            "data": "LOOPBOOK_DATA=/another/disk make   # or first: .venv/bin/python -m loopbook gc --days 30",
            "reports": "LOOPBOOK_REPORTS=/another/disk make",
            "environment": "ln -s /another/disk/loopbook .venv   # an empty folder there",
            "cache": "UV_CACHE_DIR=/another/disk/uv make setup   # or: uv cache prune",
        }.get(name, "du -xh -d 1 . | sort -h   # what takes the room")  # fmt: skip
        yield Finding(f"disk: {name}", state, f"{free:.1f} GB free, {needed:.0f} GB needed ({folder})", remedy)


def existing(folder: Path) -> Path:
    """Return a folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def memory(_: Place) -> Iterator[Finding]:
    """Look at the memory that a process can get: the machine's, or its container's if that is less."""
    free = available()
    if free is None:
        return
    state = PROBLEM if free < 1.5 * _GB else WARNING if free < 3 * _GB else OK
    remedy = "" if state == OK else ".venv/bin/python -m loopbook run --jobs 1   # one notebook at a time"
    yield Finding("memory", state, f"{free / _GB:.1f} GB available", remedy)


def available() -> int | None:
    """Return the bytes of memory that are available; None where the system does not say."""
    found = []
    with suppress(OSError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):  # not this version of control groups, or "max"
            bound = int(Path(limit).read_text(encoding="ascii"))
            found.append(bound - int(Path(used).read_text(encoding="ascii")))
    return min(found, default=None)


def permission(place: Place) -> Iterator[Finding]:
    """Try to write where things are written; asking for permission bits says little to an administrator."""
    for name, folder in folders(place).items():
        there = existing(folder)
        try:
            with tempfile.TemporaryFile(dir=there, prefix=".loopbook-doctor-"):
                pass
        except OSError as error:
            variable = {"data": "LOOPBOOK_DATA", "reports": "LOOPBOOK_REPORTS", "cache": "UV_CACHE_DIR"}.get(name)
            remedy = f"{variable}=/a/folder/of/yours make" if variable else f'sudo chown -R "$USER" "{there}"'
            yield Finding(f"writing: {name}", PROBLEM, f"{there} cannot be written to: {error.strerror}", remedy)
        else:
            yield Finding(f"writing: {name}", OK, str(there))


def sockets(_: Place) -> Iterator[Finding]:
    """Look at what notebooks and servers talk through: sockets of this machine."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as free:
            socket.create_connection(free.getsockname(), timeout=5).close()
    except OSError as error:
        seen = f"127.0.0.1 does not answer: {error}; no notebook can be run"
        yield Finding("sockets", PROBLEM, seen, "sudo ip link set lo up")
        return
    yield Finding("sockets", OK, "127.0.0.1 answers")
    for port, name in PORTS.items():
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            seen = f"{name}'s usual port is taken ({error.strerror})"
            yield Finding(f"port {port}", WARNING, seen, SERVED[port])
        else:
            yield Finding(f"port {port}", OK, f"free for {name}")


def browser(_: Place) -> Iterator[Finding]:
    """Look for the browser that tests drive; nothing else needs one."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    missing = "no Chromium: tests of pages are skipped"
    yield judged("browser", found is not None, str(found), missing, "sudo apt install chromium")


def outputs_filter(place: Place) -> Iterator[Finding]:
    """Look whether git keeps the outputs of notebooks out of commits."""
    if not shutil.which("git") or not (place.root / ".git").exists():
        return
    command = ["git", "-C", str(place.root), "config", "filter.nbstripout.clean"]
    there = subprocess.run(command, capture_output=True, check=False).returncode == 0
    seen = "outputs of notebooks stay out of commits"
    yield judged("git filter", there, seen, "outputs of notebooks would be committed", "make setup")
