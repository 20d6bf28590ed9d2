"""Figures and tables of notebook 07: reliability of users, complaints by segment, the challenger's gain, proposals."""

from collections.abc import Sequence

import pandas as pd

from loopbook.decisions import served_lists
from loopbook.feedback import crowd_consensus
from loopbook.feedback.challenger import Comparison
from loopbook.feedback.proposals import Proposal
from loopbook.feedback.trust import Trust
from loopbook.feedback.usability import measured
from loopbook.feedback.user_experience import Complaints
from loopbook.figures import plots
from loopbook.figures.figure import Figure
from loopbook.figures.sentence import Sentence, table
from loopbook.statistics.intervals import Interval, saved


def answers(given: pd.DataFrame, broken: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """Return how many answers there are from each source, what they hold, and what was refused, and where first.

    Clicks on served lists are no answers but outcomes of `decisions`; they stand first, so that nobody misses them.
    """
    rows = [
        {
            "what": f"answers from {source}",
            "rows": len(part),
            "users": part["user"].nunique(),
            "with label": int(part["label"].notna().sum()),
            "with comment": int((part["comment"] != "").sum()),
            "with rating": int(part["rating"].notna().sum()),
        }
        for source, part in given.groupby("source", sort=True)
    ]
    if clicks := served_lists.figures(decisions):
        what = f"outcomes: places of served lists with a report, {clicks['served_clicks']:,} clicked"
        known = int(decisions.loc[served_lists.of_lists(decisions), "label"].notna().sum())
        rows.insert(0, {"what": what, "rows": known, "with label": known})
    rows += [
        {"what": f"refused, {reason}: line {part.iloc[0]['line']}, {part.iloc[0]['detail']}", "rows": len(part)}
        for reason, part in broken.groupby("reason", sort=False)
    ]
    names = ["what", "rows", "users", "with label", "with comment", "with rating"]
    return pd.DataFrame(rows, columns=names).set_index("what").astype("Int64")


def reliability(judged: Trust) -> Figure | Sentence:
    """Draw the least reliable users with their intervals."""
    if judged.users.empty:
        return Sentence("No user has said what a decision should have been.")
    return plots.intervals(
        judged.users.tail(20).set_index("user").rename(columns={"reliability": "value"}),
        title=f"{len(judged.malicious)} of {len(judged.users)} users are more often wrong than right: left out",
        x="probability that the user is right, with 95% interval",
        alt="Reliability of the least reliable users with its interval, against a coin's.",
        reference=0.5,
        reference_name="a coin",
    )


def mistakes(judged: Trust, most: int = 8) -> pd.DataFrame | Sentence:
    """Return on which classes users are least reliable and what they name instead; of numbers, how far off they are."""
    if "bias" in judged.users:
        far = judged.users.sort_values("bias", key=abs, ascending=False)[["user", "checked", "bias", "spread"]]
        return far.head(most).round(2).reset_index(drop=True)
    worst = judged.by_class.head(most).round(2).fillna({"instead": ""})
    return table(worst, "There was nothing by which a user's word could be checked.")


def defended(judged: Trust, given: pd.DataFrame, scores: pd.DataFrame) -> Sentence:
    """Return in words what was found of users who adapt, and how many labels a single liar can have turned at most.

    Beside stands cleanlab's consensus (`crowd_consensus`).
    """
    users, taken = judged.users, int(judged.labels["accepted"].sum())
    if users.empty:
        return Sentence("Nobody has answered, so nobody can have turned a label.")
    turned = users.loc[users["turned"] != "", ["user", "turned"]].to_numpy().tolist()
    where = f" ({', '.join(f'{user}: {place}' for user, place in turned)})" if turned else ""
    most = int(users["alone"].max())
    return Sentence(
        f"**Users who adapt.** {len(turned)} are right on the whole and wrong in a slice{where}; "
        f"{int((users['partners'] != '').sum())} agree with each other more than with anybody else, and count as one; "
        f"{int(users['left_out'].sum()):,} answers do not count: given too fast, or a partner's again. "
        f"{judged.waiting:,} labels wait for a second witness. On one user's word alone rest "
        f"{int(users['alone'].sum()):,} of {taken:,} labels, at most {most:,} on that of the same user: so many can a "
        f"single liar have turned whom no check has found.\n\n{crowd_consensus.beside(given, judged, scores)}"
    )


def segments(said: Complaints) -> pd.DataFrame | Sentence:
    """Return the segments in which most decisions are called wrong."""
    return table(said.by_segment.head(8).round(3), "No segment has answers enough, or the scenario names none.")


def topics(said: Complaints) -> pd.DataFrame | Sentence:
    """Return the terms that are typical of the comments of each kind."""
    columns = ["kind", "term", "texts", "others", "example"]
    return table(said.about[columns], "No word is typical of the comments.")


def usability(used: pd.DataFrame) -> pd.DataFrame | Sentence:
    """Return how usable the service's pages are, by what people did and said there."""
    return table(measured(used).round(3), "Nobody has used the pages of the service yet.")


def gains(compared: Comparison) -> Figure:
    """Draw the challenger's gain in the primary metric on all untouched rows and on their parts."""
    rows, primary = compared.table, compared.verdict.measure
    return plots.intervals(
        rows[rows["measure"] == primary].set_index("part").rename(columns={"gain": "value"}),
        title=f"Verdict: {compared.verdict.decision}",
        x=f"gain of the challenger in {primary}, with 95% interval",
        alt=f"Gain of the challenger in {primary} on all untouched rows, on the gate and on recent rows.",
        reference=0,
        reference_name="equal",
    )


def verdict(compared: Comparison, currency: str) -> Sentence:
    """Return the gate's verdict in words, with what the challenger saves on the rows of the gate."""
    found = compared.verdict
    saving = Interval(found.saving, found.saving_low, found.saving_high)
    sure = saving.low > 0 or saving.high < 0
    chance = "" if sure else ", which is no difference beyond chance"
    asked = [f"{'met' if one.met else '**not met**'}, {one.name}: {one.reason}" for one in found.conditions]
    also = "".join(f"\n- {line}" for line in asked)
    out = f" {compared.left_out:,} rows of the gate do not judge: it was taught what became of their groups later."
    return Sentence(
        f"**{found.decision.capitalize()}.** {found.reason} On these rows it {saved(saving, currency, ',.3f')}{chance}."
        f"{out if compared.left_out else ''}{also}"
    )


def proposals(proposed: Sequence[Proposal]) -> pd.DataFrame:
    """Return proposals to show: indexed by `id`; `kind`, `safe`, `title`, `reason`, `caution`."""
    columns = ["id", "kind", "safe", "title", "reason", "caution"]
    rows = [[getattr(proposal, name) for name in columns] for proposal in proposed]
    return pd.DataFrame(rows, columns=columns).set_index("id")
