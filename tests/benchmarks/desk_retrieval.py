"""Retrieval, composed answers, templates and abuse of the support desk, on its authored files.

python -m tests.benchmarks.desk_retrieval [--choices]

Prints for the 100 questions of retrieval.csv that judge (with --choices: for the 40 by which the method was chosen)
how often the right passage is the first, among the first three and the first ten, with Wilson intervals: by BM25, by
embeddings, by all of these with late interaction, with the intents of the scenario's model, and with the known
questions (the desk's); and how often the very section is, not only the passage that holds it; how near the known
questions are to those that judge; how many composed sentences their passage contains, and how often they are of a right
one; of how many ordinary questions and of how many harmful and only harmful-looking lines (out of fold) the recogniser
says that they are harmful, beside the list alone.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tests.benchmarks.architectures import shipped
from tests.benchmarks.desk_conversations import fitted

from loopbook.desk import abuse, authored, composing, documents, retrieval
from loopbook.desk.retrieval import Index, answers
from loopbook.desk.turn import Passage
from loopbook.desk.understanding import Understanding
from loopbook.models.encoders import sentence_encoder
from loopbook.statistics.intervals import wilson

FOLDER = Path(__file__).resolve().parents[2] / "notebooks" / "scenarios" / "desk"


def share(hits: object) -> str:
    values = np.asarray(hits, dtype=float)
    found = wilson(float(values.mean()), len(values))
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def main(part: str, cache: Path) -> None:
    table = authored.read(FOLDER / "retrieval.csv", "part", "question", "document", "heading")
    wanted = {
        str(question): list(zip(rows["document"], rows["heading"], strict=True))
        for question, rows in table[table["part"] == part].groupby("question", sort=False)
    }
    known = table.loc[table["part"] == "known", ["question", "document", "heading"]].itertuples(index=False, name=None)
    sections = documents.read(FOLDER / "documents").sections
    begun = time.perf_counter()
    model = fitted(shipped("support-desk", "test"), "probe", cache)
    understanding = Understanding(model, "text", {}, None, 0.05, None)
    index = Index.of(sections, cache, intents=understanding.probabilities, known=list(known))
    expected = Index.of(sections, cache, intents=understanding.probabilities)
    alone = replace(expected, intents=None)
    print(f"{len(sections)} sections in {len(index.passages)} passages, indexed in {time.perf_counter() - begun:.1f} s")
    print(f"{len(wanted)} questions ({part}); {overlaps(list(wanted), index)}")
    found: dict[str, list[tuple[int, int]]] = {}
    extracts, contained, right, spent = composing.Extracts(index), [], [], []
    for question, places in wanted.items():
        vector = sentence_encoder.embed([question])[0]
        scores = {
            "BM25": alone.bm25.get_scores(retrieval.words(question)),
            "embeddings": alone.vectors @ vector,
            "fused": alone.scores(question)[0],
            "and intents": expected.scores(question)[0],
            "and known": index.scores(question)[0],
        }
        for name, of in scores.items():
            found.setdefault(name, []).append(ranked(of, index, sections, places))
        begun = time.perf_counter()
        hits = index.search(question)
        spent.append(time.perf_counter() - begun)
        citations = extracts.compose(question, hits)
        contained += [composing.contains(citation.passage, citation.sentence) for citation in citations]
        right.append(any(answers(citation.passage, *place) for citation in citations for place in places))
    for at, unit in enumerate(("passage", "section")):
        print(f"the right {unit} is the first, among three, among ten")
        for name, pairs in found.items():
            print(f"{name:11s}", *(f"  {share(np.array(pairs)[:, at] <= most)}" for most in (1, 3, 10)))
    print(f"a search takes {1000 * np.median(spent):.0f} ms (median)")
    print(f"{len(contained)} composed sentences, whole sentences of their passage: {share(contained)}")
    print(f"composed of a right passage: {share(right)}")
    harmful(sections, cache)


def ranked(
    scores: NDArray[np.floating], index: Index, sections: Sequence[Passage], places: Sequence[tuple[str, str]]
) -> tuple[int, int]:
    """Return the rank of the first right passage, and that of the first right section."""
    order = [int(at) for at in np.argsort(-scores, kind="stable")]
    passages = list(dict.fromkeys(int(index.place[at]) for at in order))
    by_passage, by_section = (
        next(rank for rank, each in enumerate(hits, 1) if any(answers(each, *place) for place in places))
        for hits in ([index.passages[at] for at in passages], [sections[at] for at in order])
    )
    return by_passage, by_section


def overlaps(questions: Sequence[str], index: Index) -> str:
    """Tell how near known questions are to others: what was seen is no proof."""
    nearest = (sentence_encoder.embed(questions) @ index.known.T).max(axis=1)
    shares = ", ".join(f"{(nearest >= least).sum()} from {least}" for least in (0.8, 0.9, 0.95))
    return f"cosine of the nearest known question: median {np.median(nearest):.2f}; {shares}"


def harmful(sections: Sequence[Passage], cache: Path) -> None:
    table = authored.read(FOLDER / "abuse.csv", "text", "harmful", "kind")
    past = authored.read(FOLDER / "dialogues.csv", "question", "answer")
    ordinary = [
        *past["question"],
        *past["answer"],
        *(text for each in sections for text in documents.sentences(each.text)),
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
