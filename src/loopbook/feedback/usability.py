"""Usability of the pages for people, measured: System Usability Scale, time a review, undo and abandonment, tone.

References
----------
Brooke (1996), SUS: a quick and dirty usability scale, in Usability Evaluation in Industry: items and scoring.
Sauro & Lewis (2010), Average task times in usability tests: what to report?, for the geometric mean.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from loopbook.decisions.audit.entry import Entry, Stored, new_id
from loopbook.feedback import reviewing
from loopbook.scenario.errors import LoopbookError
from loopbook.statistics.intervals import clustered

ITEMS = 10
REVIEWED, ABANDONED, QUESTIONNAIRE = "reviewed", "abandoned", "questionnaire"
"""What happened on a page: an item was answered; one was left till its time ran out; somebody filled in SUS."""

COLUMNS = ("event", "user", "written", "seconds", "undone", "sus", "comment")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LIKED = _words(
    """clear easy good great helpful fast quick simple nice useful love like excellent intuitive
    好 清楚 容易 方便 快 简单 喜欢 有用 直观 满意"""
)
_DISLIKED = _words(
    """bad bug bugs broken confusing confused slow hard difficult annoying unclear ugly useless hate missing error
    errors wrong 差 慢 难 复杂 错误 混乱 麻烦 问题"""
)
_NOT = _words("not no never hardly isn't don't doesn't wasn't didn't can't cannot 不 没有 没")
_HAN = sorted((word for word in _LIKED | _DISLIKED if not word.isascii()), key=len, reverse=True)
_TERM = re.compile(rf"[a-z']+|(?:不|没有|没)|{'|'.join(_HAN)}")


def sus(answers: Sequence[int]) -> float:
    """Return the score of the System Usability Scale, 0 to 100, of ten answers from 1 (disagree) to 5 (agree).

    Odd items are praise and count from 1 up, even ones are blame and count from 5 down.

    Raises
    ------
    LoopbookError
        If they are not ten whole numbers from 1 to 5.
    """
    if len(answers) != ITEMS or any(answer not in range(1, 6) for answer in answers):
        raise LoopbookError(f"The questionnaire has {ITEMS} answers, each 1 to 5; answer every line.")
    return 2.5 * sum(answer - 1 if at % 2 == 0 else 5 - answer for at, answer in enumerate(answers))


def questionnaire(user: str, caller: str, answers: Sequence[int], comment: str, key: str) -> Entry:
    """Return the entry of the log for a questionnaire.

    Parameters
    ----------
    user
        A pseudonym.
    caller
        The name of the API key.
    answers
        As `sus` takes them.
    comment
        Masked.
    key
        Of idempotency.
    """
    usage = {"event": QUESTIONNAIRE, "answers": list(answers), "sus": sus(answers)}
    payload = {"comment": comment} if comment else None
    return Entry("feedback", new_id(), {"user": user, "caller": caller, "usage": usage}, payload, key)


def events(entries: Iterable[Stored]) -> pd.DataFrame:
    """Return what happened on the pages [`COLUMNS`], from entries of the log, whatever else they say.

    `undone` says of an answer that it was taken back; `seconds` is NaN where nobody has measured it, `sus` elsewhere.
    """
    known = [stored for stored in entries if stored.facts.get("usage") or stored.facts.get("review")]
    gone = reviewing.withdrawn(known)
    rows: list[tuple[Any, ...]] = []
    for stored in known:
        facts, usage, comment = stored.facts, stored.facts.get("usage"), (stored.payload or {}).get("comment") or ""
        if usage:
            told = usage["event"], usage.get("seconds"), False, usage.get("sus")
        elif facts["review"]["verdict"] != reviewing.UNDO:
            told = REVIEWED, facts.get("seconds"), stored.id in gone, None
        else:
            continue
        event, seconds, undone, sus = told
        rows.append((event, facts.get("user", ""), stored.written, seconds, undone, sus, comment))
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    found["written"] = pd.to_datetime(found["written"], utc=True).dt.as_unit("us")
    kinds = {"event": "str", "user": "str", "comment": "str", "seconds": "float64", "sus": "float64", "undone": "bool"}
    return found.astype(kinds)


def tone(comment: str) -> int:
    """Return the tone of a comment: 1 pleased, -1 displeased, 0 neither or both.

    It counts words of two short lists, English and Chinese; one after a word like *not* counts for the other side. That
    is a first sight of many comments, not a reading of one: irony and other words pass it by.
    """
    words, total = _TERM.findall(comment.lower()), 0
    for at, word in enumerate(words):
        sign = (word in _LIKED) - (word in _DISLIKED)
        total += -sign if _NOT & {*words[max(0, at - 2) : at]} else sign
    return (total > 0) - (total < 0)


def measured(used: pd.DataFrame) -> pd.DataFrame:
    """Return how usable the pages are.

    Parameters
    ----------
    used
        As `events` returns it; without columns if nobody has used them.

    Returns
    -------
    DataFrame
        Indexed by `measure`: `value`, `low` and `high` (95% interval over people, for what one person does hangs
        together: of a single one there is none), `of` (how many it is measured on), `people`. Only what there is
        something of; of several questionnaires of a person the last counts.
    """
    if not len(used):
        return pd.DataFrame(columns=["value", "low", "high", "of", "people"]).rename_axis("measure")
    done, given = (used[used["event"].isin(kinds)] for kinds in ([REVIEWED], [REVIEWED, ABANDONED]))
    timed, said = done[done["seconds"] > 0], used[used["comment"] != ""]
    asked = used[used["event"] == QUESTIONNAIRE].sort_values("written").drop_duplicates("user", keep="last")
    tones = said["comment"].map(tone)
    rows = {
        "seconds a review (geometric mean)": (timed, np.log(timed["seconds"]), np.exp, np.inf),
        "share of answers taken back": (done, done["undone"], None, 1),
        "share of items left unanswered": (given, given["event"] == ABANDONED, None, 1),
        "SUS, 0 to 100": (asked, asked["sus"], None, 100),
        "share of comments that are pleased": (said, tones > 0, None, 1),
        "share of comments that are displeased": (said, tones < 0, None, 1),
    }
    found = {}
    for name, (part, values, back, most) in rows.items():
        if len(part):
            interval = np.array(clustered(values, part["user"]))
            value, low, high = np.clip(back(interval) if back else interval, 0, most).tolist()
            found[name] = {"value": value, "low": low, "high": high, "of": len(part), "people": part["user"].nunique()}
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("measure")
