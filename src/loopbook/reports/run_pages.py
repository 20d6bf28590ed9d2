"""The pages of one run: the run's own, one a stage, and one file to mail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopbook.comparison.standing import open_alerts, standing
from loopbook.reports import (
    dataset,
    evidence,
    loop,
    money,
    overview,
    page,
    provenance,
    security,
    traces,
    training_curves,
    what_if,
)
from loopbook.reports.rendering import render, static
from loopbook.reports.rounds_timeline import Timeline
from loopbook.store import vault
from loopbook.store.content import digest_file
from loopbook.store.records import Run, StageRecord


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


def make(place: Place, run: Run, way: Timeline | None, known: provenance.Origins, **frame: Any) -> dict[str, bytes]:
    """Make the pages of a run, and return what they hold by their path in its folder.

    Parameters
    ----------
    way
        The rounds up to this run.
    known
        Who computed what, from `provenance.origins`.
    **frame
        Values for the templates that are other than a site's: ``depth``, ``shared``.
    """
    made = {
        page.slug(record): shown
        for record in run.stages.values()
        if (shown := page.page(record, place.data, place.notebooks, place.root, place.hide)) is not None
    }
    inside = frozenset(made)
    # A page whose notebook has left the store is kept.
    there = inside | {
        name for record in run.stages.values() if (place.folder(run) / f"{(name := page.slug(record))}.html").is_file()
    }
    titles = {name: shown.title for name, shown in made.items()}
    about: dict[str, Any] = {
        "hypothetical": what_if.known(run, place.data),
        "run": run,
        "there": there,
        "titles": titles,
        "depth": "../../",
        **frame,
    }
    files: dict[str, bytes] = {}
    chapters = {}
    neighbours = [None, *titles.items(), None]
    for number, (name, shown) in enumerate(made.items()):
        events = shown.record.artifacts.get("events")
        board = vault.kept(place.data / events) if events else None
        values = {
            "page": shown,
            "trace": provenance.lineage(run, shown.record, known, place.data),
            "board": training_curves.board(board) if board else None,
        }
        around = {"before": neighbours[number], "after": neighbours[number + 2]}
        files[f"{name}.html"] = render("stage.html.j2", **about, **around, **values).encode()
        files |= {f"figures/{picture.name}": picture.content for picture in shown.pictures}
        chapters[name] = render("chapter.html.j2", **{**about, "there": inside}, **values)
    return files | _overviews(place, run, about, way, chapters)


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
    deciding, alerts = overview.deciding(run), open_alerts(run, place.data)
    card = dataset.card(run, place.data)
    if place.hide is not None:
        card = traces.mapped(card, place.hide)
    return {
        "standing": standing(run, alerts),
        "pictures": evidence.pictures(run),
        "lines": overview.lines(run, alerts),
        "numbers": overview.numbers(deciding.metrics) if deciding else (),
        "money": money.money(run, place.data),
        "alerts": money.alerts(run, place.data),
        "data_facts": dataset.facts(card),
        "findings": dataset.findings(card),
    }
