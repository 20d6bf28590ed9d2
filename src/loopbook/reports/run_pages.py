"""The pages of one run: the run's own, one a stage, and one file to mail. Only what changed is made again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loopbook.reports import dataset, loop, money, overview, page, provenance, security, traces, training_curves
from loopbook.reports.page import Page
from loopbook.reports.rendering import program, render, static
from loopbook.reports.rounds_timeline import Timeline
from loopbook.store.content import digest_file, digest_text
from loopbook.store.records import Run, StageRecord

BUILT = ".built.json"
"""Beside a run's pages: what they were made from, so that nothing is made twice."""

_CHAPTER = re.compile(r"<!--chapter ([\w.-]+)-->\n(.*?)<!--end of chapter-->", re.DOTALL)


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
    hide
        What is done to every text of a notebook or a dataset card before anything else; None: nothing.
    """

    data: Path
    reports: Path
    notebooks: Path | None
    hide: Callable[[str], str] | None = None

    @property
    def root(self) -> str:
        """The project's folder, left out of the paths that pages show."""
        return str((self.notebooks or self.data).resolve().parent)

    def folder(self, run: Run) -> Path:
        """Return the folder of a run's pages."""
        return self.reports / run.scenario / run.run

    def digests(self, record: StageRecord) -> list[str]:
        """Return the digests of a stage's notebook, as executed and as committed."""
        executed = self.data / record.notebook if record.notebook else None
        committed = self.notebooks / f"{record.stage}.ipynb" if self.notebooks else None
        return [digest_file(path) if path and path.is_file() else "none" for path in (executed, committed)]


@dataclass(frozen=True)
class Leaf:
    """A stage's page as it was made.

    Attributes
    ----------
    own
        Digest of what the page is made from, its neighbours apart.
    stamp
        The same with its neighbours, whose titles stand at its foot.
    files
        The page and its figures, relative to the run's folder.
    """

    title: str
    own: str
    stamp: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Before:
    """What lies in a run's folder already: the stages' pages, and their chapters in the file to mail."""

    leaves: Mapping[str, Leaf] = field(default_factory=dict)
    chapters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Before:
        """Return what is whole in a run's folder."""
        leaves = {
            name: Leaf(leaf["title"], leaf["own"], leaf["stamp"], tuple(leaf["files"]))
            for name, leaf in built(folder).get("pages", {}).items()
        }
        whole = {name: leaf for name, leaf in leaves.items() if all((folder / file).is_file() for file in leaf.files)}
        single = folder / "report.html"
        return cls(whole, dict(_CHAPTER.findall(single.read_text(encoding="utf-8"))) if single.is_file() else {})

    def title(self, name: str, own: str) -> str | None:
        """Return the title of a page that is still made from the same."""
        leaf = self.leaves.get(name)
        return leaf.title if leaf is not None and leaf.own == own and name in self.chapters else None


@dataclass(frozen=True)
class Made:
    """The pages of a run.

    Attributes
    ----------
    files
        What was made now, by its path in the run's folder.
    leaves
        All pages of stages, those that were left as they are included.
    pages
        The stages' pages that were made now.
    """

    files: Mapping[str, bytes]
    leaves: Mapping[str, Leaf]
    pages: tuple[Page, ...]

    @property
    def names(self) -> set[str]:
        return {*self.files, *(name for leaf in self.leaves.values() for name in leaf.files)}


def make(
    place: Place,
    run: Run,
    way: Timeline | None,
    known: provenance.Origins,
    before: Before | None = None,
    **frame: Any,
) -> Made:
    """Make the pages of a run, as far as they are not there already.

    Parameters
    ----------
    way
        The rounds up to this run.
    known
        Who computed what, from `provenance.origins`.
    before
        What is there; None: everything is made.
    **frame
        Values for the templates that are other than a site's: ``depth``, ``shared``.
    """
    before = before or Before()
    stored = {
        page.slug(record): record
        for record in run.stages.values()
        if record.notebook and (place.data / record.notebook).is_file()
    }
    there = frozenset(stored) | {
        name for record in run.stages.values() if (place.folder(run) / f"{(name := page.slug(record))}.html").is_file()
    }
    about: dict[str, Any] = {"run": run, "there": there, "depth": "../../", **frame}
    traces = {name: provenance.lineage(run, record, known, place.data) for name, record in stored.items()}
    own = {name: _own(place, run, record, traces[name], there) for name, record in stored.items()}
    made = {name: _page(place, record) for name, record in stored.items() if before.title(name, own[name]) is None}
    titles = {name: before.title(name, own[name]) or made[name].title for name in stored}
    files: dict[str, bytes] = {}
    leaves, chapters = {}, {}
    for name, record in stored.items():
        around = _around(titles, name)
        stamp = digest_text(json.dumps([own[name], around]))
        old = before.leaves.get(name)
        if old is not None and old.stamp == stamp and name not in made:
            leaves[name], chapters[name] = old, before.chapters[name]
            continue
        shown = made.setdefault(name, made[name] if name in made else _page(place, record))
        inside = {"page": shown, "trace": traces[name], "board": _board(place, record)}
        own_files = {f"{name}.html": render("stage.html.j2", **about, **around, **inside).encode()}
        own_files |= {f"figures/{picture.name}": picture.content for picture in shown.pictures}
        chapters[name] = render("chapter.html.j2", **{**about, "there": frozenset(stored)}, **inside)
        leaves[name] = Leaf(titles[name], own[name], stamp, tuple(own_files))
        files |= own_files
    files |= _overviews(place, run, {**about, "titles": titles}, way, chapters)
    return Made(files, leaves, tuple(made.values()))


def _overviews(
    place: Place, run: Run, about: Mapping[str, Any], way: Timeline | None, chapters: Mapping[str, str]
) -> dict[str, bytes]:
    """Return the run's own page, the file to mail, and the record for other programs."""
    values = {**about, **_values(place, run), "timeline": way}
    style, inside = static("style.css"), frozenset(chapters)
    script = static("site.js") if about.get("shared") else ""
    alone = {**values, "there": inside, "ring": loop.ring(run, inside), "style": style, "script": script, "depth": ""}
    policy = security.single_file_policy(style, script)
    return {
        "index.html": render("run.html.j2", **values, ring=loop.ring(run, about["there"])).encode(),
        "report.html": render("single.html.j2", **alone, chapters=chapters, policy=policy).encode(),
        "run.json": (run.model_dump_json(indent=1) + "\n").encode("utf-8", "replace"),
    }


def _values(place: Place, run: Run) -> dict[str, Any]:
    deciding = overview.deciding(run)
    card = dataset.card(run, place.data)
    if place.hide is not None:
        card = traces.mapped(card, place.hide)
    return {
        "lines": overview.lines(run),
        "numbers": overview.numbers(deciding.metrics) if deciding else (),
        "money": money.money(run, place.data),
        "alerts": money.alerts(run, place.data),
        "data_facts": dataset.facts(card),
        "findings": dataset.findings(card),
    }


def _page(place: Place, record: StageRecord) -> Page:
    made = page.page(record, place.data, place.notebooks, place.root, place.hide)
    assert made is not None, "its notebook is in the store"
    return made


def _board(place: Place, record: StageRecord) -> training_curves.Board | None:
    return training_curves.board(place.data / record.artifacts["events"]) if "events" in record.artifacts else None


def _around(titles: Mapping[str, str], name: str) -> dict[str, tuple[str, str] | None]:
    """Return names and titles of the pages before and after one."""
    names = list(titles)
    at = names.index(name)
    neighbours = {"before": names[at - 1] if at else None, "after": names[at + 1] if at + 1 < len(names) else None}
    return {side: None if each is None else (each, titles[each]) for side, each in neighbours.items()}


def _own(place: Place, run: Run, record: StageRecord, trace: provenance.Lineage, there: frozenset[str]) -> str:
    """Return the digest of all that a stage's page is made from: contents, never times of files."""
    header = (run.run, run.scenario, run.title, run.started, run.profile, run.simulated)
    return digest_text(
        "\n".join(
            (
                record.model_dump_json(),
                *place.digests(record),
                repr(trace),
                repr(header),
                repr(sorted(there)),
                place.root,
                program(),
            )
        )
    )


def built(folder: Path) -> Mapping[str, Any]:
    """Return what a folder's pages were made from; empty if that is not known."""
    path = folder / BUILT
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
