"""Files of a new agent: what may be named, what is read, where data and scenario go; nothing is overwritten."""

import os
import re
from pathlib import Path

from loopbook.data import download, raw_copies
from loopbook.scenario.errors import DataError, ScenarioError, refuse, suggest
from loopbook.store import content
from loopbook.store.project import Project

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


def refuse_name(name: str, target: Path) -> None:
    """Refuse a name that does not fit, or whose scenario is there already."""
    fitting = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "my-agent"
    refuse(
        ScenarioError,
        (
            not _NAME.fullmatch(name),
            f"{name!r} cannot be an agent's name: small letters a to z, digits and hyphens, at most 60, not a hyphen "
            f"first. Try {fitting}.",
        ),
        (
            target.exists(),
            f"There is a scenario {target.name} already, and it is not overwritten. Take another name, or remove "
            f"{target} first.",
        ),
    )


def read(file: Path) -> bytes:
    """Return the bytes of a file, or say why there are none."""
    refuse(
        DataError,
        (file == Path(), "No file is named. Name a csv file: FILE=my.csv with make."),
        (file.is_dir(), f"{file} is a folder, not a file."),
        (
            file.exists() and not file.is_dir() and not file.is_file(),
            f"{file} is a pipe, device or socket, not a file. Save its rows in a file, and name that.",
        ),
    )
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        folder = file.parent
        known = [each.name for each in folder.iterdir() if each.is_file()] if folder.is_dir() else []
        raise DataError(f"There is no file {file}.{suggest(file.name, known)}") from None
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}.") from error
    return raw


def place(project: Project, name: str, file: Path) -> tuple[str, Path | None]:
    """Return what the scenario says as path, and where the data must be copied to, if it must."""
    here, root = file.resolve(), project.root.resolve()
    if here.is_relative_to(root):
        return here.relative_to(root).as_posix(), None
    if here.is_relative_to(project.data.resolve()):
        return here.as_posix(), None
    target = (project.raw / raw_copies.FILES / f"{name}{here.suffix.lower() or '.csv'}").resolve()
    if target.is_file() and download.sha256(target) != download.sha256(here):
        raise DataError(
            f"The file would be copied to {target}, where another one stands. Remove that one, or take another name."
        )
    return (target.relative_to(root) if target.is_relative_to(root) else target).as_posix(), target


def copy(raw: bytes, target: Path) -> None:
    """Write a copy that only its owner can read."""
    part = target.with_name(f"{target.name}.part")
    with os.fdopen(download.private(part), "wb") as file:
        file.write(raw)
    part.replace(target)


def write(target: Path, text: str) -> None:
    """Write the scenario whole, unless somebody has written one of this name in the meantime."""
    refuse(ScenarioError, (target.exists(), f"There is a scenario {target.name} already, and it is not overwritten."))
    content.write_atomically(target, lambda path: path.write_text(text, encoding="utf-8"))
