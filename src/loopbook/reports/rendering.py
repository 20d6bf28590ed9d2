"""Pages from templates: one environment, what templates may call, and the digest of all that shapes a page."""

from functools import cache
from pathlib import Path
from typing import Any

from loopbook.reports import chart, loop, overview, page, security
from loopbook.reports.unbroken import unbroken
from loopbook.store.content import digest_file, digest_text

HERE = Path(__file__).resolve().parent
ROOMS = ("comparison", "privacy", "scenario", "statistics", "store")
"""What the pages' modules import: a sentence of theirs may stand on a page."""


def render(template: str, **values: Any) -> str:
    """Return a page made from a template; values are escaped."""
    return unbroken(security.visible(str(environment().get_template(template).render(**values))))


def static(name: str) -> str:
    """Return the style sheet (``style.css``) or the site's own script (``site.js``)."""
    return (HERE / "static" / name).read_text(encoding="utf-8")


@cache
def program() -> str:
    """Return the digest of this program: its modules and those of the rooms that they import, templates, style."""
    folders = HERE, *(HERE.parent / room for room in ROOMS)
    kinds = (".py", ".j2", ".css", ".js")
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.suffix in kinds]
    return digest_text("\n".join(digest_file(file) for file in files))


@cache
def environment(*folders: Path) -> Any:
    """Return what renders templates: those of the reports, and of further folders that extend them."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([*folders, HERE / "templates"]),
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
        "setting": overview.setting,
        "label": overview.label,
        "criterion_label": overview.criterion_label,
        "title_of": overview.title,
        "numbers": overview.numbers,
        "grouped": overview.grouped,
        "path": chart.path,
    }
    return environment
