"""The desk's conversations: dialogues of the test half, resolved with memory and without.

    python -m tests.benchmarks.desk_conversations [--candidate minilm] [--half test] [--shown 0] [--cache FOLDER]

The model learns from the authored questions by the scenario's own recipe; the memory learns from the build half. An
answer is right if its intent is, if it was not given before in the dialogue, and if its source (the past dialogue, or
the documents of all its citations) is about that intent as desk_sources.csv says, which a person wrote. Last it tells
how what follows a question back is understood: another dialogue's question, or a test question of the same intent;
and before that, how often a later turn is read as a question of no intent.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from tests.benchmarks.architectures import Rows, shipped
from tests.starter.test_criteria import ROOT

from loopbook.data.features import Features
from loopbook.desk import authored, dialogues, judging, policy
from loopbook.desk.desk import Desk
from loopbook.desk.memory import Memory
from loopbook.desk.outside import Outside
from loopbook.desk.turn import Conversation, Reply, Turn
from loopbook.models.model import Model
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.recipe import Recipe
from loopbook.statistics import bootstrap


def fitted(rows: Rows, candidate: str, cache: Path | None) -> Model:
    """Return a candidate of a scenario, fitted by its recipe."""
    scenario = rows.scenario
    data = TrainingData(rows.train, rows.validation, Features.fit(rows.train, scenario), scenario.task)
    recipe = Recipe.model_validate(scenario.training.model_dump(include=set(Recipe.model_fields)))
    with tempfile.TemporaryDirectory() as folder:
        method = Method.to_try(scenario.training.candidates[candidate], recipe)
        fitting.fit(method, data, Path(folder), lambda _: None, cache)
        return Model.load(Path(folder) / fitting.MODEL)


def built(candidate: str, cache: Path | None) -> Desk:
    """Return the support desk with a freshly fitted model and all its parts."""
    rows = shipped("support-desk", "test")
    model = fitted(rows, candidate, cache)
    right = model.answer(rows.test).label == rows.test["label"].astype(str).to_numpy()
    print(f"{candidate}: {right.mean():.3f} of {len(right)} test questions have the right intent")
    return Desk.of(rows.scenario, model, ROOT, Outside.of(model, rows.train, rows.validation, cache), cache)


class Sources:
    """What each past answer and document is about, as a person wrote it down."""

    def __init__(self, desk: Desk) -> None:
        table = authored.read(Path(__file__).with_name("desk_sources.csv"), "source", "intents")
        self.of = {source: set(intents.split()) for source, intents in table.itertuples(index=False)}
        past = authored.read(ROOT / desk.settings.dialogues, "question", "answer")
        self.question = dict(zip(past["answer"], past["question"], strict=True))

    def fit(self, reply: Reply, intent: str) -> bool:
        names = [citation.passage.document for citation in reply.citations] or [self.question[reply.text]]
        return all(intent in self.of[name] for name in names)


def show(played: dict[str, Sequence[Sequence[judging.Outcome]]]) -> None:
    """Print the tables side by side, and the paired differences between the first and the second."""
    for name, outcomes in played.items():
        print(f"\n{name}\n{judging.table(outcomes).round(3).to_string(index=False)}")
    first, second = played.values()
    print("\ndifference, first less second, with the interval by dialogues")
    measures = {**judging.MEASURES, "dialogues resolved": None}
    for measure, of in measures.items():
        pairs = []
        for at, (a, b) in enumerate(zip(first, second, strict=True)):
            if of is None:
                pairs.append((at, all(one.right for one in a) - all(one.right for one in b)))
            else:
                both = [(of(x), of(y)) for x, y in zip(a, b, strict=True)]
                pairs += [(at, float(x) - float(y)) for x, y in both if x is not None and y is not None]
        frame = pd.DataFrame(pairs, columns=["dialogue", "gain"])
        gain = bootstrap.mean(frame["gain"].to_numpy(np.float64), frame["dialogue"].to_numpy(), 2_000, 1)
        print(f"{measure:26} {gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]")


def follows(desk: Desk, asked: Sequence[dialogues.Dialogue], test: pd.DataFrame) -> pd.DataFrame:
    """Return whether what customers write after a question back is given its intent, by what it is.

    Beside the desk's reading stands one that takes all of it for an answer, and the model that reads it by itself.
    """
    mine, classes, rows = desk.understanding, desk.understanding.model.classes, []
    taken = replace(mine, memory=Memory((1e3, 0.0, 0.0, 0.0, 0.0, 0.0)))
    begun = [(one.text, one.intent) for talk in asked for one in talk.lines if one.kind in dialogues.NEW]
    for number, (text, intent) in enumerate(begun):
        (p,) = mine.probabilities([text])
        options = tuple(classes[at] for at in policy.offers(p))
        if not options:
            continue
        talk = Conversation("c", (Turn(text, Reply("clarify", "?", options=options, about=text)),))
        others = [begun[(number + shift) % len(begun)] for shift in (5, 11, 17, 23)]
        same = test.loc[test["label"] == intent, "text"].sample(3, random_state=number) if intent in options else ()
        said = [("another question", *other) for other in others if other[1] not in options]
        for kind, words, meant in [*said, *(("the same, reworded", words, intent) for words in same)]:
            read = [reader.read(talk, words) for reader in (mine, taken, replace(mine, outside=None, memory=None))]
            hits = [one is not None and bool(one.probability[classes.index(meant)] == one.probability.max() > 0)
                    for one in read]  # fmt: skip
            rows.append((kind, *hits))
    found = pd.DataFrame(
        rows, columns=["after a question back", "the desk", "all taken for answers", "the model alone"]
    )
    table = found.groupby("after a question back").mean()
    table.insert(0, "of", found["after a question back"].value_counts())
    return table


def strangers(desk: Desk, asked: Sequence[dialogues.Dialogue]) -> pd.DataFrame:
    """Return how often a later turn is read as a question of no intent: authored ones, and follow-ups."""
    questions = authored.read(ROOT / "notebooks/scenarios/desk/outside.csv", "text", "kind")
    begun = [(one.text, one.intent) for talk in asked for one in talk.lines[:1] if one.intent]
    later = [
        (str(kind), text, begun[(7 * number) % len(begun)])
        for number, (text, kind) in enumerate(questions.itertuples(index=False))
    ]
    for talk in asked:
        for before, line in pairwise(talk.lines):
            if line.kind == "follow_up" and before.intent:
                later.append(("a follow-up", line.text, (before.text, before.intent)))
    rows = []
    for kind, text, (opening, intent) in later:
        told = Reply("answer", "told", intent=intent, about=opening)
        read = desk.understanding.read(Conversation("c", (Turn(opening, told),)), text)
        rows.append((kind, read is not None and float(read.probability.sum()) == 0))
    found = pd.DataFrame(rows, columns=["a later turn", "read as of no intent"]).groupby("a later turn")
    return found.mean().assign(of=found.size())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidate", default="minilm")
    parser.add_argument("--half", default="test", choices=["build", "test"])
    parser.add_argument("--shown", type=int, default=0, help="turns that went wrong to print")
    parser.add_argument("--cache", type=Path)
    given = parser.parse_args()
    desk = built(given.candidate, given.cache)
    fits = Sources(desk).fit
    found = dialogues.read(ROOT / desk.settings.conversations)
    asked = [dialogue for dialogue in found if dialogue.half == given.half]
    print(f"\n{strangers(desk, asked).round(3).to_string()}")
    without = replace(desk, understanding=replace(desk.understanding, memory=None))
    played = {
        name: [judging.play(of, dialogue, fits) for dialogue in asked]
        for name, of in (("with memory", desk), ("without memory", without))
    }
    show(played)
    test = shipped("support-desk", "test").test
    print(f"\n{follows(desk, asked, test).round(3).to_string()}")
    missed = [one for outcomes in played["with memory"] for one in outcomes if not one.right]
    for one in missed[: given.shown]:
        print(f"\n{one.line.kind}, {one.line.intent}: {one.line.text}\n  {one.reply.act}, {one.reply.intent}: ", end="")
        print(f"{one.reply.text[:110]}\n  about: {one.reply.about}\n  {' '.join(one.reply.reasons)}")


if __name__ == "__main__":
    main()
