"""Where a set-up goes, and what it leaves there: the stamp of a finished one, the marker of an unfinished one."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import NamedTuple

LOCK, GPU_LOCK = "requirements.lock", "requirements-gpu.lock"
SUPPORTED = ((3, 11), (3, 12), (3, 13))


class SetupError(Exception):
    """What went wrong and what to do about it; `cause` is a key of tools.REMEDIES, "killed", or empty."""

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


class Place(NamedTuple):
    """The project and the environment that serves it, both absolute."""

    root: Path
    environment: Path

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """Written when all is done: what was set up."""
        return self.environment / ".loopbook-ready"

    @property
    def marker(self) -> Path:
        """Written first and taken away last: that what is here may be half of something."""
        return self.environment / ".loopbook-unfinished"

    @property
    def conda(self) -> bool:
        """Whether this is a conda environment: it belongs to the person, and is completed, never emptied."""
        return (self.environment / "conda-meta").is_dir()


def read_stamp(place: Place) -> dict[str, str]:
    """Return what the last finished set-up wrote down; empty if none has, or one has begun since and not finished."""
    if place.marker.exists() or not place.stamp.is_file():
        return {}
    return dict(line.partition(" ")[::2] for line in place.stamp.read_text(encoding="utf-8").splitlines())


def write_stamp(place: Place, content: dict[str, str]) -> None:
    """Write down, in one go, what has been set up."""
    new = place.stamp.with_suffix(".new")
    new.write_text("".join(f"{key} {value}\n" for key, value in content.items()), encoding="utf-8")
    new.replace(place.stamp)


def chosen_lock(place: Place, gpu: str = "") -> str:
    """Return the name of the lock that was asked for (``0``: without CUDA, ``1``: with it), or else is in use."""
    return {"0": LOCK, "1": GPU_LOCK}.get(gpu) or read_stamp(place).get("lock", LOCK)


def wanted(place: Place, lock: str, version: str | None) -> dict[str, str]:
    """Return what the stamp must say if the environment is the one that the project asks for.

    Parameters
    ----------
    place
        The project and its environment.
    lock
        Name of the lock that it is installed from.
    version
        Version of the environment's Python; None if there is none.

    Raises
    ------
    SetupError
        If the lock or pyproject.toml is not there.
    """
    rest = (place.root / "pyproject.toml", *sorted(Path(__file__).parent.glob("*.py")))
    return {
        "python": str(version),
        "lock": lock,
        "packages": digest(place.root / lock),
        "rest": digest(*rest),
        "project": str(place.root),
    }


def digest(*paths: Path) -> str:
    """Return the SHA-256 of files of the project, one after the other."""
    total = hashlib.sha256()
    for path in paths:
        try:
            total.update(path.read_bytes())
        except FileNotFoundError:
            raise SetupError(f"{path} is missing. It is part of the project: git checkout -- {path.name}") from None
    return total.hexdigest()


def python_version(python: Path) -> str | None:
    """Return the version of an interpreter, such as ``3.11.7``; None if it does not start."""
    if str(python) == sys.executable:
        return ".".join(map(str, sys.version_info[:3]))
    import subprocess

    code = "import sys; print(*sys.version_info[:3], sep='.')"
    try:
        done = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def supported(version: str | None) -> bool:
    """Tell whether the locks hold for this Python."""
    return version is not None and tuple(map(int, version.split(".")[:2])) in SUPPORTED
