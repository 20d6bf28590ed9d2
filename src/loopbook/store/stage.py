"""What a notebook holds: its stage of the loop, with its parameters, inputs, outputs and results."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from loopbook.scenario import loading
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError, ScenarioError, suggest
from loopbook.store import by_hand, content, job, keys, records, sealed, snapshots, syntax, vault
from loopbook.store.declaration import GENERAL, SOURCE_INPUT, Declaration, declaration, fields_of
from loopbook.store.job import MEASUREMENTS, OUTPUTS, PARAMETERS, PROGRESS, RESULTS, USES
from loopbook.store.owner_only import UMASK
from loopbook.store.parameters import View, in_force, inside, own_values, sections_of
from loopbook.store.project import Project

if TYPE_CHECKING:
    import pandas as pd
    from filelock import FileLock

    from loopbook.scenario.candidate import Candidate


@dataclass(frozen=True)
class Stage:
    """One stage of one scenario, as its notebook sees it.

    Executed by the runner, a stage reads from the store and works in a folder that the runner seals. Opened by hand,
    in JupyterLab or with plain papermill, it reads drafts first, then the latest good run of its scenario and profile,
    and writes to ``data/drafts``, which other drafts see and ``make`` never does.
    """

    declaration: Declaration
    project: Project
    profile: str
    candidate_name: str | None
    work: Path
    _scenario: Scenario = field(repr=False)
    _parameters: tuple[records.ParameterRecord, ...] = field(repr=False)
    _job: job.Job | None = field(repr=False)

    @classmethod
    def open(cls, stage: str, values: Mapping[str, Any]) -> Stage:
        """Open a stage with the values of the notebook's parameters cell.

        Parameters
        ----------
        stage
            The notebook's name, such as ``03_training``.
        values
            The parameters by name; a notebook hands in its ``globals()``, of which those are taken that its parameters
            cell says now. The value None means *as the scenario says*.

        Raises
        ------
        ScenarioError
            If the scenario, a parameter or the candidate does not exist or does not fit. A plain value that is no
            parameter is a misspelt one: papermill would pass over it in silence.
        """
        import pandas as pd

        project = Project.find()
        declared = declaration(project.notebooks / f"{stage}.ipynb")
        task = job.from_environment()
        if task is not None and task.stage != stage:
            raise LoopbookError(f"The runner executes {task.stage}, but this notebook opens {stage!r}.")
        typed = by_hand.parameters_cell(values)
        values = values if typed is None else typed
        _refuse_unknown(declared, values)
        declared = declared if typed is None else replace(declared, cell=typed)
        scenario, profile, candidate = (values.get(name) for name in GENERAL)
        if not isinstance(scenario, str) or not isinstance(profile, str):
            raise ScenarioError(f"{stage} needs a scenario and a profile, each a text; see its parameters cell.")
        named: dict[str, Any] = (
            {declared.section: {}} if declared.study else {}
        )  # opened by hand, it need not be part of the run
        given = {**named, **(task.given if task else {}), **own_values(declared, values)}
        resolved = loading.load(scenario, project.scenarios, profile, given)
        known = resolved.training.candidates
        if declared.each and candidate not in known:
            raise ScenarioError(f"{resolved.name} has no candidate {candidate!r}.{suggest(candidate, known)}")
        chosen = candidate if declared.each else None
        parameters = in_force(declared, project.scenarios, scenario, profile, given, chosen)
        work = Path(task.work) if task is not None else by_hand.draft(project, resolved.name, profile, stage, chosen)
        if task is not None and not task.by_hand:
            if work not in _written:
                _written[work] = vault.written_by(work)
                _written[work].acquire()
        else:
            for file in (OUTPUTS, RESULTS, MEASUREMENTS):
                content.remove(work / file)
        os.umask(UMASK)  # plain papermill and JupyterLab started by hand have another
        work.mkdir(parents=True, exist_ok=True)
        pd.options.display.max_colwidth = 240  # tables under cells show texts to a readable length
        pd.options.display.html.use_mathjax = False  # a dollar in data is no mathematics
        pd.options.display.chop_threshold = 1e-12  # what is left of a zero by rounding is zero
        content.write_json(work / PARAMETERS, [record.model_dump() for record in parameters])
        if task is None:
            by_hand.align_tables()
            whole: dict[str, tuple[str | None, ...]] = {n: (None,) for n in declared.reads if n != SOURCE_INPUT}
            each = dict.fromkeys(declared.gathers, tuple(resolved.training.chosen))
            print(by_hand.reading(project, resolved.name, profile, whole | each))
        return cls(declared, project, profile, chosen, work, resolved, parameters, task)

    @property
    def scenario(self) -> Scenario:
        """The sections of the scenario that this stage declares; reaching for another one is an error."""
        return cast("Scenario", View(self._scenario, sections_of(self.declaration), self.declaration.stage))

    @property
    def settings(self) -> Any:
        """The stage's own section, with the values in force."""
        return inside(self._scenario, self.declaration.section)

    @property
    def candidate(self) -> Candidate:
        """The candidate that this execution is about."""
        if self.candidate_name is None:
            raise LoopbookError(f"{self.declaration.stage} is executed once, not for each candidate.")
        return self._scenario.training.candidates[self.candidate_name]

    @property
    def parameters(self) -> pd.DataFrame:
        """The values in force, what they mean, and where each comes from."""
        import pandas as pd

        shown = [
            {"parameter": record.name, "value": str(record.value), "from": record.origin, "meaning": record.description}
            for record in self._parameters
        ]
        return pd.DataFrame(shown, columns=["parameter", "value", "from", "meaning"]).set_index("parameter")

    @property
    def events(self) -> Path:
        """The folder for TensorBoard's event files."""
        return self.work / "events"

    def read(self, name: str) -> Any:
        """Return an artifact of an earlier stage: a DataFrame, plain values, arrays, or the path of a folder.

        Raises
        ------
        LoopbookError
            If the notebook does not declare that it reads it.
        MissingInput
            If it does not exist yet.
        """
        return content.load(vault.checked(self._input(name)))

    def gather(self, name: str) -> dict[str, Any]:
        """Return an artifact of every candidate, by the candidate's name."""
        self._declared(name, self.declaration.gathers, "gathers")
        if self._job is not None:
            given = self._job.gathered[name].items()
            return {candidate: content.load(vault.checked(Path(path))) for candidate, path in given}
        chosen = self._scenario.training.chosen
        return {candidate: content.load(vault.checked(self._by_hand(candidate, name))) for candidate in chosen}

    def carry(self, name: str) -> Any:
        """Return what the round before hands on under a name, empty in the first round; or what was served since.

        What was served is a DataFrame, without rows and columns where there is nothing.
        """
        self._declared(name, self.declaration.carries, "carries")
        if name in sealed.PARTS:
            return sealed.load(self.project, self._sealed(name))
        if self._job is not None:
            return self._job.carried[name]
        return snapshots.current(self.project, self._scenario.name, self.profile).part(name)

    def write(self, name: str, value: Any) -> Path:
        """Save an output: a DataFrame, plain values, arrays, or the path of a file or folder.

        Returns
        -------
        Path
            Where it is now.
        """
        self._declared(name, self.declaration.writes, "writes")
        path = content.save(value, self.work / name)
        outputs = _read(self.work / OUTPUTS)
        outputs[name] = {"path": path.name, "digest": content.digest(path), "bytes": content.size(path)}
        content.write_json(self.work / OUTPUTS, outputs)
        return path

    def record(self, **metrics: Any) -> None:
        """Record results: flat numbers, texts and yes-or-no values that criteria, comparisons and the index read."""
        self._add(RESULTS, metrics)

    def measure(self, **measurements: Any) -> None:
        """Record times and sizes, which vary from run to run and never choose anything."""
        self._add(MEASUREMENTS, measurements)

    def progress(self, text: str) -> None:
        """Say how far a long piece of work is: on the runner's live line, or under the cell."""
        if self._for_runner:
            (self.work / PROGRESS).write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(f"\r{text:<100}")
            sys.stdout.flush()

    def cached(
        self, kind: str, parts: Mapping[str, Any], modules: Sequence[str], make: Callable[[Path], object]
    ) -> Path:
        """Return a folder that is keyed by itself, making it if it is not in the store.

        Parameters
        ----------
        kind
            What it is: ``fits``, for instance.
        parts
            Plain values and content digests that the result depends on.
        modules
            The modules that make it; they and what they import enter the key, this notebook does not.
        make
            Fills the folder it is given. It continues what an attempt that was killed left there.

        Returns
        -------
        Path
            The finished folder, not to be changed.
        """
        with syntax.remembered(self.project.cache):
            key = keys.cache_key(parts, modules, self.project.lock)
        target, root = self.project.store / kind / key, self.project.work
        if self._for_runner:
            self._uses(f"{kind}/{key}")
        if vault.use(target):
            return target
        if not self._for_runner:
            root, target = self.project.drafts / "work", self.project.drafts / "cache" / kind / key
        if vault.is_whole(target):
            return target
        with vault.claimed(root / kind / key, lambda: self.progress("waiting: another run does the same")) as work:
            if not vault.is_whole(target):
                make(work)
                digests = {entry.name: content.digest(entry) for entry in sorted(work.iterdir())}
                vault.seal(work, target, {"key": key, "parts": dict(parts), "digests": digests})
        return target

    def digest(self, name: str) -> str:
        """Return the content digest of an artifact that this stage reads."""
        return content.digest(vault.checked(self._input(name)))

    @property
    def _for_runner(self) -> bool:
        return self._job is not None and not self._job.by_hand

    def _sealed(self, name: str) -> str:
        """Return where a part of the sealed extract lies; the extract stays in the store as long as this stage does."""
        if self._job is None:
            return sealed.newest(self.project, self._scenario.name, self.profile)[0].part(name)
        part = str(self._job.carried[name])
        if part and self._for_runner:
            self._uses(part.rpartition("/")[0])
        return part

    def _uses(self, place: str) -> None:
        content.write_json(self.work / USES, {**_read(self.work / USES), place: True})

    def _add(self, file: str, values: Mapping[str, Any]) -> None:
        known = _read(self.work / file)
        for name, value in values.items():
            plain = value.item() if hasattr(value, "item") else value
            if not isinstance(plain, bool | int | float | str | None):
                raise TypeError(f"{name} is a {type(value).__name__}; record flat numbers, texts and yes-or-no values.")
            known[name] = None if isinstance(plain, float) and not math.isfinite(plain) else plain
        content.write_json(self.work / file, known)

    def _input(self, name: str) -> Path:
        self._declared(name, self.declaration.reads, "reads")
        return Path(self._job.inputs[name]) if self._job is not None else self._by_hand(None, name)

    def _declared(self, name: str, names: Sequence[str], verb: str) -> None:
        if name not in names:
            raise LoopbookError(
                f"{self.declaration.stage} does not declare that it {verb} {name!r}; "
                f"add it to the notebook's metadata.{suggest(name, names)}"
            )

    def _by_hand(self, candidate: str | None, name: str) -> Path:
        return by_hand.artifact(self.project, self._scenario.name, self.profile, name, candidate)[0]


_written: dict[Path, FileLock] = {}
"""The folder that this kernel works in for a runner, with the lock that it holds as long as it lives."""


def _refuse_unknown(declared: Declaration, values: Mapping[str, Any]) -> None:
    known = {*declared.cell, *fields_of(declared.section)}
    for name, value in values.items():
        plain = isinstance(value, bool | int | float | str | None) and not name.startswith("_")
        if plain and name not in known:
            raise ScenarioError(f"{declared.stage} has no parameter {name!r}.{suggest(name, known)}")


def _read(path: Path) -> dict[str, Any]:
    return dict(content.read_json(path)) if path.is_file() else {}
