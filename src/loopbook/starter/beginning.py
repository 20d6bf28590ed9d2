"""The beginning of an agent: look at a file, guess a scenario, write it, and say what to edit next."""

import shlex
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from loopbook.data import download, sources
from loopbook.data.cleaning import shorten
from loopbook.requirements.prototype import Prototype
from loopbook.scenario import reading
from loopbook.scenario.errors import DataError, refuse, suggest
from loopbook.scenario.source import CsvSource
from loopbook.starter import conversion, document, form, label, label_types, placing, roles, trial
from loopbook.starter.column import describe
from loopbook.starter.notation import quoted
from loopbook.store.project import Project

_ASKED: dict[label_types.Reading, str] = {
    "binary": "which values mean yes",
    "multiclass": "which values are a class of their own",
    "ordinal": "which values are a class of their own, and in which order",
    "number": "from which limit on something is done",
}


_FEW = 50  # rows of an answer, below which figures say little
_MUCH = 0.2  # share of quarantine allowed for, from which on it is said first


@dataclass(frozen=True)
class Beginning:
    """What was written, and what a person should know of it.

    Attributes
    ----------
    path
        The scenario file.
    copied
        Where the data was copied to; none: it stays where it is.
    guesses
        What, guess and reason, for a short table.
    next
        What to edit, the least sure first.
    readings
        What else the label could be read as, each with the command for it.
    doubts
        What comes before all else: columns and marks that may have been read otherwise than they were meant.
    """

    path: Path
    copied: tuple[Path, ...]
    guesses: tuple[tuple[str, str, str], ...]
    next: tuple[str, ...]
    readings: tuple[tuple[str, str], ...] = ()
    doubts: tuple[str, ...] = ()


def begin(
    project: Project,
    name: str,
    file: Path,
    given: str | None = None,
    progress: Callable[[str], None] = download.silent,
    task: label_types.Reading | None = None,
) -> Beginning:
    """Write a scenario for a csv file, or for a JSON or Parquet file, which becomes one.

    Parameters
    ----------
    project
        Where the scenario goes.
    name
        Of the agent: small letters, digits and hyphens.
    file
        The file. A csv file inside the project stays where it is; any other is copied to ``data/raw``, as csv.
    given
        The label's column; None: it is guessed.
    progress
        Hears what is being done.
    task
        What to read the label as; None: it is guessed.

    Raises
    ------
    ScenarioError
        If the name does not fit, or there is such a scenario already.
    DataError
        If the file cannot be used. Nothing has been written then.
    """
    target = project.scenarios / f"{name}.yaml"
    placing.refuse_name(name, target)
    raw = placing.read(file)
    table = conversion.as_csv(raw, file.name)
    if table is None:
        return _begin(project, name, file, raw, given, progress, task)
    with tempfile.TemporaryDirectory() as folder:
        progress(f"Turning {file.name} into a csv file")
        stand_in = Path(folder) / f"{file.stem.removesuffix('.csv')}.csv"
        stand_in.write_bytes(table)
        return _begin(project, name, stand_in, table, given, progress, task, file)


def _begin(
    project: Project,
    name: str,
    file: Path,
    raw: bytes,
    given: str | None,
    progress: Callable[[str], None],
    task: label_types.Reading | None,
    original: Path | None = None,
) -> Beginning:
    target = project.scenarios / f"{name}.yaml"
    progress(f"Looking at {file.name}")
    written, _ = form.read(raw, file.name)
    source, copied = placing.place(project, name, file)
    settings = CsvSource(
        kind="csv",
        path=str(file.resolve()),
        delimiter=written.delimiter,
        decimal=written.decimal,  # type: ignore[arg-type]
        thousands=written.thousands,  # type: ignore[arg-type]
        encoding=written.encoding,
        quoting=written.quoting,
        escapes=written.escapes,
        sample=trial.SMOKE[-1],
    )
    collected = sources.collect(settings, project.root, project.raw)
    columns = [describe(each, collected.frame[each].tolist(), written) for each in map(str, collected.frame)]
    guessed = label.guess(columns, given, file.name, task)
    today = datetime.now(UTC)
    assigned = roles.assign(columns, guessed, today)
    longest = max((len(value) for each in columns if each.name in assigned.texts for value in each.values), default=0)
    draft = document.Draft(
        name=name,
        path=source,
        rows=collected.origin.get("of_rows", collected.origin["rows"]),
        form=written,
        label=guessed,
        roles=assigned,
        by="stratum",
        by_reason="",
        shares=(0.6, 0.12, 0.12, 0.06, 0.1),
        smoke_rows=None,
        quarantine=0.05,
        lost="",
        sequence_length=64,
        vocabulary=8_000,
        longest=min(100_000, max(10_000, 2 * longest)),
        columns=tuple(columns),
    )
    progress("Trying the guesses: checking rows, repeated texts and splits")
    draft = trial.settle(draft, collected, today.date())
    checked = trial.scenario_of(replace(draft, path=str(file.resolve())), "smoke")
    sources.check(checked, project.root)
    Prototype.of(checked.requirements, checked.task)
    if copied is not None:
        placing.copy(raw, copied)
    placing.write(target, document.write(draft))
    doubts = (f"{quoted(column)} is {doubt}" for column, doubt in draft.roles.doubts.items())
    said = (*(doubt.text for doubt in written.doubts), *doubts)
    if assigned.time is not None and draft.by != "time":
        said += (f"the agent is not tested on later days than those it learns from. Split by {draft.by_reason}",)
    if example := label_types.lists(guessed.column):
        what = f"{quoted(guessed.column.name)} holds lists, such as {quoted(example)}"
        said += (f"{what}, and each list is a value by itself. To learn one part, write a column that says who has it",)
    if given is None and (readings := label.series(columns, guessed.column)):
        said += (readings.strip(),)
    rarer = min(guessed.counts.values())
    if len(guessed.classes) == 2 and rarer < _FEW:
        said += (f"the rarer answer has {rarer} rows, of which the test gets about {rarer * draft.shares[2]:.0f}",)
    if draft.quarantine > _MUCH:
        said += (draft.lost,)
    told = _readings(guessed, name, original or file)
    return Beginning(
        target, (copied,) if copied else (), _guesses(draft), _next(draft, reading.parse(target)), told, said
    )


def _readings(guess: label_types.LabelGuess, name: str, file: Path) -> tuple[tuple[str, str], ...]:
    """Return what else the label could be read as, each with the command that begins such an agent."""
    words = (("FILE", str(file)), ("LABEL", guess.column.name))
    # Make reads a value before the shell does: to it $(…) is a call, and $$ is a dollar.
    given = " ".join(f"{key}={shlex.quote(value.replace('$', '$$'))}" for key, value in words)
    return tuple(
        (f"{label_types.READINGS[task]}: {what}", f"make new NAME={name[:49]}-{task} {given} TASK={task}")
        for task, what in guess.others
    )


def reading_of(task: str) -> label_types.Reading | None:
    """Return a type of task by its name; None for no name.

    Raises
    ------
    DataError
        If there is no such type.
    """
    for known in label_types.READINGS:
        if task == known:
            return known
    refuse(
        DataError,
        (bool(task), f"There is no task {task!r}.{suggest(task, [*label_types.READINGS, 'ranking', 'anomaly'])}"),
    )
    return None


def _guesses(draft: document.Draft) -> tuple[tuple[str, str, str], ...]:
    guess, has, written = draft.label, draft.roles, draft.form
    yes = ", ".join(quoted(value) for value in guess.positive) if guess.below is None else f"below {guess.below:g}"
    read = {
        "binary": ("yes", yes),
        "multiclass": ("classes", f"{len(guess.classes)}"),
        "ordinal": ("classes", f"{len(guess.classes)}"),
        "number": ("limit", guess.classes[1]),
    }
    what, value = read[guess.task]
    rows = [
        ("label", quoted(guess.column.name), guess.which),
        ("task", f"{label_types.READINGS[guess.task]} ({guess.task})", ""),
        (what, shorten(value, 80), guess.meaning),
    ]
    for kind in ("text", "number", "category"):
        names = [quoted(name) for name, (each, _) in has.fields.items() if each == kind]
        rows.append((f"{kind} fields", ", ".join(names) or "none", ""))
    rows += [
        (what, quoted(choice.column.name) if choice else "none", choice.reason if choice else "")
        for what, choice in (("time", has.time), ("group", has.group), ("id", has.id))
    ]
    people = (("personal", has.personal), ("protected", has.protected))
    rows += [(what, ", ".join(map(quoted, found)), "") for what, found in people if found]
    rows += [("not used", quoted(name), reason) for name, reason in has.unused.items()]
    marks = f"decimal {written.decimal!r}" + (f", thousands {written.thousands!r}" if written.thousands else "")
    rows.append(("file", f"delimiter {written.delimiter!r}, {marks}, {written.encoding}", written.marks_reason))
    rows += [("rows", f"{draft.rows:,}", draft.lost), ("splits", f"by {draft.by}", draft.by_reason)]
    return tuple(rows)


def _next(draft: document.Draft, file: reading.ScenarioFile) -> tuple[str, ...]:
    """Return what to edit, the least sure first, each with its line."""
    guess, has = draft.label, draft.roles
    steps: list[tuple[float, reading.Location, str]] = [
        (guess.sure, ("task", "label"), f"{_ASKED[guess.task]}: {guess.meaning}"),
        (0.35, ("decisions", "costs"), "what a wrong decision costs; the decisions rest on it"),
        (0.5, ("stories",), "who needs what, and from which threshold on the agent is good enough"),
    ]
    steps += [(doubt.sure, ("source", doubt.key), doubt.text) for doubt in draft.form.doubts]
    steps += [(0.1, ("task", "fields"), f"{quoted(name)} is {doubt}") for name, doubt in has.doubts.items()]
    if guess.rivals:
        others = "; ".join(f"{quoted(name)} ({what})" for name, what in guess.rivals)
        steps.append((guess.sure - 0.01, ("task", "label", "column"), f"whether this is the label, or {others}"))
    if has.leaks:
        steps.append((0.15, ("task", "fields"), "; ".join(f"{quoted(name)}: {has.unused[name]}" for name in has.leaks)))
    steps += [
        (choice.sure, ("source", key), f"{quoted(choice.column.name)}: {choice.reason}")
        for key, choice in (("time", has.time), ("group", has.group))
        if choice is not None and choice.sure < 0.9
    ]
    damaged = [name for name, reason in has.unused.items() if reason.startswith("ids damaged")]
    if damaged:
        steps.append((0.16, ("source",), f"{', '.join(map(quoted, damaged))}: {has.unused[damaged[0]]}"))
    if has.coded:
        names = ", ".join(map(quoted, has.coded))
        steps.append((0.5, ("task", "fields"), f"whether these small whole numbers are codes or amounts: {names}"))
    if has.personal:
        names = ", ".join(map(quoted, has.personal))
        steps.append((0.45, ("source", "personal"), f"whether these are all the columns that name people: {names}"))
    else:
        steps.append((0.55, ("source",), "no column seems to name people; if one does, add personal: [column]"))
    steps.append((0.7, ("requirements",), "the prototype's rules, which were taken from the data"))
    ordered = sorted(steps, key=lambda step: step[0])
    return tuple(f"line {file.line(location)}, {'.'.join(map(str, location))}: {text}" for _, location, text in ordered)
