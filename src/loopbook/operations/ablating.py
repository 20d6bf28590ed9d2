"""Ablation session: every technique with and without on the same folds; what survives is confirmed on new seeds."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from loopbook.models.architectures import registry
from loopbook.models.studies import ablation, made_tasks
from loopbook.models.studies.ablation import Row
from loopbook.models.studies.outer_folds import Fit, Measured, OutOfLimit
from loopbook.operations import ablation_rows, ablation_table
from loopbook.operations.ablation_bench import Bench
from loopbook.operations.ablation_rows import FEW, LABELS, MAIN
from loopbook.reports import ablation_page
from loopbook.runner import tokens
from loopbook.runner.execution import Request
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError, ScenarioError
from loopbook.scenario.recipe import Recipe

MADE = 600.0
"""Seconds of processor time that the made tasks may take, beyond the limit."""
UNTIL = (0.35, 0.5, 0.9, 1.0)
"""Shares of the limit up to which is screened and confirmed: first what is cheap, then encoders that are tuned."""

Plain = tuple[Candidate, Recipe]


@dataclass
class _Ablation:
    """The state of one ablation: what was found, by technique, and what each is compared with."""

    scenario: Scenario
    bench: Bench
    console: Console
    plain: Candidate
    bases: Mapping[str, Candidate]
    others: Sequence[str]
    table: dict[tuple[str, ...], Row] = field(default_factory=dict)
    out: set[str] = field(default_factory=set)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the scenario."""
        return self.scenario.training.recipe

    @property
    def beyond(self) -> str:
        """Why something was not measured that takes too long."""
        return f"out of the limit of {self.scenario.ablation.limit:g} hours of processor time"

    def against(self, row: Row) -> Plain:
        """Return what a technique is compared with."""
        base = self.bases.get(row.on, self.plain)
        return _bare(base), self.recipe.changed(base.recipe)

    def fits(self, rows: str, method: Plain, thin: bool) -> list[list[Fit]]:
        """Return the fits of a method, by outer fold and trial; of a costly one the fewest that say something."""
        kind, texts = registry.described(method[0].architecture), [part.model_dump_json() for part in method]
        tried = kind.family != "plain" or "C" in kind.settings
        trials = self.scenario.ablation.trials if tried and not thin else 1
        dealt = self.bench.rows[rows].folds
        few = {at for at, fold in enumerate(dealt) if (fold.repeat == 0 if rows in (MAIN, FEW) else fold.fold == 0)}
        folds = [at for at in range(len(dealt)) if not thin or at in few]
        return [[Fit(rows, fold, trial, texts[0], texts[1]) for trial in range(trials)] for fold in folds]

    def measured(self, asked: list[list[Fit]], baseline: Fit | None = None) -> list[Measured]:
        """Return of each fold what the trial gave that its inner fold chooses."""
        first, *others = [fit for fold in asked for fit in fold]
        found = iter([*self.bench.fits([first], baseline), *self.bench.fits(others)])
        return ablation.chosen([[next(found) for _ in fold] for fold in asked])

    def first(self, rows: str, method: Plain, baseline: Fit | None = None) -> Measured:
        """Return what the first fit gave; it may take the share of one of few, and keeps its answers as a baseline."""
        asked = self.fits(rows, method, thin=True)
        return self.bench.fits([asked[0][0]], baseline, keep=baseline is None, of=len(asked))[0]

    def screen(self, row: Row) -> None:
        """Measure a technique if it acts; what does not fit into the limit, or not to the task, says so."""
        technique, plain, spent = row.technique, self.against(row), self.bench.spent
        method, slow = (technique.candidate, technique.recipe), _tunes(technique.candidate)
        rows, row.reason = FEW if slow else MAIN, ""
        try:
            begun = self.first(rows, plain)
            found = self.first(rows, method, self.fits(rows, plain, thin=True)[0][0])
            if not found.moved:
                row.reason = "it changes nothing here"
                return
            row.thin = slow or max(begun.seconds, found.seconds) >= self.scenario.ablation.costly
            asked, baseline = self.fits(rows, method, row.thin), self.fits(rows, plain, row.thin)
            row.trials = len(asked[0])
            left = [
                self.bench.missing([fit for fold in fits for fit in fold][1:]) * one.seconds
                for fits, one in ((asked, found), (baseline, begun))
            ]
            if any(left) and self.bench.spent + sum(left) > self.bench.limit:
                raise OutOfLimit(self.beyond)
            row.first, row.found, row.plain = found, self.measured(asked, baseline[0][0]), self.measured(baseline)
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
        spent, limit = self.bench.spent / 60, self.scenario.ablation.limit * 60
        text = f"  {row.technique} on {row.on}: {gain} · {spent:.1f} of at most {limit:.0f} minutes"
        self.console.print(text, markup=False, soft_wrap=True)

    def techniques(self, slow: bool) -> None:
        """Screen the techniques of recipes and of arguments: each on the first base where it acts."""
        gpu = bool(tokens.devices(os.environ))
        for name, base in self.bases.items():
            if _tunes(base) != slow:
                continue
            for technique in ablation.of_base(base, self.recipe, self.plain):
                row = self.table.setdefault((technique.family, technique.name), Row(technique))
                if technique.gpu and not gpu:
                    row.reason = "it is for a GPU, and there is none"
                elif row.screened is None:
                    row.technique, row.on = technique, name
                    self.screen(row)

    def architectures(self, slow: bool) -> None:
        """Screen architectures and adaptations beside the plain baseline, the cheapest first."""
        for technique, reason in ablation.architectures(self.scenario.training, self.scenario.task):
            if _tunes(technique.candidate) == slow:
                row = Row(technique, self.plain.architecture, reason)
                if technique.candidate == _bare(self.plain):
                    row.reason = "it is what the others are compared with"
                self.table["architecture", technique.name, technique.value] = row
        own = [row for row in self.table.values() if row.technique.way == "instead" and not row.screened]
        self.out.clear()
        for row in own:
            row.reason = row.reason if row.reason != self.beyond else ""
        for row in sorted(own, key=self.probe):
            if not row.reason:
                self.screen(row)

    def probe(self, row: Row) -> float:
        """Return the seconds of a first fit; none is made of an architecture that took too long in another form."""
        if row.reason or _tunes(row.technique.candidate):
            return 0.0
        name, spent, plain = row.technique.candidate.architecture, self.bench.spent, self.against(row)
        try:
            self.first(MAIN, plain)
            if name in self.out:
                raise OutOfLimit(self.beyond)
            baseline = self.fits(MAIN, plain, thin=True)[0][0]
            return self.first(MAIN, (row.technique.candidate, row.technique.recipe), baseline).seconds
        except OutOfLimit:
            row.reason = self.beyond
            self.out.add(name)
        except LoopbookError as error:
            row.reason = str(error)
        finally:
            row.seconds += self.bench.spent - spent
        return 0.0

    def confirm(self, row: Row) -> None:
        """Measure a technique with new seeds, on the own rows and on the other scenarios'."""
        technique, spent = row.technique, self.bench.spent
        for name in self.others:
            slow = _tunes(technique.candidate)
            if (slow and not self.bench.rows[name].labels) or (not slow and name.endswith(FEW)):
                continue
            try:
                plain = self.measured(self.fits(name, self.against(row), row.thin))
                found = self.measured(self.fits(name, (technique.candidate, technique.recipe), row.thin))
            except OutOfLimit:
                row.reason = f"confirming it on {name} is {self.beyond}"
                break
            except LoopbookError as error:
                row.reason = f"on {name}: {error}"
                continue
            row.confirmed[name] = ablation.estimate(found, plain, technique.way, self.scenario.ablation.folds)
        row.seconds += self.bench.spent - spent
        self.say(row)

    def run(self) -> None:
        """Screen and confirm, what costs little before what costs much."""
        settings = self.scenario.ablation
        until = UNTIL if self.others else (1.0,) * 4
        for slow in (False, True):
            self.bench.limit = 3600 * settings.limit * until[2 * slow]
            self.techniques(slow)
            self.architectures(slow)
            self.bench.limit = 3600 * settings.limit * until[2 * slow + 1]
            found = [row for row in self.table.values() if row.survives(settings.survive) and not row.confirmed]
            for row in sorted(found, key=lambda row: row.p) if self.others else ():
                self.confirm(row)
        for row in ablation.elsewhere(self.recipe):
            self.table[row.technique.family, row.technique.name] = row
        ablation.correct(list(self.table.values()))
        ablation.correct_confirmed([row for row in self.table.values() if row.confirmed])

    def shown(self, family: str) -> str:
        """Return what a technique of a family brings on the task that was made for it."""
        made, folds = made_tasks.MADE[family], range(len(self.bench.rows[family].folds))
        try:
            pair = [self.bench.fits([made.fit(family, fold, tried) for fold in folds]) for tried in (False, True)]
        except OutOfLimit:
            return f"not measured here: {self.beyond}"
        return made.said(*pair)


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
    dealt = ablation_rows.own(request)
    made = {family: each.dealt() for family, each in made_tasks.MADE.items() if settings.made}
    others = ablation_rows.others(request, dealt.frame) if settings.confirm_seeds else {}
    console.print(f"[bold]{scenario.title}[/] · {request.profile} · ablation on {len(dealt.frame):,} rows")
    every = {MAIN: dealt, FEW: replace(dealt, labels=LABELS), **made, **others}
    with Bench.open(project, every, 3600 * settings.limit, jobs, console) as bench:
        adapted = {name: scenario.training.adapted(base) for name, base in bases.items()}
        work = _Ablation(scenario, bench, console, plain, adapted, list(others))
        work.run()
        bench.limit = bench.spent + MADE  # they are shown whatever did not fit
        shown = {family: work.shown(family) for family in made} | (made_tasks.ELSEWHERE if made else {})
        page = ablation_table.page(request, list(work.table.values()), shown, dealt, adapted, bench.spent, FEW)
    if out is not None:
        ablation_page.markdown(page, out)
    return ablation_page.write(page, project.reports)


def _family(candidate: Candidate) -> str:
    return registry.described(candidate.architecture).family


def _bare(candidate: Candidate) -> Candidate:
    """Return a candidate whose recipe stands beside it."""
    return candidate.model_copy(update={"recipe": type(candidate.recipe)()})


def _tunes(candidate: Candidate) -> bool:
    """Say whether it is a pretrained encoder that is asked anew for each fit, which takes minutes."""
    tuned = "adaptation" in registry.described(candidate.architecture).settings
    return tuned or any(_tunes(member) for member in candidate.members)
