"""The support desk: a conversation and a text in, a reply out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from loopbook.desk import authored, policy
from loopbook.desk.parts import Abuse, Composer, Outside, Retrieval, Templates
from loopbook.desk.policy import Evidence
from loopbook.desk.turn import Conversation, Reply
from loopbook.models.seen_rows import Learner
from loopbook.scenario.contract import Scenario
from loopbook.scenario.desk import DeskSettings
from loopbook.scenario.errors import ScenarioError

SAID = {
    "clarify": "I want to be sure that I answer the right thing. Which of these do you mean?",
    "hand_over": "I cannot answer that reliably. A person will take over and write to you here.",
    "decline": "I cannot help with that wording. If you have a question about your account, please ask it plainly.",
}
"""What the desk says besides answers."""


@dataclass(frozen=True)
class Desk:
    """A desk at work.

    Attributes
    ----------
    settings
        The scenario's ``studies.support_desk``.
    field
        The task's text field, in which the model reads a question.
    model
        What knows the intents.
    titles
        What customers read of an intent, by language (``en``, ``zh``) and intent.
    retrieval, templates, composer, abuse, outside
        Its parts; without one of them, the desk does without.
    """

    settings: DeskSettings
    field: str
    model: Learner
    titles: Mapping[str, Mapping[str, str]]
    retrieval: Retrieval | None = None
    templates: Templates | None = None
    composer: Composer | None = None
    abuse: Abuse | None = None
    outside: Outside | None = None

    @classmethod
    def of(cls, scenario: Scenario, model: Learner, root: Path) -> Self:
        """Return the desk of a scenario.

        Parameters
        ----------
        scenario
            Has ``studies.support_desk``.
        model
            As `serving.load` returns it.
        root
            The project's root, from which the settings name files.

        Raises
        ------
        ScenarioError
            If the scenario has no support desk, or its task no text field.
        """
        settings = scenario.studies.support_desk
        texts = [name for name, kind in scenario.task.fields.items() if kind == "text"]
        if settings is None or not texts:
            missing = "studies.support_desk" if settings is None else "a text among task.fields"
            raise ScenarioError(f"{scenario.name} has no support desk: {missing} is missing in its scenario.")
        table = authored.read(root / settings.titles, "intent", "title_en", "title_zh")
        titles = {name: dict(zip(table["intent"], table[f"title_{name}"], strict=True)) for name in ("en", "zh")}
        return cls(settings, texts[0], model, titles)

    def title(self, intent: str, language: str = "en") -> str:
        """Return what a customer reads of an intent; of one without a title, its name in words."""
        return self.titles.get(language, {}).get(intent) or intent.replace("_", " ").capitalize()

    def reply(self, conversation: Conversation, text: str, minutes: float = 0.0) -> Reply:
        """Return what the desk says to a text; nothing is kept, so the same conversation gives the same reply.

        Parameters
        ----------
        conversation
            The turns before.
        text
            What the customer writes, already masked.
        minutes
            Expected minutes until a person writes, where somebody knows.
        """
        if self.abuse is not None and self.abuse.harmful(text):
            return Reply("decline", SAID["decline"], reasons=("The text is harmful or abusive.",))
        probability = self.model.answer(pd.DataFrame({self.field: [text]})).probability[0]
        order = np.argsort(-probability, kind="stable")[:3]
        intents = tuple(self.model.classes[at] for at in order)
        best = float(probability[order[0]])
        spent = policy.expected(Evidence(best, float(probability[order].sum())), self.settings.costs, minutes)
        act = policy.choose(spent)
        reasons = (f"The intent is {intents[0]} with probability {best:.2f}.",)
        found = self.templates.best(text) if self.templates and act == "answer" else None
        return Reply(
            act,
            found.answer if found else SAID.get(act, self.title(intents[0])),
            options=intents if act == "clarify" else (),
            intent=intents[0],
            confidence=best,
            costs={name: float(cost) for name, cost in spent.items()},
            reasons=reasons,
            about=text,
        )
