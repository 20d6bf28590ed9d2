"""Policies: what to do with a row, from the model's probability and the row's fields.

A policy is plain data: it can be kept as JSON, shown, compared and loaded back. It proposes; whether a person has time
for a review that it proposes is for `replay.Budget` to say, so every proposal says what to do otherwise.
"""

from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from loopbook.decisions import tree
from loopbook.decisions.rules import REVIEW, Compiled, read
from loopbook.scenario.decisions import Rule
from loopbook.scenario.errors import DataError, LoopbookError
from loopbook.scenario.task import AnyTask
from loopbook.store.content import digest_json

COLUMNS = ["act", "review", "rule", "rule_hits", "reasons"]
"""What `propose` returns: whether to act (if no person is asked), whether to ask one, the rule that decided, all rules
that hold, and why, in sentences."""


class Policy(BaseModel):
    """Common to all policies."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    actions: tuple[str, str]

    def propose(self, frame: pd.DataFrame, probability: ArrayLike) -> pd.DataFrame:
        """Propose what to do with each row; what is proposed for a row does not depend on the other rows.

        Parameters
        ----------
        frame
            Rows with the task's fields.
        probability
            The model's probability, float [n] in [0, 1].

        Returns
        -------
        DataFrame
            With the index of `frame` and the columns `COLUMNS`.

        Raises
        ------
        DataError
            If a probability is missing or outside [0, 1], or a field is absent.
        """
        p = np.asarray(probability, dtype=np.float64)
        if p.shape != (len(frame),):
            raise DataError(f"The policy needs one probability a row: {len(frame)} rows, probabilities {p.shape}.")
        wrong = np.flatnonzero(~((p >= 0) & (p <= 1)))
        if len(wrong):
            raise DataError(f"The model gave {p[wrong[0]]} as the probability of row {wrong[0]}, which is none.")
        return self._propose(frame, p)

    def _propose(self, frame: pd.DataFrame, p: NDArray[np.float64]) -> pd.DataFrame:
        raise NotImplementedError

    @property
    def digest(self) -> str:
        """The policy's version: a digest of its content."""
        return digest_json(self.model_dump(mode="json"))


class Constant(Policy):
    """Always act, or never."""

    kind: Literal["constant"] = "constant"
    act: bool

    def _propose(self, frame: pd.DataFrame, p: NDArray[np.float64]) -> pd.DataFrame:
        reason = f"This policy does the same whatever the row is: {self.actions[self.act]}."
        return _proposals(frame, np.full(len(frame), self.act), reasons=[reason] * len(frame))


class Threshold(Policy):
    """Act from a probability."""

    kind: Literal["threshold"] = "threshold"
    threshold: float = Field(ge=0)
    origin: str = Field(description="where the threshold comes from, in words")

    def _propose(self, frame: pd.DataFrame, p: NDArray[np.float64]) -> pd.DataFrame:
        act = p >= self.threshold
        reasons = [
            f"The probability {value:.2f} is {'at or above' if acts else 'below'} the threshold {self.threshold:.2f} "
            f"({self.origin}): {self.actions[acts]}."
            for value, acts in zip(p.tolist(), act.tolist(), strict=True)
        ]
        return _proposals(frame, act, reasons=reasons)


class Review(Policy):
    """Three ways: act, do not act, or ask a person where the model is unsure."""

    kind: Literal["review"] = "review"
    threshold: float = Field(ge=0)
    low: float
    high: float
    origin: str

    def _propose(self, frame: pd.DataFrame, p: NDArray[np.float64]) -> pd.DataFrame:
        plain = Threshold(actions=self.actions, threshold=self.threshold, origin=self.origin).propose(frame, p)
        review = (p > self.low) & (p < self.high)
        plain["review"] = review
        plain["reasons"] = [
            f"The probability {value:.2f} is between {self.low:.2f} and {self.high:.2f}, where asking a person is "
            f"expected to cost less than a mistake: {REVIEW}."
            if asked
            else reason
            for value, asked, reason in zip(p.tolist(), review.tolist(), plain["reasons"], strict=True)
        ]
        return plain


class Tree(Policy):
    """A readable decision tree over the probability and the row's fields."""

    kind: Literal["tree"] = "tree"
    root: tree.Node

    def _propose(self, frame: pd.DataFrame, p: NDArray[np.float64]) -> pd.DataFrame:
        act, ways = tree.apply(self.root, frame, p)
        reasons = [
            f"{way[:1].upper()}{way[1:]}: {self.actions[acts]}." for way, acts in zip(ways, act.tolist(), strict=True)
        ]
        return _proposals(frame, act, reasons=reasons)

    @property
    def text(self) -> str:
        """The tree as if-then lines."""
        return tree.text(self.root, self.actions)


class Ruled(Policy):
    """Rules around another policy: those before the model decide first, those after it overrule what it led to.

    The first rule that holds decides. Rules before the model are asked before those after it.
    """

    kind: Literal["ruled"] = "ruled"
    base: Annotated[Constant | Threshold | Review | Tree, Field(discriminator="kind")]
    rules: dict[str, Rule]
    task: AnyTask

    @cached_property
    def compiled(self) -> tuple[Compiled, ...]:
        """The rules, read and checked, in the order in which they are asked."""
        compiled = read(self.rules, self.task)
        return tuple(sorted(compiled, key=lambda compiled: compiled.rule.position != "before"))

    def _propose(self, frame: pd.DataFrame, p: NDArray[np.float64]) -> pd.DataFrame:
        proposed = self.base.propose(frame, p)
        columns = {name: proposed[name].tolist() for name in COLUMNS}
        for compiled in self.compiled:
            action, before = compiled.rule.action, compiled.rule.position == "before"
            when = "before the model was asked" if before else "after the model"
            for row in np.flatnonzero(compiled.holds(frame, p)).tolist():
                hits = columns["rule_hits"][row]
                columns["rule_hits"][row] = f"{hits}, {compiled.name}" if hits else compiled.name
                if columns["rule"][row]:
                    continue
                columns["rule"][row] = compiled.name
                columns["review"][row] = action == REVIEW
                if action != REVIEW:
                    columns["act"][row] = action == self.actions[1]
                reason = f"The rule “{compiled.name}” holds ({compiled.rule.when}), {when}: {action}."
                columns["reasons"][row] = reason if before else f"{columns['reasons'][row]} {reason}"
        return pd.DataFrame(columns, index=frame.index)


_ADAPTER: TypeAdapter[Constant | Threshold | Review | Tree | Ruled] = TypeAdapter(
    Annotated[Constant | Threshold | Review | Tree | Ruled, Field(discriminator="kind")]
)


def load(values: dict[str, Any]) -> Constant | Threshold | Review | Tree | Ruled:
    """Return a policy from its plain values, as `model_dump` gives them.

    Raises
    ------
    LoopbookError
        If these are not the values of a policy.
    """
    try:
        return _ADAPTER.validate_python(values)
    except ValidationError as error:
        raise LoopbookError(f"This is no policy that this version wrote: {error}") from error


def rules_digest(policy: Policy) -> str:
    """Return the version of a policy's rules, whose order counts; the digest of no rules, if it has none."""
    rules = policy.rules if isinstance(policy, Ruled) else {}
    return digest_json([[name, rule.model_dump(mode="json")] for name, rule in rules.items()])


def _proposals(frame: pd.DataFrame, act: NDArray[np.bool_], reasons: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {"act": act, "review": np.zeros(len(frame), dtype=bool), "rule": "", "rule_hits": "", "reasons": reasons},
        index=frame.index,
    )
