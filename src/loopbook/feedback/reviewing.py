"""Review by people: what entries of the log say of a decision, inter-annotator disagreement, and what was withdrawn.

Each answer of a reviewer is an entry of its own, and nothing is ever changed: who takes an answer back writes another
entry that says so (`UNDO`). What stands is read from all of them.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from loopbook.decisions import costs
from loopbook.decisions.audit.entry import Entry, Stored, new_id
from loopbook.decisions.costs import CostMatrix
from loopbook.decisions.rules import REVIEW
from loopbook.scenario.contract import Scenario
from loopbook.scenario.task import Number
from loopbook.statistics.coin import coin

ACCEPT, CORRECT, SKIP, UNDO = "accept", "correct", "skip", "undo"
VERDICTS = (ACCEPT, CORRECT, SKIP)
"""What a reviewer can say of a decision: that it is right, what is right instead, or nothing."""

ASKED, THIRD, SECOND, USEFUL, RANDOM, KNOWN = "asked", "third", "second", "useful", "random", "known"
IMPORTED = "imported"
"""Why an item was shown: the agent has asked a person; two contradict each other; an independent second opinion; its
label is expected to teach most; drawn at random; its truth is known (a honeypot, by which reviewers are judged). Who
has answered in Label Studio was shown it there."""

OPEN, SETTLED, DISPUTED = "open", "settled", "disputed"
"""State of an item: somebody is to look at it yet; a class has the majority; three named three."""

MOST = 3
"""People who are asked about one item at most."""


@dataclass(frozen=True)
class Review:
    """What one reviewer has said of one decision, and not taken back.

    Attributes
    ----------
    id, decision_id, written
        Of the entry, of the decision that it is about, and when it was stored.
    reviewer
        The reviewer's pseudonym.
    verdict
        One of `VERDICTS`.
    meant
        The class that is right, also where a decision was accepted; of a number the band in which the right one lies.
        None of who has skipped it.
    label
        What is to be learned: the class, or the number; None of a skipped item, and of a number that was accepted: that
        it lies in the right band is no measurement.
    also
        Further outputs that were named, by output.
    why
        Why the item was shown.
    seconds
        How long the reviewer looked at it; None: not known.
    comment
        What was said besides, masked; empty if nothing was, or it was forgotten.
    """

    id: str
    decision_id: str
    reviewer: str
    verdict: str
    meant: str | None = None
    label: str | float | None = None
    also: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    seconds: float | None = None
    comment: str = ""
    written: datetime = datetime.min


@dataclass(frozen=True)
class Standing:
    """Where an item stands: `OPEN`, `SETTLED` or `DISPUTED`; the class that won; why the next is asked, if one is."""

    state: str
    meant: str | None = None
    next: str | None = None


def entry(
    scenario: Scenario,
    review: Review,
    caller: str,
    *,
    truth: str | None = None,
    key: str | None = None,
    payload: Mapping[str, Any] | None = None,
) -> Entry:
    """Return the entry of the log for a review; its id and time are given when it is stored.

    Parameters
    ----------
    caller
        The name of the API key.
    truth
        The true class, if it is known: by it the reviewer is judged.
    key
        Of idempotency.
    payload
        What may be forgotten, beside the comment.
    """
    facts: dict[str, Any] = {"decision_id": review.decision_id, "user": review.reviewer, "caller": caller}
    facts |= {name: told for name in ("label", "seconds") if (told := getattr(review, name)) is not None}
    facts |= {f"label_{name}": label for name, label in review.also.items()}
    said = {"verdict": review.verdict, "why": review.why, "class": review.meant}
    if truth is not None:
        said["truth"] = truth
    if review.meant is not None:
        said["action"] = _cheapest(_prices(scenario, (review.meant,)), review.meant)
    beside = dict(payload or {}) | ({"comment": review.comment} if review.comment else {})
    return Entry("feedback", new_id(), facts | {"review": said}, beside or None, key)


def undo(review: Review, caller: str) -> Entry:
    """Return the entry by which a reviewer takes an answer back."""
    facts = {"decision_id": review.decision_id, "user": review.reviewer, "caller": caller}
    return Entry("feedback", new_id(), {**facts, "review": {"verdict": UNDO, "of": review.id}})


def abandoned(decision_id: str, reviewer: str, seconds: float) -> Entry:
    """Return the entry that an item was given to a reviewer, and not answered in so many seconds."""
    usage = {"event": "abandoned", "page": "review", "seconds": seconds}
    return Entry("feedback", new_id(), {"decision_id": decision_id, "user": reviewer, "usage": usage})


def withdrawn(entries: Iterable[Stored]) -> frozenset[str]:
    """Return the ids of the entries that were taken back by who had made them, and of those by which that was done."""
    gone: set[str] = set()
    author: dict[str, str] = {}
    for stored in entries:
        said = stored.facts.get("review") or {}
        if said.get("verdict") == UNDO:
            gone.add(stored.id)
            if author.get(said["of"], "") == stored.facts["user"]:
                gone.add(said["of"])
        elif said:
            author[stored.id] = stored.facts["user"]
    return frozenset(gone)


def standing_reviews(entries: Iterable[Stored]) -> list[Review]:
    """Return the reviews among entries, in their order: those that were taken back are left out, and so is all else."""
    known = list(entries)
    gone = withdrawn(known)
    return [_review(stored) for stored in known if stored.facts.get("review") and stored.id not in gone]


def actions(entries: Iterable[Stored], share: float) -> dict[str, str]:
    """Return the actions that follow from settled reviews, by decision; `share` is that of items with two reviewers."""
    known = list(entries)
    told = {stored.id: stored.facts["review"].get("action") for stored in known if stored.facts.get("review")}
    found = {}
    for id, said in by_decision(standing_reviews(known)).items():
        settled = standing(said, twice(id, share)).meant
        action = next((told[review.id] for review in said if review.meant == settled), None)
        if settled is not None and action is not None:
            found[id] = str(action)
    return found


def answered(facts: dict[str, Any], action: str | None) -> dict[str, Any]:
    """Return a decision's facts after the person who was asked has answered; others, and unanswered ones, stay."""
    if action is None or facts["action"] != REVIEW:
        return facts
    reasons = f"{facts['reasons']} The reviewer decided: {action}."
    return {**facts, "action": action, "verdict": action, "reasons": reasons}


def by_decision(reviews: Iterable[Review]) -> dict[str, list[Review]]:
    """Return reviews by the decision that they are about, each list in their order."""
    found: dict[str, list[Review]] = defaultdict(list)
    for review in reviews:
        found[review.decision_id].append(review)
    return dict(found)


def twice(decision_id: str, share: float) -> bool:
    """Say whether two reviewers answer about an item independently: a stable share of all."""
    return coin(f"review twice {decision_id}") < share


def standing(reviews: Sequence[Review], needs_two: bool) -> Standing:
    """Return where an item stands.

    One answer settles it, or two equal ones where two are asked. If two contradict each other, a third person decides;
    three different answers leave it disputed, for nobody to learn from but with what else is known (`trust.judge` sees
    all three).

    Parameters
    ----------
    reviews
        Of this item, as `standing_reviews` returns them; who has skipped it has said nothing.
    needs_two
        Whether two are to answer at least.
    """
    votes = Counter(review.meant for review in reviews if review.meant is not None)
    total = votes.total()
    if not total:
        return Standing(OPEN)
    (first, most), *_ = votes.most_common(1)
    if most == total:
        return Standing(SETTLED, first) if total > needs_two else Standing(OPEN, next=SECOND)
    if total < MOST:
        return Standing(OPEN, next=THIRD)
    return Standing(SETTLED, first) if 2 * most > total else Standing(DISPUTED)


def classes(scenario: Scenario, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the classes that can be right of a decision: those that the model knows, and those that are named."""
    return tuple(dict.fromkeys((*scenario.task.label.classes, *facts["scores"])))


def implied(scenario: Scenario, facts: Mapping[str, Any]) -> str | None:
    """Return the class that a decision takes for right, which is what accepting it says.

    It is the most probable class for which the action is the cheapest one: of two classes and a threshold of 0.3, an
    alert at a probability of 0.4 says yes. Where the agent asks a person, and where costs depend on more than the
    class, it is the most probable class.

    Returns
    -------
    str or None
        None if an action was taken that is best for no class, because a rule says so: it cannot be accepted.
    """
    scores, prices = facts["scores"], _prices(scenario, tuple(facts["scores"]))
    if facts["action"] == REVIEW or prices.functions:
        return str(facts["answer"])
    likely = sorted(scores, key=scores.__getitem__, reverse=True)
    return next((name for name in likely if _cheapest(prices, name) == facts["action"]), None)


def band(task: Number, value: float) -> str:
    """Return the class of a number: the band between two limits in which it lies."""
    return task.label.classes[sum(value > limit for limit in task.label.limits)]


def _prices(scenario: Scenario, known: tuple[str, ...]) -> CostMatrix:
    named = scenario.task.label.classes
    return costs.of(scenario.decisions.costs, scenario.task, tuple(dict.fromkeys((*named, *known))))


def _cheapest(prices: CostMatrix, name: str) -> str | None:
    """Return the action that is best for a class; None if that depends on more."""
    if prices.functions:
        return None
    return prices.actions[int(prices.best[prices.classes.index(name)])]


def _review(stored: Stored) -> Review:
    facts, said = stored.facts, stored.facts["review"]
    also = {name.removeprefix("label_"): label for name, label in facts.items() if name.startswith("label_")}
    return Review(
        stored.id,
        facts["decision_id"],
        facts["user"],
        said["verdict"],
        said.get("class"),
        facts.get("label"),
        also,
        said.get("why", ""),
        facts.get("seconds"),
        (stored.payload or {}).get("comment", ""),
        stored.written,
    )
