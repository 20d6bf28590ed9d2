"""Policies: what to do with a row, from the model's answers and the row's fields.

A policy is plain data: it can be kept as JSON, shown, compared and loaded back. It proposes; whether a person has time
for a review that it proposes is for `replay.Budget` to say, so every proposal says what to do otherwise.
"""

from abc import abstractmethod
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from loopbook.decisions import costs, tree
from loopbook.decisions.costs import CostMatrix
from loopbook.decisions.rules import REVIEW, Compiled, read
from loopbook.models import answers
from loopbook.models.answers import Answers
from loopbook.scenario.decisions import Costs, Rule
from loopbook.scenario.errors import DataError, LoopbookError
from loopbook.scenario.task import AnyTask
from loopbook.statistics import calibration, scores
from loopbook.statistics.targets import of_yes
from loopbook.store.content import digest_json


class Proposals(NamedTuple):
    """What a policy proposes for n rows.

    The index of the action (if no person is asked), whether to ask one, the rule that decided, all rules that hold, and
    why, in sentences.
    """

    action: list[int]
    review: list[bool]
    rule: list[str]
    rule_hits: list[str]
    reasons: list[str]


COLUMNS = list(Proposals._fields)
"""What `propose` returns."""


class Policy(BaseModel):
    """Common to all policies."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    actions: tuple[str, ...]

    def propose(self, frame: pd.DataFrame, said: ArrayLike | Answers) -> pd.DataFrame:
        """Return what `proposals` does as a table with the index of `frame` and the columns `COLUMNS`."""
        proposed = self.proposals(frame, said)
        forms = {"action": "int64", "review": "bool"}
        columns = {name: pd.array(values, dtype=forms.get(name, "str")) for name, values in proposed._asdict().items()}
        return pd.DataFrame(columns, index=frame.index)

    def proposals(self, frame: pd.DataFrame, said: ArrayLike | Answers) -> Proposals:
        """Propose what to do with each row; what is proposed for a row does not depend on the other rows.

        Parameters
        ----------
        frame
            Rows with the task's fields.
        said
            The model's answers, or its probabilities alone: float [n, k] in [0, 1], or of yes [n].

        Raises
        ------
        DataError
            If a probability is missing or outside [0, 1], or a field is absent.
        """
        said = answers.of(said)
        p = said.probability
        if len(p) != len(frame):
            raise DataError(f"The policy needs one probability a row: {len(frame)} rows, probabilities {p.shape}.")
        bad = ~((p >= 0) & (p <= 1))
        wrong = np.flatnonzero(bad.any(axis=1))
        if len(wrong):
            value = p[wrong[0]][bad[wrong[0]]][-1]
            raise DataError(f"The model gave {value} as the probability of row {wrong[0]}, which is none.")
        return self._propose(frame, said)

    @abstractmethod
    def _propose(self, frame: pd.DataFrame, said: Answers) -> Proposals:
        """Propose, from answers that are checked."""

    @property
    def digest(self) -> str:
        """The policy's version: a digest of its content."""
        return digest_json(self.model_dump(mode="json"))


class Constant(Policy):
    """The same action for each row; or a person is asked about each, as far as there is time."""

    kind: Literal["constant"] = "constant"
    action: int
    review: bool = False

    def _propose(self, frame: pd.DataFrame, said: Answers) -> Proposals:
        reason = (
            f"This policy does the same whatever the row is: {REVIEW if self.review else self.actions[self.action]}."
        )
        proposed = _proposals([self.action] * len(frame), [reason] * len(frame))
        return proposed._replace(review=[self.review] * len(frame))


class Threshold(Policy):
    """Two classes: act from a probability."""

    kind: Literal["threshold"] = "threshold"
    threshold: float = Field(ge=0)
    origin: str = Field(description="where the threshold comes from, in words")

    def _propose(self, frame: pd.DataFrame, said: Answers) -> Proposals:
        p = of_yes(said.probability)
        act = p >= self.threshold
        reasons = [
            f"The probability {value:.2f} is {'at or above' if acts else 'below'} the threshold {self.threshold:.2f} "
            f"({self.origin}): {self.actions[acts]}."
            for value, acts in zip(p.tolist(), act.tolist(), strict=True)
        ]
        return _proposals(act, reasons)


class Review(Policy):
    """Two classes: act, do not act, or ask a person in the band where the model is unsure."""

    kind: Literal["review"] = "review"
    threshold: float = Field(ge=0)
    low: float
    high: float
    origin: str

    def _propose(self, frame: pd.DataFrame, said: Answers) -> Proposals:
        p = of_yes(said.probability)
        plain = Threshold(actions=self.actions, threshold=self.threshold, origin=self.origin)._propose(frame, said)
        review = ((p > self.low) & (p < self.high)).tolist()
        reasons = [
            f"The probability {value:.2f} is between {self.low:.2f} and {self.high:.2f}, where asking a person is "
            f"expected to cost less than a mistake: {REVIEW}."
            if asked
            else reason
            for value, asked, reason in zip(p.tolist(), review, plain.reasons, strict=True)
        ]
        return plain._replace(review=review, reasons=reasons)


class Priced(Policy):
    """Common to policies that calculate with the cost matrix."""

    classes: tuple[str, ...]
    costs: Costs
    task: AnyTask

    @cached_property
    def matrix(self) -> CostMatrix:
        """The cost matrix."""
        return costs.of(self.costs, self.task, self.classes)


class Probable(Priced):
    """The action that is cheapest if the most probable class is true, or the predicted number."""

    kind: Literal["probable"] = "probable"

    def _propose(self, frame: pd.DataFrame, said: Answers) -> Proposals:
        if self.matrix.functions:
            assert said.value is not None
            action, what = self.matrix.should(said.value), [f"{value:.4g}" for value in said.value]
        else:
            action, what = self.matrix.should(said.likeliest), [self.classes[at] for at in said.likeliest]
        reasons = [f"“{one}” is most probable: {self.actions[at]}." for one, at in zip(what, action, strict=True)]
        return _proposals(action, reasons)


class Cheapest(Priced):
    """The action of least expected cost, at recalibrated probabilities."""

    kind: Literal["cheapest"] = "cheapest"
    temperature: float = Field(1.0, gt=0)

    def expected(self, said: Answers) -> NDArray[np.float64]:
        """Return the expected cost of each action, and last of asking a person, float64 [n, a + 1]."""
        return self.matrix.expected(believed(self.matrix, said, self.temperature))

    def _propose(self, frame: pd.DataFrame, said: Answers) -> Proposals:
        spent = self.expected(said)[:, :-1]
        order = np.argsort(spent, axis=1, kind="stable")[:, :2]
        least = np.take_along_axis(spent, order, axis=1).tolist()
        names, how = self.actions, "" if self.temperature == 1 else " (recalibrated)"
        reasons = [
            f"{names[best]} is expected to cost least: {cost:.4g}{how}, against {more:.4g} of {names[other]}."
            for (best, other), (cost, more) in zip(order.tolist(), least, strict=True)
        ]
        return _proposals(order[:, 0], reasons)


class Asking(Cheapest):
    """The action of least expected cost, or a person, where asking is expected to save more than its price."""

    kind: Literal["asking"] = "asking"  # type: ignore[assignment]
    price: float = Field(0.0, ge=0, description="what a review must save besides its cost, so that time suffices")

    def _propose(self, frame: pd.DataFrame, said: Answers) -> Proposals:
        plain, spent = super()._propose(frame, said), self.expected(said)
        gain = spent[:, :-1].min(axis=1) - spent[:, -1]
        reasons = [
            f"Asking a person is expected to save {saved:.4g}, more than the {self.price:.4g} that a person's time is "
            f"worth: {REVIEW}."
            if saved > self.price
            else reason
            for saved, reason in zip(gain.tolist(), plain.reasons, strict=True)
        ]
        return plain._replace(review=(gain > self.price).tolist(), reasons=reasons)


class Tree(Policy):
    """A readable decision tree over the probabilities and the row's fields."""

    kind: Literal["tree"] = "tree"
    root: tree.Node

    def _propose(self, frame: pd.DataFrame, said: Answers) -> Proposals:
        action, ways = tree.apply(self.root, frame, said)
        reasons = [f"{way[:1].upper()}{way[1:]}: {self.actions[at]}." for way, at in zip(ways, action, strict=True)]
        return _proposals(action, reasons)

    @property
    def text(self) -> str:
        """The tree as if-then lines."""
        return tree.text(self.root, self.actions)


Plain = Annotated[Constant | Threshold | Review | Probable | Cheapest | Asking | Tree, Field(discriminator="kind")]
"""Any policy without rules around it."""


class Ruled(Policy):
    """Rules around another policy: those before the model decide first, those after it overrule what it led to.

    The first rule that holds decides. Rules before the model are asked before those after it.
    """

    kind: Literal["ruled"] = "ruled"
    base: Plain
    rules: dict[str, Rule]
    task: AnyTask

    @cached_property
    def compiled(self) -> tuple[Compiled, ...]:
        """The rules, read and checked, in the order in which they are asked."""
        compiled = read(self.rules, self.task, actions=self.actions)
        return tuple(sorted(compiled, key=lambda compiled: compiled.rule.position != "before"))

    def _propose(self, frame: pd.DataFrame, said: Answers) -> Proposals:
        proposed = self.base._propose(frame, said)
        for compiled in self.compiled:
            action, before = compiled.rule.action, compiled.rule.position == "before"
            when = "before the model was asked" if before else "after the model"
            for row in np.flatnonzero(compiled.holds(frame, said)).tolist():
                hits = proposed.rule_hits[row]
                proposed.rule_hits[row] = f"{hits}, {compiled.name}" if hits else compiled.name
                if proposed.rule[row]:
                    continue
                proposed.rule[row] = compiled.name
                proposed.review[row] = action == REVIEW
                if action != REVIEW:
                    proposed.action[row] = self.actions.index(action)
                reason = f"The rule “{compiled.name}” holds ({compiled.rule.when}), {when}: {action}."
                proposed.reasons[row] = reason if before else f"{proposed.reasons[row]} {reason}"
        return proposed


_ADAPTER: TypeAdapter[Any] = TypeAdapter(Annotated[Plain | Ruled, Field(discriminator="kind")])


def load(values: dict[str, Any]) -> Policy:
    """Return a policy from its plain values, as `model_dump` gives them.

    Raises
    ------
    LoopbookError
        If these are not the values of a policy.
    """
    try:
        loaded: Policy = _ADAPTER.validate_python(values)
    except ValidationError as error:
        raise LoopbookError(f"This is no policy that this version wrote: {error}") from error
    return loaded


def believed(prices: CostMatrix, said: Answers, temperature: float = 1.0) -> NDArray[np.float64]:
    """Return what expected costs are taken over: recalibrated probabilities, or the distribution of a number."""
    if prices.functions:
        assert said.distribution is not None
        return said.distribution
    return said.probability if temperature == 1 else scores.probabilities(logits(said.probability) / temperature)


def logits(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logits of which probabilities by class are the softmax, float64 [n, k]."""
    return np.asarray(np.log(np.maximum(probability, calibration.EDGE)))


def rules_digest(policy: Policy) -> str:
    """Return the version of a policy's rules, whose order counts; the digest of no rules, if it has none."""
    rules = policy.rules if isinstance(policy, Ruled) else {}
    return digest_json([[name, rule.model_dump(mode="json")] for name, rule in rules.items()])


def _proposals(action: ArrayLike, reasons: list[str]) -> Proposals:
    """Return proposals that ask nobody, and that no rule has made."""
    at = np.asarray(action, dtype=np.int64).tolist()
    return Proposals(at, [False] * len(at), [""] * len(at), [""] * len(at), reasons)
