"""HMAC key of the roots: a file outside the project, which the log's writer cannot reach."""

import os
import secrets
from pathlib import Path

from loopbook.decisions.audit.entry import LogError
from loopbook.scenario.errors import refuse
from loopbook.store.project import Project

ADDRESS = "LOOPBOOK_AUDIT_KEY"
"""Environment variable with the path of the key's file."""


def make(project: Project, path: Path) -> None:
    """Write a new key of 256 bits into a file that only its owner can read.

    Raises
    ------
    LogError
        If the file is there already, or lies in the project.
    """
    _refuse_inside(project, path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise LogError(f"{path} is there already; without it the roots made with it could not be checked.") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(file.fileno())


def place(project: Project) -> Path | None:
    """Return the file that the environment names; None if it names none.

    Raises
    ------
    LogError
        If others than its owner can read it or replace it, or it lies in the project.
    """
    given = os.environ.get(ADDRESS)
    if not given:
        return None
    path = Path(given).absolute()
    _refuse_inside(project, path)
    if not path.is_file():
        raise LogError(f"{ADDRESS} names {path}, which is no file. Make one: python -m loopbook audit key {path}")
    folder = path.parent.stat().st_mode
    refuse(
        LogError,
        (path.stat().st_mode & 0o077, f"{path} can be read by others than its owner. Type: chmod 600 {path}"),
        (
            folder & 0o022 and not folder & 0o1000,
            f"{path.parent} can be written to by others, who could replace the key. Type: chmod go-w {path.parent}",
        ),
    )
    return path


def read(path: Path) -> bytes:
    """Return the key in a file.

    Raises
    ------
    LogError
        If there is none in it.
    """
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError as error:
        raise LogError(f"{path} holds no key. Make one: python -m loopbook audit key ANOTHER-FILE") from error
    if len(key) < 32:
        raise LogError(f"{path} holds a key of {8 * len(key)} bits; 256 are needed.")
    return key


def _refuse_inside(project: Project, path: Path) -> None:
    for folder in (project.root, project.data):
        if path.resolve().is_relative_to(folder.resolve()):
            raise LogError(f"{path} lies in {folder}, where the log's writer could reach it. Keep the key elsewhere.")
