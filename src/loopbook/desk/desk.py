"""The support desk: a conversation and a text in, a reply out."""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from loopbook.desk import authored, composing, dialogues, documents, memory, policy
from loopbook.desk.abuse import Recogniser, in_danger
from loopbook.desk.parts import Abuse, Composer, Outside, Retrieval, Templates
from loopbook.desk.policy import Evidence
from loopbook.desk.retrieval import Index
from loopbook.desk.templates import PastDialogues
from loopbook.desk.turn import Citation, Conversation, Reply
from loopbook.desk.understanding import Meaning, Understanding
from loopbook.models.seen_rows import Learner
from loopbook.scenario.contract import Scenario
from loopbook.scenario.desk import DeskSettings
from loopbook.scenario.errors import ScenarioError

_log = logging.getLogger(__name__)

SAID = {
    "clarify": "I want to be sure that I answer the right thing. Which of these do you mean?",
    "hand_over": "I cannot answer that reliably. A person will take over and write to you here.",
    "decline": "I cannot help with that wording. If you have a question about your account, please ask it plainly.",
    "danger": "I am sorry that it is so hard. A person will write to you here as soon as possible. If you are in "
    "danger, please call the emergency number now.",
    "courtesy": "You are welcome. Just write if there is anything else.",
}
"""What the desk says besides answers."""


ABOUT = 0.08
"""Probability of the intent that the heading of a passage has at least, if it may answer."""

FITS = 0.5
"""Probability of the intent that a past question has at least, if its answer may be given again."""

_LOOKED, _READ = 8, 3  # passages that are looked at, and those that are read


class Answer(NamedTuple):
    """An answer at hand: its text, where its sentences stand, and where it is from."""

    text: str
    citations: tuple[Citation, ...]
    reason: str


@dataclass(frozen=True)
class Desk:
    """A desk at work.

    Attributes
    ----------
    settings
        The scenario's ``studies.support_desk``.
    understanding
        What reads texts.
    retrieval, composer
        Passages for a question, and an answer from them; without them the desk answers by templates alone.
    templates
        Answers of past dialogues; without them the desk answers from passages alone.
    abuse
        What recognises harmful text; None: nothing does.
    """

    settings: DeskSettings
    understanding: Understanding
    retrieval: Retrieval | None = None
    composer: Composer | None = None
    templates: Templates | None = None
    abuse: Abuse | None = None

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        model: Learner,
        root: Path,
        outside: Outside | None = None,
        cache: Path | None = None,
        progress: Callable[[str], object] | None = None,
    ) -> Self:
        """Return the desk of a scenario.

        Parameters
        ----------
        scenario
            Has ``studies.support_desk``.
        model
            As `serving.load` returns it.
        root
            The project's root, from which the settings name files.
        outside
            What recognises questions of no intent, learned from the run's train and validation; None: nothing does.
        cache, progress
            The sentence encoder's: where embeddings of documents and past dialogues are kept, and who is told.

        Raises
        ------
        ScenarioError
            If the scenario has no support desk, or its task no text field.
        DataError
            If a file that the settings name is missing or broken.
        """
        settings = scenario.studies.support_desk
        texts = [name for name, kind in scenario.task.fields.items() if kind == "text"]
        if settings is None or not texts:
            missing = "studies.support_desk" if settings is None else "a text among task.fields"
            raise ScenarioError(f"{scenario.name} has no support desk: {missing} is missing in its scenario.")
        table = authored.read(root / settings.titles, "intent", "title_en", "title_zh")
        titles = {name: dict(zip(table["intent"], table[f"title_{name}"], strict=True)) for name in ("en", "zh")}
        authored_dialogues = dialogues.read(root / settings.conversations)
        dialogue_memory = dialogues.memory(authored_dialogues, model, texts[0])
        understanding = Understanding(model, texts[0], titles, outside, settings.outside_level, dialogue_memory)
        folder = documents.read(root / settings.documents, progress)
        for said in folder.left_out:
            _log.warning("%s", said)
        asked = authored.read(root / settings.retrieval, "part", "question", "document", "heading")
        known = asked.loc[asked["part"] == "known", ["question", "document", "heading"]].itertuples(index=False)
        index = Index.of(folder.sections, cache, progress, understanding.probabilities, list(known))
        past = authored.read(root / settings.dialogues, "question", "answer", "rating")
        lines = authored.read(root / settings.abuse, "text", "harmful")
        usual = [*past["question"], *past["answer"], *dialogues.ordinary(authored_dialogues)]
        usual += [*authored.read(root / settings.outside, "text")["text"], *(each.text for each in folder.sections)]
        abuse = Recogniser.of(lines, documents.sentences("\n".join(usual)), cache, progress)
        composer = composing.composer(index, settings.generator)
        return cls(settings, understanding, index, composer, PastDialogues.of(past, cache, progress), abuse)

    def title(self, intent: str, language: str = "en") -> str:
        """Return what a customer reads of an intent; of one without a title, its name in words."""
        return self.understanding.title(intent, language)

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
        if in_danger(text):
            reason = "The customer may be in danger: please write first, and name the crisis line."
            return Reply("hand_over", SAID["danger"], reasons=(reason,), about=text)
        if self.abuse is not None and self.abuse.harmful(text):
            return Reply("decline", SAID["decline"], reasons=("The text is harmful or abusive.",))
        kind = memory.kind(text)
        if kind == "courtesy":
            return Reply("answer", SAID["courtesy"], confidence=1.0, reasons=("The text is only polite.",), about=text)
        meaning = self.understanding.read(conversation, text)
        if kind == "person" or meaning is None:
            reason = "The customer asks for a person." if meaning else "Nothing of what was offered is meant."
            began = memory.subject(conversation) if meaning else None
            intent, about = (began.reply.intent, f"{began.reply.about} {text}") if began else (None, text)
            return Reply("hand_over", SAID["hand_over"], intent=intent, reasons=(reason,), about=about)
        return self._decided(conversation, text, meaning, minutes)

    def _decided(self, conversation: Conversation, text: str, meaning: Meaning, minutes: float) -> Reply:
        classes, p = self.understanding.model.classes, meaning.probability
        best = int(p.argmax())
        intent = classes[best] if p[best] > 0 else None
        asked_back = bool(conversation.turns) and conversation.turns[-1].reply.act == "clarify"
        offers = () if asked_back else policy.offers(p)
        asked = (meaning.about, f"{self.title(classes[best])}: {text}")
        answer = self._answer(conversation, asked, best) if intent else None
        if answer and self.abuse is not None and self.abuse.harmful(answer.text):
            answer = None
        right = float(p[best]) if answer else None
        # Asking back is of no use for an intent without an answer.
        served = [at for at in offers if at != best or answer]
        evidence = Evidence(right, float(p[served].sum()) if offers else None)
        spent = policy.expected(evidence, self.settings.costs, minutes)
        act = policy.choose(spent)
        reasons = [*meaning.reasons, f"The intent is {intent} with probability {p[best]:.2f}."]
        reasons += [answer.reason if answer else "No answer is at hand."] if intent else []
        return Reply(
            act,
            answer.text if act == "answer" and answer else SAID[act],
            citations=answer.citations if act == "answer" and answer else (),
            options=tuple(classes[at] for at in offers) if act == "clarify" else (),
            intent=intent,
            confidence=right or 0.0,
            costs={name: float(cost) for name, cost in spent.items()},
            reasons=tuple(reasons),
            about=meaning.about,
        )

    def _answer(self, conversation: Conversation, asked: Sequence[str], intent: int) -> Answer | None:
        """Return the answer at hand: the best-rated past one, or else one composed of passages; never one again.

        A question is asked in each of some ways until there is an answer.
        """
        said = {turn.reply.text for turn in conversation.turns}
        for question in asked:
            template = self.templates.best(question, said) if self.templates else None
            if template is not None:
                fit = float(self.understanding.probabilities([template.question])[0][intent])
                if fit >= FITS:
                    return Answer(template.answer, (), f"A past answer fits, rated {template.rating:g} of 5.")
        for question in asked:
            if citations := self._composed(question, said, intent):
                text = " ".join(citation.sentence for citation in citations)
                return Answer(text, tuple(citations), f"Composed from {citations[0].passage.address}.")
        return None

    def _composed(self, about: str, said: set[str], intent: int) -> Sequence[Citation]:
        """Return new sentences of passages whose heading is about the intent; none where there is no such passage."""
        if self.retrieval is None or self.composer is None:
            return ()
        found = self.retrieval.search(about, _LOOKED)
        headings = [re.sub(r"[-_.›]|md$|html$|txt$", " ", each.section) for each in found]
        fit = self.understanding.probabilities(headings)[:, intent] if found else ()
        near = [each for each, share in zip(found, fit, strict=True) if share >= ABOUT][:_READ]
        before = " ".join(said)
        return [one for one in self.composer.compose(about, near) if one.sentence not in before]
