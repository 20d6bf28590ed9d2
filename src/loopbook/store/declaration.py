"""What a numbered notebook says of itself: its metadata, its parameters cell, its code."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError, suggest
from loopbook.scenario.loading import stage_section
from loopbook.scenario.source import Names, Settings
from loopbook.store.code import digest_source, imported, names
from loopbook.store.content import digest_text

NUMBERED = re.compile(r"^\d\d_\w+$")
GENERAL = ("scenario", "profile", "candidate")
SOURCE_INPUT = "source"
"""What a notebook reads that collects data: the content of the scenario's source."""


class Declared(Settings):
    """The ``loopbook`` entry in a notebook's metadata."""

    reads: Names = ()
    gathers: Names = ()
    carries: Names = ()
    writes: Names = ()
    sections: Names = ()
    each: str | None = None


@dataclass(frozen=True)
class Declaration:
    """A stage as its notebook declares it.

    Attributes
    ----------
    stage
        The notebook's name without its ending.
    reads, gathers, carries, writes
        Names of artifacts: of this run; of all candidates; from the round before; made here.
    sections
        Sections of the scenario that the stage uses besides its own.
    each
        ``candidates``, if the notebook is executed once for each.
    cell
        Names and values in the parameters cell.
    code
        Digest of the code cells, the parameters cell excepted.
    modules
        Modules of the package that the cells import.
    libraries
        Other libraries that the cells import.
    """

    stage: str
    path: Path
    reads: tuple[str, ...]
    gathers: tuple[str, ...]
    carries: tuple[str, ...]
    writes: tuple[str, ...]
    sections: tuple[str, ...]
    each: str | None
    cell: dict[str, Any]
    code: str
    modules: frozenset[str]
    libraries: frozenset[str]

    @property
    def section(self) -> str:
        return stage_section(self.stage)

    @property
    def flat(self) -> tuple[str, ...]:
        """The names in the parameters cell that belong to the stage's section."""
        return tuple(name for name in self.cell if name not in GENERAL)


def declarations(folder: Path) -> dict[str, Declaration]:
    """Return the declarations of all numbered notebooks in `folder`, by stage, in the order of their numbers."""
    return {path.stem: declaration(path) for path in sorted(folder.glob("*.ipynb")) if NUMBERED.match(path.stem)}


def declaration(path: Path) -> Declaration:
    """Read what a notebook declares.

    Raises
    ------
    LoopbookError
        If the notebook is not readable, declares nothing, or declares something unknown.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = notebook["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise LoopbookError(f"{path.name} is not a readable notebook: {error}.") from error
    entry = notebook.get("metadata", {}).get("loopbook")
    if entry is None:
        raise LoopbookError(
            f"{path.name} declares nothing: its metadata needs a 'loopbook' entry with reads and writes."
        )
    try:
        declared = Declared.model_validate(entry)
    except ValidationError as error:
        problem = error.errors()[0]
        key = problem["loc"][0] if problem["loc"] else "loopbook"
        raise LoopbookError(
            f"{path.name}: metadata loopbook.{key}: {problem['msg']}.{suggest(key, Declared.model_fields)}"
        ) from error
    for section in declared.sections:
        if section not in Scenario.model_fields:
            raise LoopbookError(
                f"{path.name}: there is no section {section!r}.{suggest(section, Scenario.model_fields)}"
            )
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    tagged = [
        "".join(cell["source"])
        for cell in cells
        if cell["cell_type"] == "code" and "parameters" in cell.get("metadata", {}).get("tags", [])
    ]
    if len(tagged) != 1:
        raise LoopbookError(f"{path.name} needs one cell tagged 'parameters'; it has {len(tagged)}.")
    return Declaration(
        stage=path.stem,
        path=path,
        reads=declared.reads,
        gathers=declared.gathers,
        carries=declared.carries,
        writes=declared.writes,
        sections=declared.sections,
        each=declared.each,
        cell=assignments(tagged[0]),
        code=digest_text("\n".join(digest_source(text) for text in code if text not in tagged)),
        modules=frozenset(name for text in code for name in imported(text)),
        libraries=frozenset(name.partition(".")[0] for text in code for name in names(text)) - {"loopbook"},
    )


def assignments(text: str) -> dict[str, Any]:
    """Return the names and values that a parameters cell assigns; papermill's own inspector misses some forms.

    Raises
    ------
    LoopbookError
        If the cell holds anything but assignments of plain values.
    """
    values: dict[str, Any] = {}
    for node in ast.parse(text).body:
        try:
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                values[node.targets[0].id] = ast.literal_eval(node.value)
                continue
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
                values[node.target.id] = ast.literal_eval(node.value)
                continue
        except ValueError:
            pass
        raise LoopbookError(
            f"parameters cell, line {node.lineno}: only plain assignments belong there, such as epochs = None."
        )
    return values
