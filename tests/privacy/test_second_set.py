"""The second authored set: secrets, identity numbers, phones by region, tricks, devices, birth dates."""

import re
from collections import Counter

from tests.privacy.second_set import CASES

from loopbook.privacy import personal_data

MARK = re.compile("⟦([^⟧]+)⟧")
WANTED = 0.95


def spans(case: str, kind: str) -> tuple[str, set[tuple[str, int, int]]]:
    """Return the plain text of a case and what is marked in it."""
    marked, shift = set(), 0
    for match in MARK.finditer(case):
        start = match.start() - shift
        marked.add((kind, start, start + len(match[1])))
        shift += 2
    return MARK.sub(r"\1", case), marked


def score() -> tuple[dict[str, Counter[str]], list[str]]:
    """Return hits, misses and false findings by kind, and what was mistaken."""
    found: dict[str, Counter[str]] = {"hit": Counter(), "missed": Counter(), "wrong": Counter()}
    mistakes = []
    for kind, regions, case in CASES:
        text, marked = spans(case, kind)
        seen = {(finding.kind, finding.start, finding.end) for finding in personal_data.find(text, regions)}
        found["hit"].update(name for name, *_ in marked & seen)
        found["missed"].update(name for name, *_ in marked - seen)
        found["wrong"].update(name for name, *_ in seen - marked)
        if marked != seen:
            mistakes.append(f"{kind}: {text!r} -> {[(name, text[begin:end]) for name, begin, end in sorted(seen)]}")
    return found, mistakes


def report(found: dict[str, Counter[str]]) -> list[tuple[str, int, float, float]]:
    """Return kind, marked, recall and precision, the whole last."""
    lines = []
    for kind in (*sorted({*found["hit"], *found["missed"], *found["wrong"]}), "all"):
        hit, missed, wrong = (
            sum(found[name].values()) if kind == "all" else found[name][kind] for name in ("hit", "missed", "wrong")
        )
        recall = hit / (hit + missed) if hit + missed else float("nan")
        precision = hit / (hit + wrong) if hit + wrong else float("nan")
        lines.append((kind, hit + missed, recall, precision))
    return lines


def test_recall_and_precision_of_each_kind_on_the_second_set():
    found, mistakes = score()
    lines = report(found)
    for kind, marked, recall, precision in lines:
        print(f"{kind:8} {marked:4} recall {recall:.3f} precision {precision:.3f}")
    assert all(recall >= WANTED and precision >= WANTED for _, _, recall, precision in lines), "\n".join(mistakes)
