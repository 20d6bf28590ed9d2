"""Models that outlive their run: a round's snapshot names them, so they are kept beside it, by content."""

from pathlib import Path

from loopbook.scenario.errors import MissingInput
from loopbook.store import content, locks
from loopbook.store.project import Project


def keep(project: Project, folder: Path) -> str:
    """Keep a model's folder for good and return its content digest, under which it is found again.

    The store may forget what no run names any more; what is kept here stays, like all of ``data/state``.
    """
    return keep_by_content(folder, _root(project))


def keep_by_content(folder: Path, root: Path) -> str:
    """Keep a folder below `root`, named by its content digest, which is returned."""
    digest = content.digest(folder)
    target = root / digest
    with locks.held(root.with_suffix(".lock")):
        if not target.is_dir():
            content.save(folder, target.with_name(f".{digest}")).rename(target)
    return digest


def find(project: Project, digest: str) -> Path:
    """Return the folder of a kept model.

    Raises
    ------
    MissingInput
        If it is not there, or is not any more what was kept.
    """
    folder = _root(project) / digest
    if not folder.is_dir() or not is_kept(folder):
        raise MissingInput(
            f"The current round names a model {digest[:12]}, but {folder} is missing or was changed. Restore it, or "
            "go back a round: python -m loopbook approve --undo, with the same --scenario and --profile."
        )
    return folder


def is_kept(folder: Path) -> bool:
    """Say whether a kept model is what was kept: its content has the digest that it is named by."""
    try:
        return content.digest(folder) == folder.name
    except Exception:  # whatever a format's library says of a broken file
        return False


def _root(project: Project) -> Path:
    return project.state / "champions"
