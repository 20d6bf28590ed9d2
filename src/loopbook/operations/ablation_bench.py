"""Bench of an ablation: fits in processes side by side, each noted in a journal, within a limit of processor time."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Self

from rich.console import Console

from loopbook.models.architectures import registry
from loopbook.models.studies import outer_folds
from loopbook.models.studies.outer_folds import Fit, Measured, OutOfLimit, Rows
from loopbook.models.training import runtime
from loopbook.store import content, keys, syntax
from loopbook.store.project import Project

LEAST = 1.0
"""Seconds of processor time for each fit below which none is begun."""


@dataclass
class Bench:
    """Where fits are made.

    Attributes
    ----------
    rows
        What is fitted on, by name.
    spent
        Seconds of processor time of all fits that were asked for, those of an earlier start included.
    """

    project: Project
    rows: Mapping[str, Rows]
    limit: float
    console: Console
    _pool: ProcessPoolExecutor
    _known: dict[str, Measured]
    spent: float = 0.0
    _counted: set[str] = field(default_factory=set)
    _digests: dict[str, str] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def open(
        cls,
        project: Project,
        rows: Mapping[str, Rows],
        limit: float,
        jobs: int,
        console: Console,
    ) -> Iterator[Self]:
        """Start the processes; they end whatever ends the work."""
        cache = project.work / "embeddings"
        pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (dict(rows), cache))
        try:
            with syntax.remembered(project.cache):
                yield cls(project, rows, limit, console, pool, _read(journal(project)))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def fits(
        self, asked: Sequence[Fit], baseline: Fit | None = None, keep: bool = False, of: int = 1
    ) -> list[Measured]:
        """Return what fits gave: of the journal, or made now.

        Parameters
        ----------
        baseline
            The fit that kept its answers and weights, to compare with.
        keep
            Whether these keep theirs.
        of
            Of how many fits these are a part: each may take such a share of what is left of the limit.

        Raises
        ------
        OutOfLimit
            If they do not fit into what is left of the limit.
        LoopbookError
            If a method does not suit the task.
        """
        named = {fit: self._key(fit, baseline) for fit in asked}
        reference = None if baseline is None else self._kept(self._key(baseline, None))
        missing = [
            fit for fit, key in named.items() if key not in self._known or (keep and not self._kept(key).is_file())
        ]
        self._count(named[fit] for fit in asked if fit not in missing)
        allowed = (self.limit - self.spent) / max(of, len(missing), 1)
        if missing and allowed < LEAST:
            raise OutOfLimit("No fit takes so little time.")
        began = time.monotonic()
        waiting = {
            self._pool.submit(_measure, fit, allowed, reference, self._kept(named[fit]) if keep else None): named[fit]
            for fit in missing
        }
        try:
            with self.console.status("") as status:
                for at, done in enumerate(as_completed(waiting), 1):
                    try:
                        measured = done.result()
                    except OutOfLimit:
                        self.spent += allowed
                        raise
                    self._note(waiting[done], measured)
                    self._count([waiting[done]])
                    left = (time.monotonic() - began) / at * (len(waiting) - at)
                    status.update(f"fit {at} of {len(waiting)} · {left:,.0f} s left of these")
        finally:
            for each in waiting:
                each.cancel()
        return [self._known[named[fit]] for fit in asked]

    def missing(self, asked: Sequence[Fit]) -> int:
        """Return how many of some fits are not in the journal."""
        return sum(self._key(fit, None) not in self._known for fit in asked)

    def _count(self, found: Iterator[str] | Sequence[str]) -> None:
        for key in found:
            if key not in self._counted:
                self._counted.add(key)
                self.spent += self._known[key].seconds

    def _kept(self, key: str) -> Path:
        return journal(self.project).with_suffix("") / f"{key}.npz"

    def _note(self, key: str, measured: Measured) -> None:
        self._known[key] = measured
        file = journal(self.project)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as notes:
            notes.write(json.dumps({"key": key, **measured._asdict()}) + "\n")

    def _key(self, fit: Fit, baseline: Fit | None) -> str:
        rows = self.rows[fit.rows]
        if fit.rows not in self._digests:
            scenario = rows.scenario.model_dump(mode="json", include={"task", "data", "source"})
            dealt = [[part.tolist() for part in (fold.held, fold.train, fold.validation)] for fold in rows.folds]
            self._digests[fit.rows] = content.digest_json(
                [scenario, content.digest_value(rows.frame), dealt, rows.labels, rows.metric]
            )
        method = outer_folds.method(fit)
        parts = {
            "rows": self._digests[fit.rows],
            "fold": fit.fold,
            "candidate": method.candidate.model_dump(mode="json"),
            "recipe": method.depends_on,
            "baseline": "" if baseline is None else self._key(baseline, None),
        }
        modules = [outer_folds.__name__, registry.module_of(method.candidate.architecture)]
        return keys.cache_key(parts, modules, self.project.lock)


def journal(project: Project) -> Path:
    """Return the file with a line for each fit that was made."""
    return project.state / "ablation.jsonl"


def _read(file: Path) -> dict[str, Measured]:
    """Read a journal; a last line without its end was being written when the work was killed, and is taken away."""
    if not file.is_file():
        return {}
    text = file.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        content.write_text(file, whole)
    notes = [json.loads(line) for line in whole.splitlines()]
    return {note.pop("key"): Measured(**note) for note in notes}


_here: dict[str, Rows] = {}
_cache: Path | None = None


def _begin(rows: dict[str, Rows], cache: Path) -> None:
    global _cache
    runtime.prepare()  # importing TensorFlow is no part of a fit's seconds
    _here.update(rows)
    _cache = cache
    cache.mkdir(parents=True, exist_ok=True)


def _measure(fit: Fit, allowed: float, baseline: Path | None, keep: Path | None) -> Measured:
    assert _cache is not None
    return outer_folds.measure(_here[fit.rows], fit, _cache, allowed, baseline, keep)
