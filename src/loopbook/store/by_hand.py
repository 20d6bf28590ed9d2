"""A notebook opened by hand: what its parameters cell says now, and from where it reads."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopbook.scenario.errors import MissingInput
from loopbook.store import content, records, syntax
from loopbook.store.declaration import declarations
from loopbook.store.job import OUTPUTS, PARAMETERS
from loopbook.store.project import Project

if TYPE_CHECKING:
    import pandas as pd

_INJECTED = "# Parameters\n"
"""How papermill's own cell begins, which stands below the parameters cell."""

_NO_NUMBER = re.compile(r"<td>(?!\s*[-+−]?[\d.,]+(?:e[-+]?\d+)?\s?%?\s*</td>)")


def draft(project: Project, scenario: str, profile: str, stage: str, candidate: str | None) -> Path:
    """Return the folder where a stage writes that was opened by hand."""
    return project.drafts / scenario / profile / (f"{stage}-{candidate}" if candidate else stage)


def parameters_cell(namespace: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the values of the parameters cell as a kernel executed it last, and of what papermill put below it.

    A name that an earlier execution has left in the kernel is none of them.

    Parameters
    ----------
    namespace
        A notebook's ``globals()``; IPython keeps in ``In`` what was executed.

    Returns
    -------
    dict
        Values by name; None where there is no such history.
    """
    texts = list(namespace.get("In", ()))
    cells = [_assigned(text) for text in texts]
    begins = [
        number
        for number, found in enumerate(cells)
        if {"scenario", "profile"} <= found.keys() and not texts[number].startswith(_INJECTED)
    ]
    if not begins:
        return None
    values: dict[str, Any] = {}
    for found in cells[begins[-1] :]:
        if not found:
            break
        computed = {name: namespace.get(name) if value is ... else value for name, value in found.items()}
        values |= {name: value for name, value in computed.items() if not name.startswith("_")}
    return values


def _assigned(text: str) -> dict[str, Any]:
    """Return what a cell assigns that does nothing else; ``...`` stands for what must be computed."""
    try:
        nodes = syntax.parse(text).body
    except SyntaxError:
        return {}
    found: dict[str, Any] = {}
    for node in nodes:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                try:
                    found[name] = ast.literal_eval(value)
                except ValueError:
                    found[name] = ...
            case _:
                return {}
    return found


def artifact(project: Project, scenario: str, profile: str, name: str, candidate: str | None) -> tuple[Path, str]:
    """Return where an artifact lies, drafts first, then the latest good run; and what to call that place.

    Raises
    ------
    MissingInput
        If it is nowhere; the message says which notebook makes it.
    """
    every = declarations(project.notebooks).values()
    stage = next((declared.stage for declared in every if name in declared.writes), None)
    if stage is None:
        raise MissingInput(f"No notebook writes {name!r}.")
    place = draft(project, scenario, profile, stage, candidate)
    if (place / OUTPUTS).is_file() and name in (written := content.read_json(place / OUTPUTS)):
        return place / str(written[name]["path"]), _draft_of(place)
    run = records.latest(project, scenario, profile)
    record = run.stages.get(records.name_of(stage, candidate)) if run is not None else None
    if run is not None and record is not None and name in record.artifacts:
        return project.data / record.artifacts[name], f"run {run.run}"
    also = f" with candidate = {candidate!r}" if candidate else ""
    others = sorted({other.profile for other in records.runs(project) if other.good and other.scenario == scenario})
    hint = "".join(f" There is a run in profile {other!r}: write it into the parameters cell." for other in others[:1])
    raise MissingInput(
        f"There is no {name!r} for {scenario} in profile {profile!r} yet. Run notebook {stage}{also} first, "
        f"or all of them: make SCENARIO={scenario} PROFILE={profile}.{hint}"
    )


def _draft_of(place: Path) -> str:
    begun = datetime.fromtimestamp((place / OUTPUTS).stat().st_mtime)
    day = "" if begun.date() == datetime.now().date() else f"{begun:%d %B} "
    given = [each for each in content.read_json(place / PARAMETERS) if each["origin"] == "given"]
    values = ", ".join(f"{each['name']} = {each['value']}" for each in given)
    return f"your draft of {day}{begun:%H:%M}{f' with {values}' if given else ''}"


def reading(project: Project, scenario: str, profile: str, names: Mapping[str, tuple[str | None, ...]]) -> str:
    """Return a sentence for each place from which a notebook reads, or will when it is there.

    Parameters
    ----------
    names
        Artifacts, and the candidates whose artifact it is: ``(None,)`` for one of the whole run.
    """
    places: dict[str, list[str]] = {}
    for name, candidates in names.items():
        for candidate in candidates:
            try:
                place = artifact(project, scenario, profile, name, candidate)[1]
            except MissingInput:
                place = "nowhere yet"
            places.setdefault(place, []).append(f"{name} of {candidate}" if candidate else name)
    return "\n".join(f"Reads {', '.join(found)} from {place}." for place, found in places.items())


def align_tables() -> None:
    """Let IPython show what is no number in a table at its left and on one line; pandas puts all to the right."""
    import pandas as pd
    from IPython.core.getipython import get_ipython

    if (shell := get_ipython()) is not None:
        shell.display_formatter.formatters["text/html"].for_type(pd.DataFrame, aligned)  # type: ignore[no-untyped-call]


def aligned(frame: pd.DataFrame) -> str | None:
    """Return a table as HTML, its numbers at the right, its texts at the left, its short ones unbroken."""
    html: str | None = frame._repr_html_()  # type: ignore[operator]
    if html is None:
        return None
    html = _NO_NUMBER.sub('<td style="text-align: left">', html)
    return re.sub(
        r'<td style="text-align: left">(?=[^<]{1,25}</td>)', '<td style="text-align: left; white-space: nowrap">', html
    )
