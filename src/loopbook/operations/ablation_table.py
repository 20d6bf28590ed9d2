"""The table of an ablation in words: a row a technique, and above it how it was made."""

from collections.abc import Mapping, Sequence

from loopbook.models.studies import ablation
from loopbook.models.studies.ablation import Estimate, Row
from loopbook.models.studies.outer_folds import FACTORS, Measured, Rows
from loopbook.reports.ablation_page import Page
from loopbook.runner.execution import Request
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.loading import given_text
from loopbook.statistics import metrics
from loopbook.statistics.intervals import between

COLUMNS = (
    "technique",
    "family",
    "how",
    "on",
    "folds × trials",
    "with it",
    "gain (95% interval)",
    "p (Holm)",
    "that it acted",
    "confirmed",
    "minutes",
    "verdict",
)


def page(
    request: Request,
    table: Sequence[Row],
    made: Mapping[str, str],
    dealt: Rows,
    bases: Mapping[str, Candidate],
    spent: float,
    few: str,
) -> Page:
    """Return the page of an ablation; `few` says from how many labels an encoder that is tuned learns."""
    scenario, settings = request.resolved, request.resolved.ablation
    metric = metrics.primary(scenario.task.type).title
    sizes = len(dealt.folds[0].train), len(dealt.folds[0].validation), len(dealt.folds[0].held)
    factors = ", ".join(f"{factor:.2g}" for factor in FACTORS[: settings.trials])
    confirmed = " and ".join(
        f"{name} ({labels} labels a class)" if labels else name for name, labels in settings.confirm_on.items()
    )
    beyond = sum("out of the limit" in row.reason for row in table)
    notes = (
        f"Each technique with and without, on the same folds of {len(dealt.frame):,} rows of {scenario.name}; rows of "
        "test and gate are not used, they judge what is chosen here. The figure is "
        f"{metric} on outer folds by group: {settings.folds} folds, dealt anew with each of {settings.seeds} seeds; "
        f"of a fold {sizes[0]:,} rows are learned from, {sizes[1]:,} (the inner fold) end the training and choose "
        f"among the trials, {sizes[2]:,} judge.",
        f"Budget of tuning: {settings.trials} trial{'s' * (settings.trials > 1)} a fold, for each method and for "
        "what it is compared with, the plain baseline too: the scenario's step size (of a plain one C) times "
        f"{factors}.",
        f"An encoder that is tuned, and what it is compared with, learns from {few} of each fold of the first seed, "
        f"with one trial, for it takes minutes. Another fit of {settings.costly:g} s and more has all labels, but the "
        f"first seed and one trial too; either is confirmed with one fold a seed ({settings.folds} × 1 in its row).",
        f"Screened on {', '.join(bases)}: a technique counts on the first of these where it changes an answer. "
        "add-one: with the technique, less without; leave-one-out: the base, less without the technique; instead: "
        "another architecture, less the plain baseline.",
        "Intervals and p values are of the corrected resampled t-test over folds and seeds (Nadeau & Bengio 2003), "
        "the latter with Holm's correction for all rows that were measured. A gain with an uncorrected p of at most "
        f"{settings.survive:g} is confirmed with {settings.confirm_seeds} new seeds"
        + (f", and on {confirmed} with one fold a seed" if confirmed else "")
        + ". Only what is confirmed on the own rows is said to help.",
        "That it acted: how far the trained weights are from the baseline's by their length (first fold, equal seed), "
        "and loss on train from the first epoch to the last.",
        "Without a row, since they are no techniques: "
        + "; ".join(f"{name} ({why})" for name, why in ablation.UNTRIED.items())
        + ".",
        *([f"Given to this one: {given_text(request.given)}."] if request.given else []),
        f"Processor time: {spent / 3600:.2f} hours, so on two processors about {spent / 7200:.2f}; beyond "
        f"{settings.limit:g} nothing was begun" + (f", and {beyond} rows did not fit." if beyond else "."),
    )
    return Page(
        title=scenario.title,
        scenario=scenario.name,
        command=f"make ablation SCENARIO={scenario.name}",
        notes=notes,
        columns=COLUMNS,
        rows=tuple(_cells(row) for row in table),
        made=made,
    )


def _cells(row: Row) -> tuple[str, ...]:
    technique, minutes = row.technique, f"{row.seconds / 60:.1f}" if row.seconds else ""
    head = str(technique), technique.family, technique.way, row.on
    if row.screened is None or row.first is None:
        return (*head, "", "", "", "", "", "", minutes, f"{row.verdict}: {row.reason}")
    score = sum(one.score for one in row.found) / len(row.found)
    confirmed = [f"{name} {_gain(found)}" for name, found in row.confirmed.items()]
    confirmed += [f"(Holm {row.confirmed_p:.3f})"] if confirmed else []
    confirmed += [row.reason] if row.reason else []
    acted = f"{_moved(row.first)}; loss {_trace(row.found)}, without {_trace(row.plain)}"
    shown = (
        f"{len(row.found)} × {row.trials}",
        f"{score:.4f}",
        _gain(row.screened),
        f"{row.corrected:.3f}",
        acted,
        "; ".join(confirmed),
    )
    return (*head, *shown, minutes, row.verdict)


def _gain(found: Estimate) -> str:
    return f"{found.gain.value:+.4f} ({between(found.gain.low, found.gain.high, '+.4f')})"


def _moved(first: Measured) -> str:
    if first.turned is None:
        return f"other weights; answers {first.moved:.2g} away"
    return f"weights {first.turned:.2g} away"


def _trace(found: Sequence[Measured]) -> str:
    """Return loss on train in the first and in the last epoch, and the epochs, each the mean over folds."""
    began, ended, epochs = (
        sum(values) / len(found) for values in zip(*((one.began, one.ended, one.epochs) for one in found), strict=True)
    )
    return f"{began:.3f} to {ended:.3f} in {epochs:.0f}"
