"""A PostgreSQL of the tests' own: a real server in a folder that goes with it, on a socket there, with fsync on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

USER = "postgres"
_NAMES = count(1)


def _programs() -> Path | None:
    """Return the folder with the newest server's programs; Debian keeps them off the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return next((folder for folder in reversed(debian) if (folder / "initdb").is_file()), _on_path())


def _on_path() -> Path | None:
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _as_owner() -> list[str]:
    """Return what a command begins with: PostgreSQL does not run as root, but as the user that Debian made."""
    if os.getuid():
        return []
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--pdeathsig=INT", "--"]


class Server:
    """A server: started, killed as a machine would be, and started again.

    Attributes
    ----------
    folder
        Its data and its socket.
    """

    def __init__(self, programs: Path) -> None:
        self._programs, self.folder = programs, Path(tempfile.mkdtemp(prefix="loopbook-pg-"))
        self.folder.chmod(0o711)  # for processes of other users: the socket takes them, the data does not
        if not os.getuid():
            shutil.chown(self.folder, USER, USER)
        self._call("initdb", "-D", str(self.folder / "data"), "-U", USER, "--auth=trust", "-E", "UTF8", "--locale=C")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder), "max_connections": "200"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            command = [*_as_owner(), str(self._programs / "postgres"), "-D", str(self.folder / "data"), *options]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        self._call("pg_ctl", "status", "-D", str(self.folder / "data"), tries=600)
        self._call("pg_isready", "-h", str(self.folder), "-U", USER, tries=600)

    def kill(self) -> None:
        """Kill it at once, so that what it had not synced is lost, and wait until none of its processes is left."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT)  # immediate: no checkpoint; recovery is by the log written ahead
        self._process.wait()

    def stop(self) -> None:
        """Stop it, and take its folder away: nobody needs what a checkpoint would write."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder)

    def database(self) -> str:
        """Return the address of a new, empty database."""
        name = f"test{next(_NAMES)}"
        self._call("createdb", "-h", str(self.folder), "-U", USER, name)
        return f"postgresql://{USER}@/{name}?host={self.folder}"

    def _call(self, program: str, *words: str, tries: int = 1) -> None:
        command = [*_as_owner(), str(self._programs / program), *words]
        for left in reversed(range(tries)):
            done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder)
            if not done.returncode:
                return
            assert left, f"{program}: {done.stderr or done.stdout}"
            if self._process is not None:  # it is starting
                assert self._process.poll() is None, (self.folder / "log").read_text()
                with_pause(self._process)


def with_pause(process: subprocess.Popen[bytes]) -> None:
    """Wait a tenth of a second, or until the process ends."""
    try:
        process.wait(0.1)
    except subprocess.TimeoutExpired:
        return


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Return a running server; the tests that need one are skipped where PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL on this machine: install Debian's package postgresql")
    server = Server(programs)
    try:
        server.start()
        yield server
    finally:
        server.stop()
