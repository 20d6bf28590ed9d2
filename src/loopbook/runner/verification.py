"""Hash again all that the store holds, and name what is not as it was sealed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loopbook.scenario.errors import LoopbookError
from loopbook.store import champions, content, records, snapshots, vault
from loopbook.store.project import Project


@dataclass(frozen=True)
class Checked:
    """One thing that was checked.

    Attributes
    ----------
    place
        Where it lies, relative to the data folder.
    wrong
        What is wrong with it.
    """

    place: str
    wrong: tuple[str, ...] = ()


def verify(project: Project) -> Iterator[Checked]:
    """Check all sealed folders, kept champions, snapshots and records of runs, one after the other.

    Of each file the bytes are hashed, and of each artifact the content, as it was when it was written.
    """
    for folder in vault.folders(project.store):
        checked = _folder(folder, folder.relative_to(project.data).as_posix())
        if folder.is_dir():  # not taken away by retention meanwhile
            yield checked
    kept_models = (path for name in ("champions", "challengers") for path in (project.state / name).glob("[!.]*/"))
    for kept in sorted(kept_models):
        wrong = () if champions.is_kept(kept) else ("the model was changed",)
        yield Checked(kept.relative_to(project.data).as_posix(), wrong)
    for scenario, profile in sorted({path.parts[-3:-1] for path in (project.state / "snapshots").glob("*/*/*.json")}):
        place = f"state/snapshots/{scenario}/{profile}"
        try:
            snapshots.history(project, scenario, profile)
            yield Checked(place)
        except LoopbookError as error:
            yield Checked(place, (str(error),))
    for path in records.by_age(project.runs, None):
        place = path.relative_to(project.data).as_posix()
        try:
            yield Checked(place, tuple(_run(project, records.load(path, records.Run))))
        except vault.Damaged as error:
            yield Checked(place, (str(error),))


def _folder(folder: Path, place: str) -> Checked:
    if not vault.is_whole(folder):
        return Checked(place, ("it has no marker, so it is not whole",))
    try:
        facts, wrong = vault.marker(folder), vault.damage(folder)
    except (OSError, *vault.UNREADABLE) as error:
        return Checked(place, (f"its marker cannot be read: {error}",))
    for name, digest in facts.get("digests", {}).items():
        file = folder / facts.get("artifacts", {}).get(name, name)
        try:
            if file.exists() and content.digest(file) != digest:
                wrong.append(f"the content of {name} is not what was written")
        except Exception as error:  # whatever a format's library says of a broken file
            wrong.append(f"{name} cannot be read: {type(error).__name__}: {error}")
    return Checked(place, tuple(wrong))


def _run(project: Project, run: records.Run) -> Iterator[str]:
    """Say what a run's record names that the store does not hold, or holds with other content."""
    for name, stage in run.stages.items():
        if stage.state not in ("fresh", "done"):
            continue
        folder = project.store / stage.stage / stage.key
        if not vault.is_whole(folder):
            yield f"{name} names {stage.stage}/{stage.key}, which is not in the store"
        elif _digests(folder) not in (None, stage.digests):
            yield f"{name} names other content than {stage.stage}/{stage.key} holds"


def _digests(folder: Path) -> dict[str, str] | None:
    """Return the content digests in a marker; None if it cannot be read, which is told of its folder."""
    try:
        return dict(vault.marker(folder).get("digests", {}))
    except vault.UNREADABLE:
        return None
