"""Ablation session: every technique with and without on the same folds; what survives is confirmed on new seeds."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from rich.console import Console

from loopbook.data import cleaning, sources, splitting, validation
from loopbook.models.architectures import registry
from loopbook.models.studies import ablation, made_tasks
from loopbook.models.studies.ablation import Row, Technique
from loopbook.models.studies.outer_folds import Fit, Measured, OutOfLimit, Rows
from loopbook.operations import ablation_table
from loopbook.operations.ablation_bench import Bench
from loopbook.reports import ablation_page
from loopbook.runner import tokens
from loopbook.runner.execution import Request
from loopbook.scenario import loading
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError, ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.store.project import Project

KEPT = 0.3
"""Share of the limit that is kept to confirm what survives."""
UNOPENED = ("test", "gate")
"""Splits of which no row is used: they judge what is chosen here."""


@dataclass
class _Ablation:
    """The state of one ablation on the rows of one scenario or several."""

    scenario: Scenario
    bench: Bench
    console: Console
    out: set[str] = field(default_factory=set)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the scenario."""
        return Recipe.model_validate(self.scenario.training.model_dump(include=set(Recipe.model_fields)))

    @property
    def beyond(self) -> str:
        """Why something was not measured that takes too long."""
        return f"out of the limit of {self.scenario.ablation.limit:g} hours of processor time"

    def fits(self, rows: str, candidate: Candidate, recipe: Recipe) -> list[list[Fit]]:
        """Return the fits of a method, by outer fold and trial."""
        kind = registry.described(candidate.architecture)
        trials = self.scenario.ablation.trials if kind.family == "network" or "C" in kind.settings else 1
        texts = candidate.model_dump_json(), recipe.model_dump_json()
        folds = range(len(self.bench.rows[rows].folds))
        return [[Fit(rows, fold, trial, *texts) for trial in range(trials)] for fold in folds]

    def measured(self, asked: list[list[Fit]], baseline: Fit | None = None) -> list[Measured]:
        """Return of each fold what the trial gave that its inner fold chooses."""
        first, *others = [fit for fold in asked for fit in fold]
        found = iter([*self.bench.fits([first], baseline), *self.bench.fits(others)])
        return ablation.chosen([[next(found) for _ in fold] for fold in asked])

    def screen(self, row: Row, baseline: list[list[Fit]]) -> None:
        """Measure a technique if it acts; what does not fit into the limit, or not to the task, says so."""
        technique, spent = row.technique, self.bench.spent
        row.reason = ""
        try:
            asked = self.fits(baseline[0][0].rows, technique.candidate, technique.recipe)
            (first,) = self.bench.fits([asked[0][0]], baseline[0][0], of=sum(map(len, asked)))
            if not first.moved:
                row.reason = "it changes nothing here"
                return
            left = self.bench.missing([fit for fold in asked for fit in fold][1:])
            if left and self.bench.spent + left * first.seconds > self.bench.limit:
                raise OutOfLimit(self.beyond)
            row.first, row.found = first, self.measured(asked, baseline[0][0])
            row.plain = self.measured(baseline)
            row.screened = ablation.estimate(row.found, row.plain, technique.way, self.scenario.ablation.folds)
        except OutOfLimit:
            row.reason = self.beyond
        except LoopbookError as error:
            row.reason = str(error)
        finally:
            row.seconds += self.bench.spent - spent
            self.say(row)

    def say(self, row: Row) -> None:
        """Say what was found, and how much of the limit is spent."""
        gain = f"{row.screened.gain.value:+.4f}" if row.screened else f"not measured: {row.reason}"
        spent, limit = self.bench.spent / 60, self.bench.limit / 60
        text = f"  {row.technique} on {row.on}: {gain} · {spent:.1f} of at most {limit:.0f} minutes"
        self.console.print(text, markup=False, soft_wrap=True)

    def techniques(self, bases: Mapping[str, Candidate]) -> Iterator[Row]:
        """Give the techniques of recipes and of arguments: each on the first base where it acts."""
        table: dict[tuple[str, str], Row] = {}
        gpu = bool(tokens.devices(os.environ))
        for name, base in bases.items():
            baseline = self.fits("main", _bare(base), self.recipe.changed(base.recipe))
            try:
                self.bench.fits([baseline[0][0]], keep=True, of=sum(map(len, baseline)))
                self.measured(baseline)
                beyond = ""
            except OutOfLimit:
                beyond = self.beyond
            for technique in ablation.of_base(base, self.recipe):
                row = table.setdefault((technique.name, technique.family), Row(technique))
                if row.screened is not None:
                    continue
                if technique.gpu and not gpu:
                    row.reason = "it is for a GPU, and there is none"
                elif beyond:
                    row.reason = row.reason or beyond
                else:
                    row.technique, row.on = technique, name
                    self.screen(row, baseline)
        yield from table.values()

    def architectures(self, plain: Candidate) -> Iterator[Row]:
        """Give every architecture and adaptation beside the plain baseline, the cheapest first."""
        baseline = self.fits("main", _bare(plain), self.recipe)
        known = list(self.scenario.training.candidates.values())
        found = sorted(
            ablation.architectures(known, self.recipe, self.scenario.task), key=lambda each: _costly(each[0])
        )
        table = [Row(technique, plain.architecture, reason) for technique, reason in found]
        for row in table:
            if row.technique.candidate == _bare(plain):
                row.reason = "it is what the others are compared with"
        for row in sorted(table, key=lambda row: self.probe(row, baseline)):
            if not row.reason:
                self.screen(row, baseline)
            yield row

    def probe(self, row: Row, baseline: list[list[Fit]]) -> float:
        """Return the seconds of a first fit; none is made of an architecture that took too long in another form."""
        if row.reason:
            return 0.0
        name, spent = row.technique.candidate.architecture, self.bench.spent
        try:
            self.bench.fits([baseline[0][0]], keep=True)
            if name in self.out:
                raise OutOfLimit(self.beyond)
            asked = self.fits("main", row.technique.candidate, row.technique.recipe)
            (first,) = self.bench.fits([asked[0][0]], baseline[0][0], of=sum(map(len, asked)))
            return first.seconds
        except OutOfLimit:
            row.reason = self.beyond
            self.out.add(name)
        except LoopbookError as error:
            row.reason = str(error)
        finally:
            row.seconds += self.bench.spent - spent
        return 0.0

    def confirm(self, row: Row, base: Candidate) -> None:
        """Measure a technique on all rows of the bench."""
        technique, spent = row.technique, self.bench.spent
        for name in self.bench.rows:
            try:
                plain = self.measured(self.fits(name, _bare(base), self.recipe.changed(base.recipe)))
                found = self.measured(self.fits(name, technique.candidate, technique.recipe))
            except OutOfLimit:
                row.reason = f"confirming it on {name} is {self.beyond}"
                break
            row.confirmed[name] = ablation.estimate(found, plain, technique.way, self.scenario.ablation.folds)
        row.seconds += self.bench.spent - spent
        self.say(row)


def run(request: Request, console: Console, jobs: int = 1, out: Path | None = None) -> Path:
    """Measure every technique as far as the limit goes, and write the page; what was measured is not measured again.

    Parameters
    ----------
    jobs
        Processes that fit side by side.
    out
        File for the table as Markdown; None: none.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ScenarioError
        If the scenario has no network to try techniques on, or no plain candidate.
    """
    scenario, settings, project = request.resolved, request.resolved.ablation, request.project
    candidates = scenario.training.candidates
    bases = settings.bases or {name: each for name, each in candidates.items() if _family(each) == "network"}
    plain = next((each for each in reversed(candidates.values()) if _family(each) == "plain"), None)
    if not bases or plain is None:
        raise ScenarioError(
            f"An ablation of {scenario.name} needs a network to try techniques on (ablation.bases), and a plain one."
        )
    own = rows(scenario, project)
    dealt = Rows.dealt(scenario, own, settings.folds, range(settings.seeds))
    made = {family: each.dealt() for family, each in made_tasks.MADE.items() if settings.made}
    console.print(f"[bold]{scenario.title}[/] · {request.profile} · ablation on {len(own):,} rows")
    limit = 3600 * settings.limit
    kept = KEPT * limit if settings.confirm_seeds else 0.0
    with Bench.open(project, {"main": dealt, **made}, limit - kept, jobs, console) as bench:
        work = _Ablation(scenario, bench, console)
        table = [*work.techniques(bases), *work.architectures(plain)]
        shown = {family: _shown(work, family) for family in made}
        spent = bench.spent
    ablation.correct(table)
    survivors = [row for row in table if row.survives(settings.survive)] if settings.confirm_seeds else []
    if survivors:
        others = _others(request, own)
        with Bench.open(project, others, limit - spent, jobs, console) as bench:
            work = _Ablation(scenario, bench, console)
            for row in sorted(survivors, key=lambda row: row.p):
                work.confirm(row, bases.get(row.on, plain))
            spent += bench.spent
        ablation.correct_confirmed(survivors)
    page = ablation_table.page(request, table, shown, dealt, bases, spent)
    if out is not None:
        ablation_page.markdown(page, out)
    return ablation_page.write(page, project.reports)


def rows(scenario: Scenario, project: Project) -> pd.DataFrame:
    """Return a scenario's rows as 02 cleans and splits them, but for those of `UNOPENED`."""
    collected = sources.collect(scenario.source, project.root, project.raw)
    valid, _ = validation.validate(collected, scenario, datetime.now(UTC).date())
    masked, _ = cleaning.mask(validation.window(valid, scenario.data), scenario)
    kept, _ = cleaning.deduplicate(masked, scenario)
    splits = splitting.split(kept, scenario)
    return pd.concat([frame for name, frame in splits.items() if name not in UNOPENED], ignore_index=True)


def _others(request: Request, own: pd.DataFrame) -> dict[str, Rows]:
    """Return what is confirmed on: the own rows with new seeds, and those of the other scenarios, a fold a seed."""
    scenario, settings = request.resolved, request.resolved.ablation
    seeds = range(settings.seeds, settings.seeds + settings.confirm_seeds)
    found = {scenario.name: Rows.dealt(scenario, own, settings.folds, seeds)}
    for name, labels in settings.confirm_on.items():
        other = loading.load(name, request.project.scenarios, request.profile)
        other = other.model_copy(update={"task": other.task.model_copy(update={"also": {}})})
        found[name] = Rows.dealt(other, rows(other, request.project), settings.folds, seeds, labels, first=True)
    return found


def _shown(work: _Ablation, family: str) -> str:
    """Return what a technique of a family brings on the task that was made for it."""
    made, folds = made_tasks.MADE[family], range(len(work.bench.rows[family].folds))
    try:
        pair = [work.bench.fits([made.fit(family, fold, tried) for fold in folds]) for tried in (False, True)]
    except OutOfLimit:
        return f"not measured here: {work.beyond}"
    return made.said(*pair)


def _family(candidate: Candidate) -> str:
    return registry.described(candidate.architecture).family


def _bare(candidate: Candidate) -> Candidate:
    """Return a candidate whose recipe stands beside it."""
    return candidate.model_copy(update={"recipe": type(candidate.recipe)()})


def _costly(technique: Technique) -> bool:
    return registry.described(technique.candidate.architecture).costly_export
