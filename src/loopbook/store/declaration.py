"""What a numbered notebook says of itself: its metadata, its parameters cell, its code."""

import ast
import json
import re
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError, suggest
from loopbook.scenario.loading import stage_section
from loopbook.scenario.settings import Names
from loopbook.store import syntax
from loopbook.store.code import imported, ours

NUMBERED = re.compile(r"^\d\d_\w+$")
GENERAL = ("scenario", "profile", "candidate")
STUDIES = "studies"
SOURCE_INPUT = "source"
"""What a notebook reads that collects data: the content of the scenario's source."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """The ``loopbook`` entry in a notebook's metadata."""

    __pydantic_config__ = ConfigDict(extra="forbid")
    reads: Names = ()
    gathers: Names = ()
    carries: Names = ()
    writes: Names = ()
    sections: Names = ()
    each: str | None = None
    study: bool = False


@dataclass(frozen=True, kw_only=True)
class Declaration(Declared):
    """A stage as its notebook declares it.

    Attributes
    ----------
    stage
        The notebook's name without its ending.
    reads, gathers, carries, writes
        Names of artifacts: of this run; of all candidates; from the round before; made here.
    sections
        Sections of the scenario that the stage uses besides its own, or single fields of them: ``training.bootstrap``.
    each
        ``candidates``, if the notebook is executed once for each.
    study
        Whether it is part of a run only where the scenario names it in its section ``studies``.
    cell
        Names and values in the parameters cell.
    code
        What the code cells do, by the cells' ids, in their order; the parameters cell excepted, and cells that do
        nothing.
    modules
        Modules in ``src`` that the cells import.
    libraries
        Other libraries that the cells import.
    """

    stage: str
    path: Path
    cell: dict[str, Any]
    code: dict[str, syntax.Reading]
    modules: frozenset[str]
    libraries: frozenset[str]

    @property
    def name(self) -> str:
        """The stage without its number."""
        return stage_section(self.stage)

    @property
    def section(self) -> str:
        """The section of the scenario that belongs to the stage, by its dotted name."""
        return f"{STUDIES}.{self.name}" if self.study else self.name

    @property
    def flat(self) -> tuple[str, ...]:
        """The names in the parameters cell that belong to the stage's section."""
        return tuple(name for name in self.cell if name not in GENERAL)


def declarations(folder: Path, studies: Collection[str] | None = None) -> dict[str, Declaration]:
    """Return the declarations of all numbered notebooks in `folder`, by stage, in the order of their numbers.

    Parameters
    ----------
    studies
        Names of the studies that are part of a run; None: all that there are.

    Raises
    ------
    LoopbookError
        If one of them is no notebook, as `declaration` says, or there is no notebook for one of `studies`.
    """
    every = (declaration(path) for path in sorted(folder.glob("*.ipynb")) if NUMBERED.match(path.stem))
    found = {each.stage: each for each in every if not each.study or studies is None or each.name in studies}
    for name in set(studies or ()) - {each.name for each in found.values() if each.study}:
        raise LoopbookError(f"The scenario names the study {name!r}, but there is no notebook NN_{name}.ipynb of it.")
    return found


def _saved(path: Path) -> dict[str, Any]:
    """Return a notebook's file. JupyterLab writes it in place: one that is half there and new is read again."""
    for pause in (0.1, 0.3, 1.0):
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except ValueError:
            if path.stat().st_mtime < time.time() - 2:
                break
            time.sleep(pause)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def declaration(path: Path) -> Declaration:
    """Read what a notebook declares.

    Raises
    ------
    LoopbookError
        If the notebook is not readable, declares nothing, or declares something unknown.
    """
    try:
        notebook = _saved(path)
        cells = notebook["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise LoopbookError(f"{path.name} is not a readable notebook: {error}.") from error
    entry = notebook.get("metadata", {}).get("loopbook")
    if entry is None:
        raise LoopbookError(
            f"{path.name} declares nothing: its metadata needs a 'loopbook' entry with reads and writes."
        )
    try:
        declared = TypeAdapter(Declared).validate_python(entry)
    except ValidationError as error:
        problem = error.errors()[0]
        key = problem["loc"][0] if problem["loc"] else "loopbook"
        raise LoopbookError(
            f"{path.name}: metadata loopbook.{key}: {problem['msg']}.{suggest(key, Declared.__annotations__)}"
        ) from error
    for section in (*declared.sections, *([f"{STUDIES}.{stage_section(path.stem)}"] if declared.study else [])):
        _refuse_unknown_section(path, section)
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    tagged = ["".join(cell["source"]) for cell in code if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise LoopbookError(f"{path.name} needs one cell tagged 'parameters'; it has {len(tagged)}.")
    readings = _readings(path, code)
    names = [name for reading in readings.values() for name in reading.imports]
    modules = frozenset(imported(names))
    return Declaration(
        stage=path.stem,
        path=path,
        **vars(declared),
        cell=assignments(tagged[0]),
        code={name: reading for name, reading in readings.items() if reading.statements},
        modules=modules,
        libraries=frozenset(name.partition(".")[0] for name in names if not ours(name)),
    )


def _refuse_unknown_section(path: Path, section: str) -> None:
    name, _, field = section.partition(".")
    known: Iterable[str] = Scenario.model_fields
    if name in known and field:
        known, name = fields_of(name), field
    if name not in known:
        raise LoopbookError(f"{path.name}: there is no section {section!r}.{suggest(name, known)}")


def fields_of(section: str) -> dict[str, FieldInfo]:
    """Return the settings in a section of the scenario, by name; none if there is no such section."""
    kinds: list[type[BaseModel]] = [Scenario]
    for name in section.split("."):
        fields = [kind.model_fields[name] for kind in kinds if name in kind.model_fields]
        kinds = [kind for field in fields for kind in _models(field.annotation)]
    return {name: field for kind in kinds for name, field in kind.model_fields.items()}


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Return the settings classes that a section can have; a source has several."""
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [kind for each in get_args(annotation) for kind in _models(each)]


def _readings(path: Path, cells: list[dict[str, Any]]) -> dict[str, syntax.Reading]:
    """Return what code cells do, without the parameters cell, by id; a cell of an old notebook has its number."""
    found = {}
    for number, cell in enumerate(cells, 1):
        name = str(cell.get("id", f"number {number}"))
        if "parameters" in cell.get("metadata", {}).get("tags", []):
            continue
        try:
            found[name] = syntax.read("".join(cell["source"]), cell=True)
        except SyntaxError as error:
            raise LoopbookError(f"{path.name}, cell {name}, line {error.lineno}: {error.msg}.") from error
    return found


def assignments(text: str) -> dict[str, Any]:
    """Return the names and values that a parameters cell assigns; papermill's own inspector misses some forms.

    Raises
    ------
    LoopbookError
        If the cell holds anything but assignments of plain values.
    """
    values: dict[str, Any] = {}
    for node in syntax.parse(text).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                with suppress(ValueError):
                    values[name] = ast.literal_eval(value)
                    continue
        raise LoopbookError(
            f"parameters cell, line {node.lineno}: only plain assignments belong there, such as epochs = None."
        )
    return values
