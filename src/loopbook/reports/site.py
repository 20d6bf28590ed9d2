"""The site: an index over all runs and agents, a folder a run, one file to mail. Made from records and artifacts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from loopbook.reports import dataset, events, lineage, loop, money, overview, page, rounds, security
from loopbook.reports.page import Page
from loopbook.reports.rounds import Timeline
from loopbook.store import records
from loopbook.store.content import digest_file, digest_text, remove, write_atomically
from loopbook.store.project import Project
from loopbook.store.records import Run

HERE = Path(__file__).resolve().parent
BUILT = ".built.json"
"""Beside a run's pages: what they were made from, so that nothing is made twice."""

_NOTICE = "<!--notice-->"


@dataclass(frozen=True)
class Place:
    """Where a site is built from and to.

    Attributes
    ----------
    data
        Folder that the records' paths are relative to.
    reports
        Folder of the site.
    notebooks
        Folder of the committed notebooks, for today's prose; None: prose as executed.
    """

    data: Path
    reports: Path
    notebooks: Path | None

    @property
    def root(self) -> str:
        """The project's folder, left out of the paths that pages show."""
        return str((self.notebooks or self.data).resolve().parent)


def renew(project: Project, only: str | None = None) -> Path:
    """Build the site from the records, one process at a time: none goes by a list of runs that another has outdated.

    Parameters
    ----------
    project
        Whose records, artifacts and reports.
    only
        Scenario whose runs' pages are built; None: all of them.

    Returns
    -------
    Path
        The site's index.
    """
    from filelock import FileLock

    project.reports.mkdir(parents=True, exist_ok=True)
    with FileLock(project.reports_lock):
        return build(records.runs(project), project.data, project.reports, only, project.notebooks)


def build(
    runs: Sequence[Run], data: Path, reports: Path, only: str | None = None, notebooks: Path | None = None
) -> Path:
    """Build the site, as far as it is not up to date.

    Parameters
    ----------
    runs
        Records of all runs, oldest first.
    data
        Folder that the records' paths are relative to.
    reports
        Folder of the site.
    only
        Scenario whose runs' pages are built; the index is over all. None: all of them.
    notebooks
        Folder of the committed notebooks, whose prose the pages show; None: ``notebooks`` beside `data`, if it is
        there.

    Returns
    -------
    Path
        The site's index.
    """
    beside = data.resolve().parent / "notebooks"
    place = Place(data, reports, notebooks or (beside if beside.is_dir() else None))
    for name in ("style.css", "site.js"):
        _write(reports / "assets" / name, (HERE / "static" / name).read_bytes())
    known = lineage.origins(runs)
    for scenario in sorted({run.scenario for run in runs}):
        if only in (None, scenario):
            own = [run for run in runs if run.scenario == scenario]
            for run in own:
                _build_run(place, run, rounds.timeline(own, run), known)
            _build_latest(place, own)
    _write_page(reports / "index.html", _render("site.html.j2", agents=_agents(runs, reports), depth=""))
    return reports / "index.html"


def _build_run(place: Place, run: Run, way: Timeline | None, known: lineage.Origins) -> None:
    """Write a run's pages, unless they were made from the same things already."""
    folder = place.reports / run.scenario / run.run
    made_from = _made_from(place, run, way, known)
    built = _built(folder)
    if built.get("from") == made_from and all((folder / name).is_file() for name in built.get("files", ())):
        return
    files = _files(place, run, way, known)
    kept = {name for name in built.get("files", ()) if name not in files and _still_named(name, run, folder)}
    for name, content in files.items():
        _write(folder / name, content)
    for name in set(built.get("files", ())) - set(files) - kept:
        remove(folder / name)
    record = {"from": made_from, "files": sorted({*files, *kept})}
    _write(folder / BUILT, (json.dumps(record, indent=1) + "\n").encode())


def _files(place: Place, run: Run, way: Timeline | None, known: lineage.Origins) -> dict[str, bytes]:
    """Return every file of a run's folder, by its path within."""
    pages = [
        made
        for record in run.stages.values()
        if (made := page.page(record, place.data, place.notebooks, place.root)) is not None
    ]
    folder = place.reports / run.scenario / run.run
    there = frozenset({made.slug for made in pages}) | {
        page.slug(record) for record in run.stages.values() if (folder / f"{page.slug(record)}.html").is_file()
    }
    about = {**_about(place, run, pages, there), "timeline": way}
    about["traces"] = {made.slug: lineage.lineage(run, made.record, known, place.data) for made in pages}
    about["boards"] = {
        made.slug: events.board(place.data / made.record.artifacts["events"])
        for made in pages
        if "events" in made.record.artifacts
    }
    files = {"index.html": _render("run.html.j2", **about, depth="../../")}
    for at, made in enumerate(pages):
        around = {"before": pages[at - 1] if at else None, "after": pages[at + 1] if at + 1 < len(pages) else None}
        files[f"{made.slug}.html"] = _render("stage.html.j2", **about, **around, page=made, depth="../../")
    style = (HERE / "static" / "style.css").read_text(encoding="utf-8")
    inside = frozenset(made.slug for made in pages)
    alone = {**about, "there": inside, "ring": loop.ring(run, inside), "style": style, "depth": ""}
    files["report.html"] = _render("single.html.j2", **alone, policy=security.single_file_policy(style))
    encoded = {name: text.encode("utf-8") for name, text in files.items()}
    for made in pages:
        encoded |= {f"figures/{picture.name}": picture.content for picture in made.pictures}
    encoded["run.json"] = (run.model_dump_json(indent=1) + "\n").encode("utf-8", "replace")
    return encoded


def _build_latest(place: Place, runs: Sequence[Run]) -> None:
    """Copy the newest good run's pages to ``latest``; say so at their top if a newer run failed."""
    good = [run for run in runs if run.good]
    if not good:
        return
    newest, last = good[-1], runs[-1]
    notice = ""
    if not last.good:
        failed = [name for name, record in last.stages.items() if record.state == "failed"]
        notice = _render("notice.html.j2", last=last, failed=failed, shown=newest)
    source = place.reports / newest.scenario / newest.run
    target = place.reports / newest.scenario / "latest"
    names = _built(source).get("files", [])
    told = {name: notice for name in names if name.endswith(".html") and notice}
    built = {"from": newest.run, "notice": notice, "files": sorted(names)}
    same = _built(target) == built and all(
        (target / name).is_file() and (target / name).read_bytes() == _told(source / name, told.get(name, ""))
        for name in names
    )
    if not same:
        _exchange(target, source, names, told, built)


def _exchange(
    target: Path, source: Path, names: Sequence[str], told: Mapping[str, str], built: Mapping[str, Any]
) -> None:
    """Make the new folder beside the old one and let them change places, so that no reader finds half of each."""
    new, old = (target.with_name(f".{target.name}-{word}") for word in ("new", "old"))
    for folder in (new, old):
        remove(folder)
    for name in names:
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        if name in told:
            (new / name).write_bytes(_told(source / name, told[name]))
        else:
            shutil.copy2(source / name, new / name)
    (new / BUILT).write_text(json.dumps(built, indent=1) + "\n", encoding="utf-8")
    if target.exists():
        target.rename(old)
    new.rename(target)
    remove(old)


def _told(page: Path, notice: str) -> bytes:
    """Return a page's content with a notice at its top, if there is one."""
    content = page.read_bytes()
    return content.replace(_NOTICE.encode(), notice.encode("utf-8"), 1) if notice else content


def _about(place: Place, run: Run, pages: Sequence[Page], there: frozenset[str]) -> dict[str, Any]:
    deciding = overview.deciding(run)
    card = dataset.card(run, place.data)
    return {
        "run": run,
        "pages": pages,
        "there": there,
        "lines": overview.lines(run),
        "ring": loop.ring(run, there),
        "numbers": overview.numbers(deciding.metrics) if deciding else (),
        "money": money.money(run, place.data),
        "alerts": money.alerts(run, place.data),
        "data_facts": dataset.facts(card),
        "findings": dataset.findings(card),
    }


def _agents(runs: Sequence[Run], reports: Path) -> list[dict[str, Any]]:
    """Return what the index shows: an entry for each agent, its runs with the newest first."""
    agents = []
    for scenario in dict.fromkeys(run.scenario for run in reversed(runs)):
        own = [run for run in reversed(runs) if run.scenario == scenario]
        latest = next((run for run in own if run.good), own[0])
        agents.append(
            {
                "run": latest,
                "newest": own[0],
                "runs": own,
                "latest": (reports / scenario / "latest" / "index.html").is_file(),
                "timeline": rounds.timeline(own[::-1], latest),
                "sparks": rounds.sparks([run for run in own[::-1] if run.good and run.profile == latest.profile]),
                "lines": [line for line in overview.lines(latest) if line.term in ("Criteria", "Model", "Gain")],
            }
        )
    return agents


def _made_from(place: Place, run: Run, way: Timeline | None, known: lineage.Origins) -> str:
    """Return the digest of all that a run's pages are made from; a stored notebook never changes under its name."""
    parts = [run.model_dump_json(), _program(), place.root, *(each.run for each in (way.runs if way else ()))]
    parts += [
        f"{name} {known[name, record.key].run}" for name, record in run.stages.items() if (name, record.key) in known
    ]
    for record in run.stages.values():
        stored = place.data / record.notebook if record.notebook else None
        parts.append(f"{stored.stat().st_size} {stored.stat().st_mtime_ns}" if stored and stored.is_file() else "none")
        committed = place.notebooks / f"{record.stage}.ipynb" if place.notebooks else None
        parts.append(digest_file(committed) if committed and committed.is_file() else "none")
    return digest_text("\n".join(parts))


@cache
def _program() -> str:
    """Return the digest of this program: modules, templates, style."""
    files = [file for file in sorted(HERE.rglob("*")) if file.suffix in (".py", ".j2", ".css", ".js")]
    return digest_text("\n".join(digest_file(file) for file in files))


def _still_named(name: str, run: Run, folder: Path) -> bool:
    """Keep a page, with its figures, whose notebook has left the store since it was made."""
    slugs = [page.slug(record) for record in run.stages.values() if record.notebook]
    own = Path(name).name
    return (folder / name).is_file() and any(
        own == f"{each}.html" or (name.startswith("figures/") and own.startswith(f"{each}-")) for each in slugs
    )


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"policy_of_site": security.POLICY, "states": loop.STATES, "slug": page.slug}
    environment.filters |= {
        "when": overview.when,
        "duration": overview.duration,
        "number": overview.number,
        "label": overview.label,
        "numbers": overview.numbers,
    }
    return environment


def _render(template: str, **values: Any) -> str:
    return security.visible(str(_environment().get_template(template).render(**values)))


def _built(folder: Path) -> Mapping[str, Any]:
    path = folder / BUILT
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _write_page(path: Path, text: str) -> None:
    _write(path, text.encode("utf-8"))


def _write(path: Path, content: bytes) -> None:
    """Put `content` in place in one step, unless it is there already."""
    if not path.is_file() or path.read_bytes() != content:
        write_atomically(path, lambda file: file.write_bytes(content))
