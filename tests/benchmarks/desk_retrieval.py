"""Retrieval, composed answers, templates and abuse of the support desk, on its authored files.

python -m tests.benchmarks.desk_retrieval [--choices]

Prints for the 100 questions of retrieval.csv (with --choices: for the 40 by which the method was chosen) how often the
right passage is the first, among the first three and the first ten, with Wilson intervals, for BM25 alone, embeddings
of passages alone, of sentences alone, these and word pieces fused, and with the intents of the scenario's model; how
many composed sentences their passage contains, and how often they are of a right passage; of how many ordinary
questions and of how many harmful and only harmful-looking lines (out of fold) the recogniser says that they are
harmful, beside the list alone.
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from tests.benchmarks.architectures import shipped
from tests.benchmarks.desk_conversations import fitted

from loopbook.desk import abuse, authored, composing, documents, retrieval
from loopbook.desk.turn import Passage
from loopbook.desk.understanding import Understanding
from loopbook.models.encoders import sentence_encoder
from loopbook.statistics.intervals import wilson

FOLDER = Path(__file__).resolve().parents[2] / "notebooks" / "scenarios" / "desk"


def share(hits: object) -> str:
    values = np.asarray(hits, dtype=float)
    found = wilson(float(values.mean()), len(values))
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def answers(passage: Passage, wanted: set[tuple[str, str]]) -> bool:
    heading = passage.address.rpartition(" › ")[2].split(" (")[0]
    return any(passage.document == name and heading == place.split(" (")[0] for name, place in wanted)


def main(part: str, cache: Path) -> None:
    table = authored.read(FOLDER / "retrieval.csv", "part", "question", "document", "heading")
    wanted = {
        str(question): set(zip(rows["document"], rows["heading"], strict=True))
        for question, rows in table[table["part"] == part].groupby("question", sort=False)
    }
    passages = documents.read(FOLDER / "documents").passages
    begun = time.perf_counter()
    rows = shipped("support-desk", "test")
    model = fitted(rows, "probe", cache)
    understanding = Understanding(model, "text", {}, None, 0.05, None)
    index = retrieval.Index.of(passages, cache, intents=understanding.probabilities)
    alone = replace(index, intents=None)
    print(f"{len(passages)} passages indexed in {time.perf_counter() - begun:.1f} s; {len(wanted)} questions ({part})")
    starts = np.searchsorted(index.owner, np.arange(len(passages)))
    ranks: dict[str, list[int]] = {"BM25": [], "passages": [], "sentences": [], "fused": [], "and intents": []}
    extracts, contained, right, spent = composing.Extracts(index), [], [], []
    for question, places in wanted.items():
        good = np.array([answers(passage, places) for passage in passages])
        assert good.any(), (question, places)
        vector = sentence_encoder.embed([question])[0]
        scores = {
            "BM25": index.bm25.get_scores(retrieval.words(question)),
            "passages": index.vectors @ vector,
            "sentences": np.maximum.reduceat(index.sentences @ vector, starts),
        }
        for name, score in scores.items():
            ranks[name].append(int(retrieval.ranks(score)[good].min()))
        begun = time.perf_counter()
        found = index.search(question, 10)
        spent.append(time.perf_counter() - begun)
        for name, hits in (("fused", alone.search(question, 10)), ("and intents", found)):
            ranks[name].append(
                next((at for at, each in enumerate(hits, 1) if answers(each.passage, places)), len(passages))
            )
        citations = extracts.compose(question, found[:3])
        contained += [citation.sentence in citation.passage.text for citation in citations]
        right.append(any(answers(citation.passage, places) for citation in citations))
    for name, rank in ranks.items():
        print(f"{name:11s}", *(f"  first {most}: {share(np.array(rank) <= most)}" for most in (1, 3, 10)))
    print(f"a search takes {1000 * np.median(spent):.0f} ms (median)")
    print(f"{len(contained)} composed sentences, contained in their passage: {share(contained)}")
    print(f"composed of a right passage: {share(right)}")
    harmful(passages, cache)


def harmful(passages: tuple[Passage, ...], cache: Path) -> None:
    table = authored.read(FOLDER / "abuse.csv", "text", "harmful", "kind")
    past = authored.read(FOLDER / "dialogues.csv", "question", "answer")
    ordinary = [
        *past["question"],
        *past["answer"],
        *(text for each in passages for text in documents.sentences(each.text)),
    ]
    judged = abuse.cross_validated(table, ordinary, cache)
    judged = judged.assign(both=judged["probability"] >= abuse.HARMFUL, alone=judged["embedded"] >= abuse.HARMFUL)
    is_harmful = judged["harmful"] == "yes"
    for name in ("listed", "alone", "both"):
        print(
            f"{name:7s} harmful found: {share(judged.loc[is_harmful, name])}"
            f"  only harmful-looking: {share(judged.loc[~is_harmful, name])}"
        )
    print(judged.groupby(["harmful", "kind"])["both"].agg(["mean", "size"]).round(2).to_string())
    recogniser = abuse.Recogniser.of(table, ordinary, cache)
    for name in ("questions", "outside"):
        texts = list(pd.read_csv(FOLDER / f"{name}.csv")["text"])
        print(f"{name}: taken for harmful {share(recogniser.probability(texts) >= abuse.HARMFUL)}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main("build" if "--choices" in sys.argv else "test", Path(folder))
