"""The site: an index over all runs and agents, a folder a run, one file to mail. Made from records and artifacts."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loopbook.comparison.standing import open_alerts, standing
from loopbook.reports import money, overview, page, provenance, rounds_timeline, run_pages
from loopbook.reports.rendering import program, render, static
from loopbook.store import records
from loopbook.store.content import digest_text, remove, write_atomically
from loopbook.store.project import Project

BUILT = ".built.json"
"""Beside a run's pages: what they were made from, so that nothing is made twice."""

_NOTICE = "<!--notice-->"


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
    runs: Sequence[records.Run], data: Path, reports: Path, only: str | None = None, notebooks: Path | None = None
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
    place = run_pages.Place(data, reports, notebooks or (beside if beside.is_dir() else None))
    assets(reports)
    known = provenance.origins(runs)
    for scenario in sorted({run.scenario for run in runs}):
        if only in (None, scenario):
            own = [run for run in runs if run.scenario == scenario]
            for run in own:
                _build_run(place, run, rounds_timeline.timeline(own, run), known)
            _build_latest(place, own)
    write(reports / "index.html", render("site.html.j2", agents=_agents(runs, data, reports), depth=""))
    return reports / "index.html"


def assets(reports: Path) -> None:
    """Put the style sheet and the site's own script in place."""
    for name in ("style.css", "site.js"):
        write(reports / "assets" / name, static(name))


def _build_run(
    place: run_pages.Place, run: records.Run, way: rounds_timeline.Timeline | None, known: provenance.Origins
) -> None:
    """Write a run's pages, unless they were made from the same things already."""
    folder = place.folder(run)
    made_from = _made_from(place, run, way, known)
    old = built(folder)
    if old.get("from") == made_from and all((folder / name).is_file() for name in old.get("files", ())):
        return
    files = run_pages.make(place, run, way, known)
    for name, content in files.items():
        write(folder / name, content)
    left = set(old.get("files", ())) - set(files)
    kept = {name for name in left if _still_named(name, run, folder)}
    for name in left - kept:
        remove(folder / name)
    write(folder / BUILT, _plain({"from": made_from, "files": sorted({*files, *kept})}))


def built(folder: Path) -> Mapping[str, Any]:
    """Return what a folder's pages were made from; empty if that is not known."""
    path = folder / BUILT
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _plain(state: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(state, indent=1)}\n".encode()


def _build_latest(place: run_pages.Place, runs: Sequence[records.Run]) -> None:
    """Copy the newest good run's pages to ``latest``; say so at their top if a newer run failed."""
    good = [run for run in runs if run.good]
    if not good:
        return
    newest, last = good[-1], runs[-1]
    notice = ""
    if not last.good:
        failed = [name for name, record in last.stages.items() if record.state == "failed"]
        notice = render("notice.html.j2", last=last, failed=failed, shown=newest)
    source = place.reports / newest.scenario / newest.run
    target = place.reports / newest.scenario / "latest"
    names = built(source).get("files", [])
    state = {**built(source), "run": newest.run, "notice": notice}
    if built(target) == state and all((target / name).is_file() for name in names):
        return
    marked = {
        name: (source / name).read_bytes().replace(_NOTICE.encode(), notice.encode("utf-8"), 1)
        for name in names
        if notice and name.endswith(".html")
    }
    _exchange(target, source, names, marked | {BUILT: _plain(state)})


def _exchange(target: Path, source: Path, names: Sequence[str], own: Mapping[str, bytes]) -> None:
    """Make the new folder beside the old one and let them change places, so that no reader finds half of each.

    It holds what `source` holds by these names, each file with its time, and instead of some what is its `own`.
    """
    new, old = (target.with_name(f".{target.name}-{word}") for word in ("new", "old"))
    for folder in (new, old):
        remove(folder)
    for name in names:
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, new / name)
    for name, content in own.items():
        (new / name).write_bytes(content)
    if target.exists():
        target.rename(old)
    new.rename(target)
    remove(old)


def _agents(runs: Sequence[records.Run], data: Path, reports: Path) -> list[dict[str, Any]]:
    """Return what the index shows: an entry for each agent, its runs with the newest first."""
    agents = []
    for scenario in dict.fromkeys(run.scenario for run in reversed(runs)):
        own = [run for run in reversed(runs) if run.scenario == scenario]
        latest = next((run for run in own if run.good), own[0])
        alerts = open_alerts(latest, data)
        agents.append(
            {
                "run": latest,
                "newest": own[0],
                "runs": own,
                "latest": (reports / scenario / "latest" / "index.html").is_file(),
                "sweeps": (reports / scenario / "sweeps" / "index.html").is_file(),
                "ablation": (reports / scenario / "ablation" / "index.html").is_file(),
                "live": (reports / scenario / "live" / "index.html").is_file(),
                "timeline": rounds_timeline.timeline(own[::-1], latest),
                "sparks": rounds_timeline.sparks(
                    [run for run in own[::-1] if run.good and run.profile == latest.profile]
                ),
                "standing": standing(latest, alerts),
                "lines": _in_short(latest, data, alerts),
            }
        )
    return agents


def _in_short(run: records.Run, data: Path, alerts: Sequence[Mapping[str, Any]]) -> list[overview.Line]:
    """Return what the index says of an agent, the most urgent first: what to do, what is open, what it costs."""
    lines = {line.term: line for line in overview.lines(run, alerts)}
    paid = money.money(run, data)
    if paid is not None:
        lines["Money"] = overview.Line("Money", (paid["finding"],))
    terms = ("What to do next", "Failed", "Alerts", "Criteria", "Stream", "Money", "Gain")
    return [lines[term] for term in terms if term in lines]


def _made_from(
    place: run_pages.Place, run: records.Run, way: rounds_timeline.Timeline | None, known: provenance.Origins
) -> str:
    """Return the digest of all that a run's pages are made from: contents, never times of files."""
    parts = [run.model_dump_json(), program(), place.root, *(other.run for other in (way.runs if way else ()))]
    parts += [
        f"{name} {known[name, record.key].run}" for name, record in run.stages.items() if (name, record.key) in known
    ]
    parts += [digest for record in run.stages.values() for digest in place.digests(record)]
    return digest_text("\n".join(parts))


def _still_named(name: str, run: records.Run, folder: Path) -> bool:
    """Keep a page, with its figures, whose notebook has left the store since it was made."""
    slugs = [page.slug(record) for record in run.stages.values() if record.notebook]
    own = Path(name).name
    return (folder / name).is_file() and any(
        own == f"{slug}.html" or (name.startswith("figures/") and own.startswith(f"{slug}-")) for slug in slugs
    )


def write(path: Path, text: str | bytes) -> None:
    """Put a file in place in one step, unless it is there already."""
    content = text.encode("utf-8") if isinstance(text, str) else text
    if not path.is_file() or path.read_bytes() != content:
        write_atomically(path, lambda file: file.write_bytes(content))
