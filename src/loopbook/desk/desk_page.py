"""What notebook 12 shows of the support desk: tables and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from loopbook.desk import authored, day, dialogues, judging
from loopbook.desk.desk import Desk
from loopbook.desk.dialogues import Dialogue
from loopbook.desk.outside import FUSED, SOFTMAX, Outside, compare
from loopbook.desk.parts import Retrieval
from loopbook.desk.retrieval import answers
from loopbook.figures import plots, sentence
from loopbook.figures.figure import Figure
from loopbook.figures.sentence import Sentence
from loopbook.models.seen_rows import Learner
from loopbook.scenario.desk import DeskSettings
from loopbook.simulation.customers import Day
from loopbook.statistics.intervals import Interval, between, wilson
from loopbook.store.stage import Stage

BROUGHT = (0.6, 0.3, 0.1)
"""Shares of simulated customers who bring a question, a conversation, something from outside: an assumption."""

DAYS = 5
_LOOKED = 10  # passages of a search in which the right one is looked for


def foreign(root: Path, settings: DeskSettings) -> dict[str, list[str]]:
    """Return the authored questions of no intent, by their kind."""
    table = authored.read(root / settings.outside, "text", "kind")
    return {str(kind): list(rows["text"]) for kind, rows in table.groupby("kind")}


def outside(stage: Stage, model: Learner, splits: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return what each method hands over of test's questions, and of the authored ones from outside; see `compare`."""
    settings, cache = stage.settings, stage.project.work / "embeddings"
    asked = foreign(stage.project.root, settings)
    return compare(model, splits, asked, settings.outside_level, cache, stage.progress)


def outside_table(told: pd.DataFrame) -> pd.DataFrame:
    """Return `outside.compare`'s table for reading: a row for each method, the share handed over with its interval."""
    return _shares(told, "method", told["asked"] + ", " + told["questions"].astype(str))


def outside_figure(told: pd.DataFrame, level: float) -> Figure:
    """Draw what the desk's method and the baseline hand over of known questions and of those from outside."""
    rows = told[told["method"].isin([FUSED, SOFTMAX])]
    rows = rows.sort_values("asked", key=lambda kind: kind != "known", kind="stable")
    shown = rows[["value", "low", "high"]].set_axis(pd.Index(rows["asked"] + ": " + rows["method"]))
    own = rows[rows["method"] == FUSED].set_index("asked")["value"]
    found = ", ".join(f"{share:.0%} of {kind}" for kind, share in own.drop("known").items())
    return plots.intervals(
        shown,
        title=f"Of questions from outside it finds {found}, and hands over {own['known']:.0%} of known ones",
        x="share handed over as of no intent",
        alt=f"Shares handed over by two methods: {found}; {own['known']:.0%} of known questions.",
        reference=level,
        reference_name=f"level {level:g}",
    )


def missed(known: Outside, asked: Mapping[str, Sequence[str]], level: float, most: int = 8) -> pd.DataFrame:
    """Return the questions from outside that look most like known ones: which the desk takes for an intent's.

    Returns
    -------
    DataFrame
        `asked` (the kind), `question`, and `tail`: how probable a question at least as strange is among known ones.
    """
    rows = [(kind, text) for kind, said in asked.items() for text in said]
    table = pd.DataFrame(rows, columns=["asked", "question"])
    table["tail"] = known.tail(list(table["question"]))
    return table[table["tail"] > level].nlargest(most, "tail").reset_index(drop=True)


def refused(known: Outside, test: pd.DataFrame, level: float, most: int = 8) -> pd.DataFrame | Sentence:
    """Return the questions of test that are taken for outside ones, the strangest first."""
    (field,) = known.model.features.texts
    table = pd.DataFrame(
        {"question": test[field], "intent": test["label"].astype(str), "tail": known.tail(list(test[field]))}
    )
    return sentence.table(table[table["tail"] <= level].nsmallest(most, "tail").reset_index(drop=True), "None.")


def recorded(told: pd.DataFrame, found: pd.DataFrame, lived: pd.DataFrame) -> dict[str, float]:
    """Return flat numbers with their intervals.

    The shares that the desk's method hands over, by the kind of question; the share of passages among the first three;
    the cost of a conversation.
    """
    own = told[told["method"] == FUSED].set_index("asked")[["value", "low", "high"]]
    shares = {f"outside_{kind}": Interval(*ends.astype(float)) for kind, ends in own.T.items()}
    judged = found[found["part"] == "test"]
    shares["retrieved"] = wilson(float((judged["rank"] <= 3).mean()), len(judged))
    costs = lived.set_index("desk").loc["the desk", ["cost", "low", "high"]].astype(float)
    shares["conversation_cost"] = Interval(*costs)
    return {name: value for kind, ends in shares.items() for name, value in ends.recorded(kind).items()}


def played(stage: Stage, desk: Desk) -> pd.DataFrame:
    """Return what became of the authored dialogues' test half, with the desk's memory and without.

    Returns
    -------
    DataFrame
        `desk`, and the columns of `judging.table`. Empty where the dialogues speak of intents that the model does not
        know. An answer counts as right if its intent is.
    """
    asked = _authored(stage, desk)
    forgetful = replace(desk, understanding=replace(desk.understanding, memory=None))
    found = [
        judging.table([judging.play(of, dialogue) for dialogue in asked]).assign(desk=name)
        for name, of in (("with memory", desk), ("without memory", forgetful))
        if asked
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["desk"])


def _authored(stage: Stage, desk: Desk) -> list[Dialogue]:
    """Return dialogues of the test half that speak of intents which the model knows, at most as many as are played."""
    known = {*desk.understanding.model.classes, None}
    found = dialogues.read(stage.project.root / stage.settings.conversations)
    mine = [one for one in found if one.half == "test" and {line.intent for line in one.lines} <= known]
    return _drawn(mine, stage.settings.played)


def _drawn(found: Sequence[Dialogue], most: int) -> list[Dialogue]:
    order = np.random.default_rng(1).permutation(len(found))[:most]
    return [found[at] for at in sorted(order)]


def played_table(told: pd.DataFrame) -> pd.DataFrame | Sentence:
    """Return `played`'s table for reading: a row for each measure, both desks beside each other."""
    if told.empty:
        return Sentence("The authored dialogues speak of other intents than this agent's, so they judge nothing here.")
    return _shares(told, "measure", told["desk"])


def _shares(told: pd.DataFrame, index: str, columns: "pd.Series[str]") -> pd.DataFrame:
    """Return shares with their intervals, as text, in the order in which they come."""
    ends = zip(told["value"], told["low"], told["high"], strict=True)
    shares = [f"{value:.2f} ({between(low, high, '.2f')})" for value, low, high in ends]
    wide = told.assign(share=shares, column=columns).pivot(index=index, columns="column", values="share")
    return wide.loc[list(dict.fromkeys(told[index])), list(dict.fromkeys(columns))].rename_axis(columns=None)


def days(stage: Stage, desk: Desk, test: pd.DataFrame) -> pd.DataFrame:
    """Return what simulated days cost with the desk, with a person for everything, and without any; see `day.compare`.

    Customers bring questions of test, authored dialogues and questions from outside: `BROUGHT` says how many.
    """
    (field,), most = desk.understanding.model.features.texts, stage.settings.played
    strange = [text for said in foreign(stage.project.root, stage.settings).values() for text in said]
    brought = (day.questions(test, field), _authored(stage, desk), day.strangers(strange))
    filled = [(share, _drawn(part, most)) for share, part in zip(BROUGHT, brought, strict=True) if part]
    whole = sum(share for share, _ in filled)
    groups = {share / whole: part for share, part in filled}
    return day.intervals_of(day.compare(desk, groups, Day.of(stage.settings), range(DAYS)))


def days_table(lived: pd.DataFrame) -> pd.DataFrame:
    """Return `days`' table for reading: cost a conversation, what the desk saves, and what became of customers."""
    shown = lived.set_index("desk")
    costs = {"cost": ("cost", "low", "high"), "the desk saves": ("gain", "gain_low", "gain_high")}
    told = {
        name: [f"{value:.2f} ({between(low, high, '.2f')})" for value, low, high in shown[list(of)].to_numpy()]
        for name, of in costs.items()
    }
    told["the desk saves"] = [
        "" if name == "the desk" else saved for name, saved in zip(shown.index, told["the desk saves"], strict=True)
    ]
    rest = shown[["resolved", "wrong", "handed_over", "lost", "waited", "waited_95"]].round(2)
    return pd.concat([pd.DataFrame(told, index=shown.index), rest], axis=1)


def days_figure(lived: pd.DataFrame, currency: str) -> Figure:
    """Draw what a conversation costs with each desk."""
    shown = lived.set_index("desk")[["cost", "low", "high"]].set_axis(pd.Index(["value", "low", "high"]), axis=1)
    own = shown["value"].astype(float)["the desk"]
    others = ", ".join(f"{value:.2f} with {name}" for name, value in shown["value"].drop("the desk").items())
    return plots.intervals(
        shown,
        title=f"A conversation costs {own:.2f} {currency} with the desk; {others}",
        x=f"{currency} a conversation, mean of simulated days",
        alt=f"Cost of a conversation: {own:.2f} with the desk, {others}.",
    )


def retrieved(retrieval: Retrieval, path: Path) -> pd.DataFrame:
    """Return at which rank a passage that answers is found, for authored questions.

    Returns
    -------
    DataFrame
        A row a question, which may have several right passages: `part` (``build`` or ``test``), `question`, `rank`
        (NaN: not among the first ten), and `first`: the address that stood first.
    """
    asked, rows = authored.read(path, "part", "question", "document", "heading"), []
    for (part, question), right in asked[asked["part"] != "known"].groupby(["part", "question"], sort=False):
        found = [hit.passage for hit in retrieval.search(str(question), _LOOKED)]
        places = list(zip(right["document"], right["heading"], strict=True))
        ranks = [at for at, passage in enumerate(found, 1) if any(answers(passage, *place) for place in places)]
        rows.append((part, question, min(ranks, default=np.nan), next((passage.address for passage in found), "")))
    return pd.DataFrame(rows, columns=["part", "question", "rank", "first"])


def within(found: pd.DataFrame, most: Sequence[int] = (1, 3, 5)) -> pd.DataFrame:
    """Return the shares of questions whose passage is among so many, with their intervals (Wilson)."""
    shares = {
        f"{part}, among the first {count}": wilson(float((rows["rank"] <= count).mean()), len(rows))
        for part, rows in found.groupby("part", sort=False)
        for count in most
    }
    return pd.DataFrame(shares.values(), index=pd.Index(list(shares)))
