"""The scenario file as text: every guess with a comment that gives its reason.

Names and values come from data and are hostile: in YAML they stand in quotation marks unless they are plain words, in
comments as a quoted text on one line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from loopbook.starter.form import Form
from loopbook.starter.label import LabelGuess
from loopbook.starter.notation import comment, listed, listing, noted, quoted, scalar
from loopbook.starter.roles import Roles


@dataclass(frozen=True)
class Draft:
    """Everything that the file says."""

    name: str
    path: str
    rows: int
    form: Form
    label: LabelGuess
    roles: Roles
    by: str
    by_reason: str
    shares: tuple[float, float, float, float, float]
    smoke_rows: int | None
    quarantine: float
    lost: str
    sequence_length: int
    vocabulary: int
    longest: int
    terms: tuple[str, ...] = ()
    rules: dict[str, str] = field(default_factory=dict)


def write(draft: Draft) -> str:
    """Return the file."""
    parts = [_head(draft), _stories(draft), _task(draft), _source(draft), _requirements(draft), _data(draft)]
    return "\n\n".join([*parts, _training(draft), _decisions(draft), _profiles(draft)]) + "\n"


def _head(draft: Draft) -> str:
    title = draft.name.replace("-", " ").capitalize()
    yes = draft.label.names[1]
    return "\n".join(
        [
            "# yaml-language-server: $schema=scenario.schema.json",
            comment(
                f"Written by `loopbook new` from {draft.rows:,} rows. Everything here is a guess, with its reason from "
                "the data behind it; yours to change. Lines with 'please check' first."
            ),
            f"name: {draft.name}",
            f"title: {scalar(title)}",
            f"description: {scalar(f'Says of each row whether it is “{yes}”, and acts on those that are.')}",
        ]
    )


def _stories(draft: Draft) -> str:
    rate = draft.label.rate
    majority = max(rate, 1 - rate)
    often = draft.label.names[int(rate > 0.5)]
    always = f"always saying {quoted(often)} is right in {majority:.0%} of the rows"
    return "\n".join(
        [
            comment("Who needs what, and how we will know. The thresholds are guesses: write your own."),
            "stories:",
            "  - id: find-them",
            "    as_a: person who has to act",
            f"    i_want: {scalar(f'the rows that are “{draft.label.names[1]}” pointed out')}",
            "    so_that: nobody has to look at every row",
            "    criteria:",
            comment(f"guess: {always}", 6),
            *_criterion(
                "beats-the-majority",
                f"More decisions are right than by always giving the more frequent answer ({majority:.1%}).",
                "04_optimization",
                "test_accuracy",
                ">",
                round(majority, 4),
            ),
            comment("guess: 0.5 is what drawing lots reaches", 6),
            *_criterion(
                "ranks-better-than-chance",
                "It puts yes before no; even the low end of the interval of its ROC AUC is above chance.",
                "04_optimization",
                "test_roc_auc_low",
                ">",
                0.5,
            ),
            "  - id: worth-it",
            "    as_a: owner of the budget",
            "    i_want: decisions that cost less than doing always the same",
            "    so_that: the agent is worth having",
            "    criteria:",
            *_criterion(
                "saves-money",
                "Deciding by the agent costs less than the best fixed rule (always or never act).",
                "05_decisions",
                "saving_per_decision_low",
                ">",
                0,
            ),
            "  - id: honest-data",
            "    as_a: reviewer of the method",
            "    i_want: every row accounted for and nothing leaked",
            "    so_that: the figures hold for tomorrow",
            "    criteria:",
            *_criterion(
                "nothing-leaks", "No row, group or text stands on two sides of a split.", "02_data", "leaks", "==", 0
            ),
            *_criterion(
                "few-rows-lost",
                f"At most {draft.quarantine:.0%} of the rows had to be put into quarantine.",
                "02_data",
                "quarantine_share",
                "<=",
                draft.quarantine,
            ),
        ]
    )


def _criterion(name: str, text: str, stage: str, metric: str, comparison: str, threshold: float) -> list[str]:
    return [
        f"      - id: {name}",
        f"        text: {scalar(text)}",
        f"        stage: {stage}",
        f"        metric: {metric}",
        f'        comparison: "{comparison}"',
        f"        threshold: {scalar(threshold)}",
    ]


def _task(draft: Draft) -> str:
    label, roles = draft.label, draft.roles
    lines = ["task:", "  type: binary", "  fields:"]
    for name, (kind, reason) in roles.fields.items():
        lines += noted(f"    {scalar(name)}: {kind}", reason)
    if roles.unused:
        lines.append(comment("Not used:", 4))
        lines += [comment(f"{quoted(name)}: {reason}", 6) for name, reason in roles.unused.items()]
    lines += ["  label:", *noted(f"    column: {scalar(label.column.name)}", label.which)]
    if label.rivals:
        lines.append(
            comment("Close behind: " + "; ".join(f"{quoted(name)} ({what})" for name, what in label.rivals), 4)
        )
    lines.append(comment(label.meaning, 4))
    if label.below is None:
        lines += listing("    positive", [_label_value(value) for value in label.positive])
    else:
        lines.append(f"    below: {label.below!r}")
    lines += [f"    names: {listed(label.names)}", "  actions: [pass, flag]"]
    return "\n".join(lines)


def _label_value(value: str) -> str | int:
    return int(value) if re.fullmatch(r"0|-?[1-9]\d{0,8}", value) else value


def _source(draft: Draft) -> str:
    form, roles = draft.form, draft.roles
    lines = ["source:", "  kind: csv", f"  path: {scalar(draft.path)}", f"  delimiter: {scalar(form.delimiter)}"]
    lines += noted(f'  decimal: "{form.decimal}"', form.marks_reason)
    if form.thousands is not None:
        lines.append(f'  thousands: "{form.thousands}"')
    lines += noted(f"  encoding: {form.encoding}", form.encoding_reason)
    if not form.quoting:
        lines += noted("  quoting: false", "quotation marks in this file do not come in pairs")
    for key, choice in (("id", roles.id), ("time", roles.time), ("group", roles.group)):
        if choice is None:
            lines.append(comment(f"{key}: no column looks like one", 2))
            continue
        others = f"; it could also be {', '.join(map(quoted, choice.rivals))}" if choice.rivals else ""
        lines += noted(f"  {key}: {scalar(choice.column.name)}", choice.reason + others)
        if choice.column.formats:
            lines += listing("  time_formats", choice.column.formats)
    for key, found, why in (
        ("personal", roles.personal, "replaced by pseudonyms before anything is stored"),
        ("protected", roles.protected, "people must be treated alike over these"),
    ):
        if found:
            lines.append(comment(f"{why}; please check", 2))
            lines += [comment(f"  {quoted(name)}: {reason}", 2) for name, reason in found.items()]
            lines += listing(f"  {key}", list(found))
    return "\n".join(lines)


def _requirements(draft: Draft) -> str:
    lines = ["requirements:"]
    if draft.terms:
        lines.append(
            comment("The prototype's rules: words that go with yes in the rows to train on. Write your own.", 2)
        )
        lines += ["  terms:", f"    found: {listed(draft.terms)}"]
    if draft.rules:
        lines.append(
            comment("The prototype's rules: the limits that part yes from no best in the rows to train on.", 2)
        )
        lines += ["  rules:", *(f"    {scalar(name)}: {scalar(rule)}" for name, rule in draft.rules.items())]
    return "\n".join([*lines, "  prototype_threshold: 1"])


def _data(draft: Draft) -> str:
    names = ("train", "validation", "test", "gate", "stream")
    lines = ["data:", *noted(f"  max_quarantine_share: {max(0.2, draft.quarantine)!r}", draft.lost)]
    if draft.roles.texts:
        lines += [
            f"  sequence_length: {draft.sequence_length}  # tokens; nine texts in ten are shorter, or cut at 256",
            f"  vocabulary_size: {draft.vocabulary}",
            f"  max_characters: {draft.longest}",
        ]
    lines += ["  splits:", *noted(f"    by: {draft.by}", draft.by_reason)]
    return "\n".join([*lines, *(f"    {name}: {share!r}" for name, share in zip(names, draft.shares, strict=True))])


def _training(draft: Draft) -> str:
    lines = ["training:", "  seed: 1", "  candidates:"]
    lines += [f"    {name}: {{architecture: {architecture}}}" for name, architecture in _candidates(draft.roles)]
    return "\n".join(
        [
            *lines,
            "",
            "optimization:",
            "  trials: 4",
            "  search:",
            "    learning_rate: {low: 0.0005, high: 0.005, log: true}",
        ]
    )


def _candidates(roles: Roles) -> Sequence[tuple[str, str]]:
    """Return name and architecture of the candidates that suit the fields, plain ones first."""
    chosen = [("majority", "majority")]
    if roles.texts:
        chosen += [("wordlist", "word_list"), ("tfidf", "tfidf")]
    if roles.table:
        chosen += [("logistic", "table_logistic"), ("mlp", "mlp")]
    return chosen + ([("bag", "bag"), ("cnn", "cnn")] if roles.texts else [])


def _decisions(draft: Draft) -> str:
    rate = draft.label.rate
    missed = min(20, max(2, round((1 - rate) / rate)))
    return "\n".join(
        [
            "decisions:",
            "  review_capacity: 0.1",
            "  costs:",
            comment(
                f"guess: {(1 - rate) / rate:.1f} rows are no for each that is yes, so a missed one is taken to cost "
                f"{missed} times a false alarm: please check, the decisions rest on it",
                4,
            ),
            "    false_positive: 1",
            f"    false_negative: {missed}",
            "    review: 0.3",
        ]
    )


def _profiles(draft: Draft) -> str:
    pair = ["tfidf", "bag"] if draft.roles.texts else ["logistic", "mlp"]
    rows = [] if draft.smoke_rows is None else [f"    data: {{rows: {draft.smoke_rows}}}"]
    lines = [
        "profiles:",
        "  smoke:",
        comment("a minute, to see that everything works; the figures mean little", 4),
        *rows,
        f"    training: {{only: {listed(pair)}, epochs: 6, patience: 2, bootstrap: 200}}",
        "    optimization: {trials: 1, search_epochs: 2, latency_repeats: 50}",
    ]
    if draft.roles.texts:
        lines += ["  full:", "    training: {candidates: {minilm: {architecture: minilm}}}"]
    return "\n".join([*lines, ""]).rstrip("\n")
