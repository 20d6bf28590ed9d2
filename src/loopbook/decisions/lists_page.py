"""What notebook 14 shows of lists: as readers see them, what diversity costs, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from loopbook.data.features import Features
from loopbook.decisions import lists_study
from loopbook.decisions.listing import SPLITS, Listing
from loopbook.decisions.lists import ListDecision
from loopbook.decisions.lists_study import OWN, POPULAR, Study
from loopbook.decisions.lists_worth import LOGGED, Worth
from loopbook.figures import plots, time_series
from loopbook.figures.figure import Figure
from loopbook.figures.sentence import Sentence, table
from loopbook.models.ranking import evaluation
from loopbook.models.ranking import ranker as rankers
from loopbook.models.ranking.evaluation import Evaluation
from loopbook.models.ranking.ranker import Ranker
from loopbook.models.ranking.scorers import EASE_LIMIT
from loopbook.scenario.errors import DataError
from loopbook.scenario.task import Ranking
from loopbook.statistics import examination
from loopbook.statistics.intervals import NOTHING, Interval, between
from loopbook.statistics.ranking import METRICS
from loopbook.store import content

if TYPE_CHECKING:
    from loopbook.store.stage import Stage

_ESTIMATOR = "doubly_robust"
_HEADS = {"ndcg": "NDCG@10", "recall": "recall@10", "map": "MAP", "mrr": "MRR"}
_LATEST = 3  # items taken last that stand over a list
_OPEN = 5  # places of a list that are not folded
Splits = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Cards:
    """Lists as their readers see them, beside each other; titles and names are escaped."""

    lists: Sequence[tuple[str, Sequence[str], ListDecision]]
    titles: Mapping[str, str]

    def _repr_html_(self) -> str:
        return f'<div class="panels">{"".join(map(self._card, self.lists))}</div>'

    def _card(self, one: tuple[str, Sequence[str], ListDecision]) -> str:
        name, taken, made = one
        last = ", ".join(self._title(item) for item in taken[-_LATEST:][::-1]) or "nothing yet"
        places = [
            f"<li><strong>{self._title(place.item)}</strong> {place.relevance:.0%}<br>"
            f"<small>{escape(place.reason)}</small></li>"
            for place in made.places
        ]
        first, rest = "".join(places[:_OPEN]), "".join(places[_OPEN:])
        below = f'<ol start="{_OPEN + 1}">{rest}</ol>'
        folded = f'<details class="long"><summary>Places from {_OPEN + 1} on</summary>{below}</details>' if rest else ""
        return (
            f'<div class="panel"><p><strong>{escape(name)}</strong> <small>took {len(taken)}, last {last}</small></p>'
            f"<ol>{first}</ol>{folded}</div>"
        )

    def _title(self, item: str) -> str:
        return escape(self.titles.get(item, item))


@dataclass(frozen=True)
class Priced:
    """What lists are worth (`Worth.worth`), the gain of the agent's over popularity's, or `why` it is not known."""

    table: pd.DataFrame
    gain: Interval
    why: str = ""

    def of(self, policy: str) -> Interval:
        """Return what a policy's lists are worth: as logged, or doubly robust."""
        if self.why:
            return NOTHING
        rows = self.table[self.table["estimator"].isin(["clicks", _ESTIMATOR])]
        return Interval(*rows.loc[policy, ["value", "low", "high"]].astype(float))


def gathered(stage: Stage, models: Mapping[str, Path], champion: Path, items: pd.DataFrame) -> dict[str, Ranker]:
    """Return the candidates that rank, the one that is to make lists first, each over all items.

    That is the champion, or where it is none that ranks all items the mix of most parts.

    Raises
    ------
    DataError
        If the scenario's task is no ranking, or no candidate ranks all items.
    """
    description = f"{rankers.DESCRIPTION}.json"
    found = {name: folder for name, folder in models.items() if (folder / description).is_file()}
    if not isinstance(stage.scenario.task, Ranking) or not found:
        raise DataError(
            "studies.lists is for a task of type ranking with a candidate that ranks all items, such as mix; name one "
            "in training.candidates."
        )
    features = Features.model_validate(content.load(champion / "model" / "features.json"))
    cache = stage.project.work / "embeddings"
    made = {name: Ranker.load(folder).over(features, items, cache, stage.progress) for name, folder in found.items()}
    own = champion / "model" / description
    digest = content.digest(champion / "model" / f"{rankers.ARRAYS}.npz") if own.is_file() else ""
    first = [name for name, folder in found.items() if content.digest(folder / f"{rankers.ARRAYS}.npz") == digest]
    chosen = first[0] if first else max(made, key=lambda name: len(made[name].parts))
    return {chosen: made[chosen], **{name: made[name] for name in made if name != chosen}}


def study(stage: Stage, candidates: Mapping[str, Ranker], champion: Path, items: pd.DataFrame, splits: Splits) -> Study:
    """Return what is judged: lists of the first candidate, by what was known before, where test has shown others."""
    features = Features.model_validate(content.load(champion / "model" / "features.json"))
    chosen = next(iter(candidates.values()))
    known = before(splits)
    frame = items.drop_duplicates("item").set_index("item").reindex(list(chosen.items)).reset_index()
    vectors = rankers.content_of(features, frame, chosen.beside, stage.project.work / "embeddings", stage.progress)
    listing = Listing.of(stage.scenario, chosen, items, vectors, known, "study")
    looked = examination.known(known)
    drawn = lists_study.moments(splits["test"], known, stage.settings.judged)
    listing = listing.priced(len(drawn), stage.progress)
    return Study(stage.scenario, listing, splits["test"], drawn, looked)


def makers(candidates: Mapping[str, Ranker], items: pd.DataFrame) -> Sentence:
    """Say which candidate makes the lists, of what it is mixed, and which part was left out of so many items."""
    name, chosen = next(iter(candidates.items()))
    parts = f", a mix of {', '.join(chosen.parts)}" if len(chosen.parts) > 1 else ""
    many = chosen.fitted > EASE_LIMIT and parts and "ease" not in chosen.parts
    left = f" EASE is left out: above {EASE_LIMIT:,} items its inverse takes too long." if many else ""
    return Sentence(f"**{len(items):,} items.** Lists are made by {name}{parts}.{left}")


def full(study: Study, candidates: Mapping[str, Ranker], splits: Splits) -> Evaluation:
    """Return what each candidate finds among all items of what test's users took."""
    shelf, looked = study.listing.shelf, study.looked
    return evaluation.full(
        candidates,
        before(splits),
        splits["test"],
        pd.DataFrame({"item": shelf.items}),
        examination=None if looked is None else looked["value"].to_numpy(np.float64),
        vectors=shelf.vectors,
    )


def ranked_table(found: Evaluation) -> pd.DataFrame:
    """Return NDCG, recall, MAP and MRR of each ranker with intervals over users, and by how much the first is ahead."""
    rows = found.table
    wide = rows.assign(told=_told(rows)).pivot(index=["clicks", "ranker"], columns="metric", values="told")
    order = pd.MultiIndex.from_frame(rows[["clicks", "ranker"]].drop_duplicates())
    table = wide.reindex(order)[list(METRICS)].rename(columns=_HEADS)
    first = str(order[0][1])
    for kind in order.unique("clicks"):
        gains = found.paired(first, clicks=kind)
        table.loc[[(kind, name) for name in gains.index], f"{first} is ahead by"] = _told(gains)
    return table.rename_axis(columns=None).reset_index().fillna("")


def _told(rows: pd.DataFrame) -> list[str]:
    """Return each row's value with its interval, as text."""
    ends = zip(rows["value"], rows["low"], rows["high"], strict=True)
    return [f"{own:.3f} ({between(low, high, '.3f')})" for own, low, high in ends]


def ranked_figure(found: Evaluation) -> Figure:
    """Draw NDCG@10 of each ranker over all items with its interval, exposure taken out where that is possible."""
    clicks = found.table["clicks"].iloc[-1]
    rows = found.table[(found.table["metric"] == "ndcg") & (found.table["clicks"] == clicks)]
    rows = rows.set_index("ranker").sort_values("value", ascending=False, kind="stable")
    value = rows["value"].astype(float)
    return plots.intervals(
        rows[["value", "low", "high"]],
        title=f"Of {len(rows)} rankers {value.index[0]} finds most: NDCG@10 {value.iloc[0]:.3f}",
        x=f"NDCG@10 over all items, clicks {clicks}",
        alt=f"NDCG@10 by ranker: {'; '.join(f'{name} {own:.3f}' for name, own in value.items())}.",
    )


def segments(found: Evaluation) -> pd.DataFrame:
    """Return NDCG@10 of each ranker for new users, rare and new items, and what its lists are besides right."""
    rows = found.segments[(found.segments["metric"] == "ndcg") & (found.segments["users"] > 0)]
    wide = rows.pivot(index="ranker", columns="segment", values="value").rename_axis(columns=None)
    return wide.add_prefix("NDCG@10, ").join(found.beyond, how="right").round(3)


def priced(study: Study, splits: Splits) -> Priced:
    """Return what lists are worth by policy, a contextual bandit that learned before test among them, or why not."""
    try:
        worth = Worth(study)
        table = worth.worth({"bandit (LinUCB)": worth.bandit(before(splits))})
        return Priced(table, worth.gain())
    except DataError as error:  # a log without places or propensities says nothing of other lists, and says so
        return Priced(pd.DataFrame(), NOTHING, str(error))


def before(splits: Splits) -> pd.DataFrame:
    """Return the rows that are known before test."""
    return pd.concat([splits["train"], splits["validation"]], ignore_index=True)


def every(splits: Splits) -> pd.DataFrame:
    """Return the rows of all splits."""
    return pd.concat([splits[name] for name in SPLITS], ignore_index=True)


def cards(study: Study) -> Cards:
    """Return two lists: the latest of the user of whom most is known, and that of a new one."""
    listing = study.listing
    moment = max(reversed(study.moments), key=lambda moment: len(moment.taken))
    shown = (moment.user, moment.taken, listing.make(moment.user, moment.taken, moment.time))
    new = ("a new one", (), listing.make("", (), study.rows["time"].max()))
    titles = dict(zip(listing.shelf.items, listing.shelf.titles, strict=True))
    return Cards([shown, new], titles)


def own(study: Study, traded: pd.DataFrame) -> tuple[Interval, float]:
    """Return what the agent's lists keep of the NDCG by worth alone, and their gain of coverage."""
    found = traded.to_dict("index")[study.settings.ndcg_budget]
    return Interval(*(float(found[name]) for name in ("kept", "low", "high"))), float(found["gain"])


def trade_off(study: Study, traded: pd.DataFrame) -> Figure:
    """Draw what it costs that more items stand in lists: NDCG kept and coverage gained by the budget."""
    budget, (kept, gain) = 100 * traded.index.to_numpy(np.float64), own(study, traded)
    change = {"NDCG@10": 100 * (traded["kept"] - 1), "coverage of items": 100 * traded["gain"]}
    words = f"The agent's lists change NDCG@10 by {kept.value - 1:+.1%} and coverage by {gain:+.1%}"
    by = "what was taken later" if study.truth is None else "true relevance, which only a simulation knows"
    at = 100 * study.settings.ndcg_budget
    return plots.lines(
        {name: (budget, line.to_numpy()) for name, line in change.items()},
        title=words,
        x="NDCG that lists may give up against worth alone, %",
        y="change, %",
        alt=f"{words}, judged by {by}: NDCG {between(kept.low - 1, kept.high - 1, '+.1%')}.",
        marks={"the agent's": (at, 100 * (kept.value - 1)), "its coverage": (at, 100 * gain)},
        reference=0,
    )


def worth_table(told: Priced) -> pd.DataFrame | Sentence:
    """Return what the policies' lists are worth by each estimator."""
    return table(told.table.round(3), told.why)


def worth(told: Priced) -> Figure | Sentence:
    """Draw what each policy's lists are worth in clicks a list, as logged or doubly robust, with intervals."""
    if told.why:
        return Sentence("Nothing can be drawn of it.")
    rows = told.table[told.table["estimator"].isin(["clicks", _ESTIMATOR])]
    value = rows["value"].astype(float)
    ends = zip(value.index, value, rows["low"], rows["high"], strict=True)
    words = "; ".join(f"{name} {own:.2f} ({low:.2f} to {high:.2f})" for name, own, low, high in ends)
    more = told.gain
    return plots.intervals(
        rows[["value", "low", "high"]],
        title=f"The agent's lists against popularity: {more.value:+.2f} ({between(more.low, more.high, '+.2f')})",
        x="clicks a list, with 95% interval",
        alt=f"Clicks a list by policy: {words}.",
        reference=float(value[LOGGED]),
        reference_name=LOGGED,
    )


def places(looked: pd.DataFrame | None) -> Figure | Sentence:
    """Draw how often each place is clicked, and how often it is looked at, both relative to the first."""
    if looked is None:
        return Sentence("Rows have no place, or nothing has stood at several: who looks where is not known.")
    raw, last = looked["rate"] / looked["rate"].iloc[0], looked.iloc[-1]
    frame = {"clicked": raw, "looked at": looked["value"]}
    frame |= {f"looked at, {end}": looked[end] for end in ("low", "high")}
    return time_series.chart(
        pd.DataFrame(frame).rename_axis("place of the list"),
        title=f"Place {looked.index[-1]} is looked at {last['value']:.2f} times as often as the first",
        y="relative to the first place",
        alt=f"Clicked and looked at by place; the last {raw.iloc[-1]:.2f} and {last['value']:.2f} times the first.",
        share=True,
    )


def recorded(study: Study, found: Evaluation, told: Priced, traded: pd.DataFrame) -> dict[str, float]:
    """Return flat numbers with intervals: NDCG of the first ranker, what more items in lists cost, values of lists."""
    rows, (kept, gain) = found.table, own(study, traded)
    full = rows[(rows["metric"] == "ndcg") & (rows["ranker"] == rows["ranker"].iloc[0])].iloc[-1]
    numbers = {"lists_judged": float(len(study.moments)), "lists_coverage_gain": gain}
    numbers |= kept.recorded("lists_ndcg_kept") | told.gain.recorded("lists_gain")
    numbers |= Interval(full["value"], full["low"], full["high"]).recorded("full_ndcg")
    for name, prefix in ((OWN, "lists_value"), (POPULAR, "lists_popular"), (LOGGED, "lists_logged")):
        numbers |= told.of(name).recorded(prefix)
    return numbers
