"""Simulated users: some answer, some are wrong, a few are malicious. Always said to be simulated."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from loopbook.data.features import column
from loopbook.feedback import corrections
from loopbook.scenario.contract import Scenario
from loopbook.scenario.feedback import FeedbackSettings
from loopbook.scenario.task import Task
from loopbook.statistics.coin import coin
from loopbook.store.stage import Stage

SOURCE = "simulated"
"""What stands in the column `source` of every simulated answer."""

_SECOND, _THIRD = 0.4, 0.12  # share of the answered decisions that a second and a third user answer as well
_COMMENTING = 0.5
_LONGEST_WAIT = 36 * 3600  # seconds between a decision and an answer
_WORD = re.compile(r"[^\W\d_]{5,}")

_COMMENTS: dict[str, tuple[str, ...]] = {
    "missed": (
        "I only learned of this from a colleague, you missed it. {word} should have been enough.",
        "Missed! This one mattered to us. {word} says it.",
        "Why was I not told? {word} is exactly what we wait for.",
        "You overlooked this. It was serious.",
        "Should have come up. We lost half a day because it was missed.",
    ),
    "false alarm": (
        "Nothing to see here. {word} alone is no reason to bother me.",
        "False alarm, this is routine.",
        "Please stop sending me such things. {word} is harmless here.",
        "Not worth my time. Third false alarm today.",
        "This was noise, nobody here would have acted on it.",
    ),
    "right": (
        "Good catch, thanks.",
        "Yes, that is how I would have decided.",
        "Correct, and quickly.",
        "Agreed.",
        "Fine. {word} gave it away.",
    ),
}
_CAUSES: dict[str, tuple[str, ...]] = {
    "negation": ("It says that this did not happen: a negation.", "Read on to the word not: it was denied."),
    "mixed": (
        "Half good, half bad: the last half of the sentence decides.",
        "Two clauses, and you read the wrong half.",
    ),
    "quotation": ("They only quote somebody else.", "A quotation of what others claim, not news."),
    "sarcasm": ("This is irony, the author means the opposite.", "Sarcasm! Nobody means such praise."),
    "two_companies": ("This is about the other company.", "Two companies in it, and you took the wrong company."),
    "typo": ("A spelling mistake threw you off.", "Misspelt, but any reader sees what is meant."),
}
"""What a user adds to a complaint about a post of the simulated world that is hard in a known way."""


def simulate(decisions: pd.DataFrame, truth: Mapping[str, int], task: Task, settings: FeedbackSettings) -> pd.DataFrame:
    """Return what simulated users say of decisions.

    Everything depends on hashes of `row_id`, user and seed, so the same decision gets the same answers whatever else is
    in the log. An honest user says what is true but for a share `error_rate`; a malicious one always says the opposite
    and praises mistakes.

    Parameters
    ----------
    decisions
        The decision log: `row_id`, `time`, `action` and the rows' fields.
    truth
        What is right for each row, by `row_id`: the true state of a simulated world, or held-back labels, which
        stand for reviewers. Rows that are not in it are not answered.
    task
        Its second action is the one for yes.
    settings
        How many users there are, how many decisions they answer, how many of them err or mean harm, and the seed.

    Returns
    -------
    DataFrame
        Answers with `corrections.COLUMNS`; `user` is ``simulated-1`` and so on, `source` is ``simulated``.
    """
    seed, harmful = settings.feedback_seed, malicious(settings)
    hard = decisions["hard_case"].astype(str).tolist() if "hard_case" in decisions else [""] * len(decisions)
    texts = [column(decisions, name).astype(str).tolist() for name in task.text_fields]
    acted = (decisions["action"] == task.actions[1]).tolist()
    answers: list[dict[str, Any]] = []
    for at, (row, time) in enumerate(zip(decisions["row_id"].astype(str), decisions["time"], strict=True)):
        if row not in truth or _coin(seed, "answered", row) >= settings.answer_rate:
            continue
        right = int(truth[row])
        kind = "right" if acted[at] == (right == 1) else ("missed" if right == 1 else "false alarm")
        word = _word(seed, row, [each[at] for each in texts]) or _field(seed, row, task)
        for user in _users(seed, row, settings.users):
            liar = user in harmful
            wrong = liar or _coin(seed, "wrong", row, user) < settings.error_rate
            opposite = "right" if kind != "right" else ("false alarm" if acted[at] else "missed")
            felt = opposite if wrong else kind
            comments = _coin(seed, "comments", row, user) < _COMMENTING
            wait = pd.Timedelta(seconds=int(_coin(seed, "wait", row, user) * _LONGEST_WAIT))
            answers.append(
                {
                    "row_id": row,
                    "user": user,
                    "label": 1 - right if wrong else right,
                    "comment": _comment(seed, row, user, felt, word, hard[at] if not wrong else "") if comments else "",
                    "rating": _rating(seed, row, user, felt),
                    # A decision that seemed wrong keeps the user busy for twice as long.
                    "seconds": round(
                        8 * math.exp(2.2 * _coin(seed, "seconds", row, user)) * (1 if felt == "right" else 2), 1
                    ),
                    "time": time + wait if pd.notna(time) else pd.NaT,
                    "source": SOURCE,
                }
            )
    return corrections.table(answers)


def truth(stream: pd.DataFrame, scenario: Scenario) -> dict[str, int]:
    """Return what is right for each row of the stream: the simulated world's state, or the label."""
    column_name = scenario.source.truth or "label"
    return dict(zip(stream["row_id"].astype(str), stream[column_name].astype(int), strict=True))


def gather(stage: Stage, decisions: pd.DataFrame, right: Mapping[str, int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return simulated answers together with those of the scenario's file, and the file's broken rows."""
    simulated = simulate(decisions, right, stage.scenario.task, stage.settings)
    path = stage.settings.file and stage.project.root / stage.settings.file
    return corrections.with_file(simulated, path, decisions, stage.scenario, datetime.now(UTC).date())


def malicious(settings: FeedbackSettings) -> frozenset[str]:
    """Return the simulated users who mean harm: the share `malicious_rate` of all, rounded up."""
    names = [f"{SOURCE}-{number}" for number in range(1, settings.users + 1)]
    count = math.ceil(settings.malicious_rate * settings.users - 1e-9)
    return frozenset(sorted(names, key=lambda name: _coin(settings.feedback_seed, "malicious", name))[:count])


def _users(seed: int, row: str, users: int) -> list[str]:
    """Return who answers about a row; users with a low number answer more often."""
    asked = 1 + (_coin(seed, "second", row) < _SECOND) + (_coin(seed, "third", row) < _THIRD)
    numbers = [1 + int(users * _coin(seed, "who", row, str(at)) ** 1.3) for at in range(asked)]
    return [f"{SOURCE}-{number}" for number in dict.fromkeys(numbers)]


def _comment(seed: int, row: str, user: str, felt: str, word: str, hard: str) -> str:
    said = _pick(_COMMENTS[felt], _coin(seed, "comment", row, user))
    said = said.format(word=f"“{word}”" if word else "This")
    if felt != "right" and hard in _CAUSES:
        return f"{said} {_pick(_CAUSES[hard], _coin(seed, 'cause', row, user))}"
    return said


def _rating(seed: int, row: str, user: str, felt: str) -> int | None:
    """Return how useful the user found the decision, 1 to 5; every third user gives no rating."""
    coin = _coin(seed, "rating", row, user)
    if coin < 1 / 3:
        return None
    best, spread = (5, 2) if felt == "right" else (2, 2)
    return best - int((coin - 1 / 3) * 1.5 * spread)


def _word(seed: int, row: str, texts: Sequence[str]) -> str:
    """Return a longer word of the row's text that a user might point at."""
    words = sorted(
        {word.lower() for text in texts for word in _WORD.findall(text)}, key=lambda word: (-len(word), word)
    )
    return _pick(words[:3], _coin(seed, "word", row)) if words else ""


def _field(seed: int, row: str, task: Task) -> str:
    """Return a field of a table that a user might point at."""
    names = [name.replace("_", " ") for name in task.table_fields]
    return _pick(names, _coin(seed, "field", row)) if names else ""


def _pick(of: Sequence[str], coin: float) -> str:
    return of[int(coin * len(of))]


def _coin(seed: int, *parts: str) -> float:
    return coin("\n".join((f"user {seed}", *parts)))
