"""What notebook 12 shows of the support desk: tables and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from loopbook.desk import authored, dialogues, judging
from loopbook.desk.desk import Desk
from loopbook.desk.outside import FUSED, SOFTMAX, Outside, compare
from loopbook.desk.parts import Retrieval
from loopbook.figures import plots, sentence
from loopbook.figures.figure import Figure
from loopbook.figures.sentence import Sentence
from loopbook.models.seen_rows import Learner
from loopbook.scenario.desk import DeskSettings
from loopbook.statistics.intervals import Interval, between, wilson
from loopbook.store.stage import Stage

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


def recorded(told: pd.DataFrame) -> dict[str, float]:
    """Return the shares that the desk's method hands over as flat numbers, by the kind of question."""
    own = told[told["method"] == FUSED].set_index("asked")[["value", "low", "high"]]
    return {
        name: value
        for kind, ends in own.T.items()
        for name, value in Interval(*ends.astype(float)).recorded(f"outside_{kind}").items()
    }


def played(stage: Stage, desk: Desk) -> pd.DataFrame:
    """Return what became of the authored dialogues' test half, with the desk's memory and without.

    Returns
    -------
    DataFrame
        `desk`, and the columns of `judging.table`. Empty where the dialogues speak of intents that the model does not
        know. An answer counts as right if its intent is.
    """
    known = {*desk.understanding.model.classes, None}
    asked = [
        dialogue
        for dialogue in dialogues.read(stage.project.root / stage.settings.conversations)
        if dialogue.half == "test" and {line.intent for line in dialogue.lines} <= known
    ]
    forgetful = replace(desk, understanding=replace(desk.understanding, memory=None))
    found = [
        judging.table([judging.play(of, dialogue) for dialogue in asked]).assign(desk=name)
        for name, of in (("with memory", desk), ("without memory", forgetful))
        if asked
    ]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["desk"])


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


def retrieved(retrieval: Retrieval, path: Path) -> pd.DataFrame:
    """Return at which rank the passage that answers is found, for authored questions.

    Returns
    -------
    DataFrame
        `part` (``build`` or ``test``), `question`, `document`, `heading`, `rank` (NaN: not among the first ten), and
        `first`: the address that stood first.
    """
    asked = authored.read(path, "part", "question", "document", "heading")
    ranks, first = [], []
    for question, document, heading in zip(asked["question"], asked["document"], asked["heading"], strict=True):
        found = retrieval.search(question, _LOOKED)
        right = [_answers(hit.passage.address, document, heading) for hit in found]
        ranks.append(1.0 + right.index(True) if any(right) else np.nan)
        first.append(found[0].passage.address if found else "")
    return asked.assign(rank=ranks, first=first)


def _answers(address: str, document: str, heading: str) -> bool:
    """Return whether an address is of a document's part under a heading, or a piece of it."""
    return address.startswith(f"{document} › ") and f" › {heading}" in address


def within(found: pd.DataFrame, most: Sequence[int] = (1, 3, 5)) -> pd.DataFrame:
    """Return the shares of questions whose passage is among so many, with their intervals (Wilson)."""
    shares = {
        f"{part}, among the first {count}": wilson(float((rows["rank"] <= count).mean()), len(rows))
        for part, rows in found.groupby("part", sort=False)
        for count in most
    }
    return pd.DataFrame(shares.values(), index=pd.Index(list(shares)))
