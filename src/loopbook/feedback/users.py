"""Simulated users: some answer, some are wrong, a few are malicious. Always said to be simulated."""

import math
import re
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype

from loopbook.data.features import column
from loopbook.feedback import attackers, complaint, corrections
from loopbook.scenario.contract import Scenario
from loopbook.scenario.feedback import FeedbackSettings
from loopbook.scenario.task import Task
from loopbook.statistics.coin import coin

SOURCE = "simulated"
"""What stands in the column `source` of every simulated answer."""

_SECOND, _THIRD = 0.4, 0.12  # share of the answered decisions that a second and a third user answer as well
_COMMENTING = 0.5
_NOISE, _BIAS, _FAR = 0.05, 0.03, 2.0  # how far users' numbers are off, in standard deviations of the true ones
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
    "wrong": (
        "This went to the wrong place. {word} should have told you.",
        "Wrong: somebody else should have had this.",
        "No, this is something else. Look at {word}.",
        "We had to move this by hand.",
        "Not what it is about at all.",
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


def simulate(
    decisions: pd.DataFrame, truth: Mapping[str, Any], scenario: Scenario, settings: FeedbackSettings
) -> pd.DataFrame:
    """Return what simulated users say of decisions.

    Everything depends on hashes of `row_id`, user and seed, so the same decision gets the same answers whatever else is
    in the log. An honest user says what is true but for a share `error_rate`: then the agent's wrong answer, or one of
    two classes that are easily taken for the true one. What a malicious user says for harm (`attackers.lies`) is never
    true, but always one class, or for each class the next. A number is known with noise and a small bias; mistakes are
    far off, and malicious users add the same to all numbers, or noise. Further outputs are named as classes are, where
    the truth is known.

    Parameters
    ----------
    decisions
        The decision log: `row_id`, `time`, `action`, `label` (for its type) and the rows' fields; of further outputs
        also the truth, in columns ``label_`` and their names.
    truth
        What is right for each row, by `row_id`: the true state of a simulated world, or held-back labels, which
        stand for reviewers. Rows that are not in it are not answered.
    scenario
        Its task and costs say which action would have been right.
    settings
        How many users there are, how many decisions they answer, how many of them err or mean harm, and the seed.

    Returns
    -------
    DataFrame
        Answers with `corrections.COLUMNS`; `user` is ``simulated-1`` and so on, `source` is ``simulated``.
    """
    seed, task = settings.feedback_seed, scenario.task
    doing = attackers.behaviours(sorted(malicious(settings)), settings.attack)
    ids = decisions["row_id"].astype(str).tolist()
    answered = [row for row in ids if row in truth and _coin(seed, "answered", row) < settings.answer_rate]
    asked = [(row, user) for row in answered for user in _users(seed, row, settings.users)]
    asked = attackers.joined(seed, answered, asked, doing)
    at = pd.Index(ids).get_indexer(pd.Index([row for row, _ in asked], dtype=object))
    log = decisions.iloc[at].reset_index(drop=True)
    liars = attackers.lies(seed, asked, log, doing, scenario)
    wrong = [
        liar or _coin(seed, "wrong", row, user) < settings.error_rate
        for liar, (row, user) in zip(liars, asked, strict=True)
    ]
    label, also = decisions["label"].dtype, corrections.further(decisions, task)
    says = (_number if is_float_dtype(label) else _class)(seed, asked, truth, liars, wrong, log)
    waits = [pd.Timedelta(seconds=int(_coin(seed, "wait", *pair) * _LONGEST_WAIT)) for pair in asked]
    waited = (log["time"] + pd.Series(waits, dtype="timedelta64[us]")).tolist()
    says, times = attackers.copied(asked, says, waited, doing)
    more = {column: _further(seed, asked, liars, settings.error_rate, log, column) for column in also}
    felt = complaint.kinds(log, pd.Series(says, dtype=label), scenario)
    hard = log["hard_case"].astype(str).tolist() if "hard_case" in log else [""] * len(log)
    texts = [column(log, name).astype(str).tolist() for name in task.text_fields]
    answers: list[dict[str, Any]] = []
    for place, ((row, user), time) in enumerate(zip(asked, times, strict=True)):
        word = _word(seed, row, [each[place] for each in texts]) or _field(seed, row, task)
        cause = "" if wrong[place] else hard[place]
        comments = _coin(seed, "comments", row, user) < _COMMENTING
        busy = 8 * math.exp(2.2 * _coin(seed, "seconds", row, user))
        answers.append(
            {
                "row_id": row,
                "user": user,
                "label": says[place],
                **{column: named[place] for column, named in more.items()},
                "comment": _comment(seed, row, user, felt[place], word, cause) if comments else "",
                "rating": _rating(seed, row, user, felt[place]),
                # A decision that seemed wrong keeps the user busy for twice as long.
                "seconds": round(busy * (1 if felt[place] == complaint.RIGHT else 2), 1),
                "time": time,
                "source": SOURCE,
            }
        )
    return corrections.table(answers, label, also)


def _class(
    seed: int,
    asked: Sequence[tuple[str, str]],
    truth: Mapping[str, Any],
    liars: Sequence[bool],
    wrong: Sequence[bool],
    log: pd.DataFrame,
    columns: tuple[str, str] = ("label", "answer"),
) -> list[Any]:
    """Return the class that each user names; of two, a mistake is always the other. `columns`: label and the answer."""
    label, said = columns
    named = isinstance(log[label].dtype, pd.CategoricalDtype)
    names: list[Any] = log[label].cat.categories.tolist() if named else [0, 1]
    answer = log[said].tolist() if said in log else [None] * len(log)
    says, k = [], len(names)
    for (row, user), liar, errs, agent in zip(asked, liars, wrong, answer, strict=True):
        right = names.index(truth[row])
        step = 1
        if liar and _coin(seed, "one class", user) < 0.5:
            step = (int(k * _coin(seed, "target", user)) - right) % k or 1
        elif not liar:
            alike = "first" if _coin(seed, "confused", row, user) < 0.5 else "second"
            step = 1 + int((k - 1) * _coin(seed, "alike", alike, str(names[right])))
            step = (names.index(agent) - right) % k or step if agent in names else step
        says.append(names[(right + step) % k] if errs else names[right])
    return says


def _further(
    seed: int,
    asked: Sequence[tuple[str, str]],
    liars: Sequence[bool],
    error_rate: float,
    log: pd.DataFrame,
    column: str,
) -> list[Any]:
    """Return the class of a further output that each user names; None where the truth is not known."""
    known = np.flatnonzero(log[column].notna()).tolist()
    mine, lying = [asked[at] for at in known], [liars[at] for at in known]
    wrong = [liar or _coin(seed, column, "wrong", *each) < error_rate for liar, each in zip(lying, mine, strict=True)]
    right = dict(zip(log["row_id"].iloc[known].astype(str), log[column].iloc[known].tolist(), strict=True))
    names = column, column.removeprefix("label_")
    says = dict(zip(known, _class(seed, mine, right, lying, wrong, log.iloc[known], names), strict=True))
    return [says.get(at) for at in range(len(asked))]


def _number(
    seed: int,
    asked: Sequence[tuple[str, str]],
    truth: Mapping[str, float],
    liars: Sequence[bool],
    wrong: Sequence[bool],
    log: pd.DataFrame,
) -> list[float]:
    """Return the number that each user names, to four figures; what is far is measured by how far numbers are apart."""
    apart = float(np.std(list(truth.values())))
    says = []
    for (row, user), liar, errs in zip(asked, liars, wrong, strict=True):
        noise = NormalDist().inv_cdf(min(max(_coin(seed, "noise", row, user), 1e-9), 1 - 1e-9))
        side = 1 if _coin(seed, "side", user if liar else row + user) < 0.5 else -1
        off = _BIAS * (2 * _coin(seed, "bias", user) - 1) + _NOISE * noise
        if liar and _coin(seed, "one class", user) >= 0.5:
            off = _FAR * noise
        elif errs:
            off += _FAR * side
        says.append(float(f"{truth[row] + apart * off:.4g}"))
    return says


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
