"""User stories: who needs what and why, ranked by what people have said."""

from collections.abc import Sequence
from math import nan

import pandas as pd

from loopbook.scenario.errors import suggest
from loopbook.scenario.stories import Story
from loopbook.statistics import intervals

LEAST, MOST = 1, 5


def table(stories: Sequence[Story]) -> pd.DataFrame:
    """Return the stories in the scenario's order: `story`, `as_a`, `i_want`, `so_that`, `criteria` (their number)."""
    rows = [
        {
            "story": story.id,
            "as_a": story.as_a,
            "i_want": story.i_want,
            "so_that": story.so_that,
            "criteria": len(story.criteria),
        }
        for story in stories
    ]
    return pd.DataFrame(rows, columns=["story", "as_a", "i_want", "so_that", "criteria"])


def ranked(stories: Sequence[Story], survey: pd.DataFrame | None) -> pd.DataFrame:
    """Return the stories, the one that people need most first.

    Stories are ordered by the low end of the rating's interval, so that one enthusiastic answer does not outrank a
    dozen good ones. A story that nobody spoke about comes last. Without a survey the scenario's order stays.

    Parameters
    ----------
    stories
        The scenario's stories; a story rests on the answers about its `need` (by default its id).
    survey
        Answers as `surveys.read` returns them, or None.

    Returns
    -------
    DataFrame
        `rank`, the columns of `table`, and what each story rests on: `answers` (their number), `rating` (mean), `low`,
        `high` (95% interval of the mean) and `rests_on` (ids of the answers).
    """
    found = table(stories)
    if survey is None:
        found.insert(0, "rank", range(1, len(found) + 1))
        return found.assign(answers=0, rating=nan, low=nan, high=nan, rests_on="")
    answers = [survey[survey["need"] == need_of(story)] for story in stories]
    found["answers"] = [len(part) for part in answers]
    rated = [interval(part["rating"].astype(float).tolist()) for part in answers]
    found[["rating", "low", "high"]] = pd.DataFrame(rated, columns=["rating", "low", "high"])
    found["rests_on"] = [", ".join(part["answer"]) for part in answers]
    found = found.sort_values(["low", "rating"], ascending=False, na_position="last", kind="stable", ignore_index=True)
    found.insert(0, "rank", range(1, len(found) + 1))
    return found


def unanswered(stories: Sequence[Story], survey: pd.DataFrame) -> pd.DataFrame:
    """Return the needs that people have named and no story covers, the strongest first.

    Returns
    -------
    DataFrame
        `need`, `answers`, `rating`, `low`, `high`, `rests_on`, and `hint`: the need of a story that is spelt nearly so.
    """
    covered = {need_of(story) for story in stories}
    rows = []
    for need, each in survey[~survey["need"].isin(covered)].groupby("need", sort=True):
        mean, low, high = interval(each["rating"].astype(float).tolist())
        near = suggest(need, covered)
        rows.append(
            {
                "need": need,
                "answers": len(each),
                "rating": mean,
                "low": low,
                "high": high,
                "rests_on": ", ".join(each["answer"]),
                "hint": near.strip() if near.startswith(" Did you mean") else "",
            }
        )
    columns = ["need", "answers", "rating", "low", "high", "rests_on", "hint"]
    return pd.DataFrame(rows, columns=columns).sort_values("low", ascending=False, kind="stable", ignore_index=True)


def need_of(story: Story) -> str:
    """Return the name under which the survey speaks of a story."""
    return story.need or story.id


def interval(ratings: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of ratings from 1 to 5 and the ends of its 95% interval; NaN if there are none.

    The ratings are mapped to [0, 1]; see `intervals.wilson`, whose interval is rather too wide than too narrow.
    """
    span = MOST - LEAST
    mean = (sum(ratings) / len(ratings) - LEAST) / span if ratings else nan
    found, low, high = intervals.wilson(mean, len(ratings))
    return LEAST + span * found, LEAST + span * low, LEAST + span * high
