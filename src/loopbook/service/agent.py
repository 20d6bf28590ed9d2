"""The served agent: a run's champion through ONNX Runtime, and its policy; requests in, entries of the log out."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import numpy as np
import pandas as pd

from loopbook.data import cleaning, parsing, row_checks, validation
from loopbook.decisions import explanation, policies
from loopbook.decisions.agent import Agent
from loopbook.decisions.audit.entry import Entry, agent_name, new_id
from loopbook.decisions.building import Plan
from loopbook.decisions.listing import Listing
from loopbook.decisions.log import Decision
from loopbook.decisions.policies import Policy, Review, Ruled, Threshold
from loopbook.decisions.replay import Budget
from loopbook.desk.desk import Desk
from loopbook.desk.outside import Outside
from loopbook.models.answers import Answers
from loopbook.models.shipping.bundle import OnnxModel
from loopbook.privacy import personal_data
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.series import Series
from loopbook.scenario.task import Ranking
from loopbook.service import readings
from loopbook.service.deciding import Unanswerable
from loopbook.statistics import conformal, targets
from loopbook.store import challengers, content, origin
from loopbook.store.lookup import again, artifact, digest, newest
from loopbook.store.project import Project
from loopbook.store.records import Run

REVISION = "LOOPBOOK_REVISION"
"""Names the revision of the code, where there is no git."""

Request = Mapping[str, Any]
"""What a caller asks: `fields` by name, or of a series `readings`; where known, `id`, `time` and `attributes`."""

_PERSONAL = ("decision_id", "row_id", "time")  # of a decision, what came from a person or tells it


@dataclass(frozen=True, eq=False)
class Served:
    """An agent that is served.

    Attributes
    ----------
    project, scenario, profile
        Whose it is; the scenario is that of the run, whatever its file says now.
    run
        The record of the run that made it.
    agent
        Plan, policy and champion; nobody is its reviewer, so that what it asks a person stays open.
    versions
        Of what decides: `model`, `policy`, `rules`, `data` (digests), `code` (revision), `run`; of a challenger
        on trial also `challenger`, its digest.
    model
        The champion, by which the agent reasons.
    """

    project: Project
    scenario: Scenario
    profile: str
    run: Run
    agent: Agent
    versions: Mapping[str, str]
    model: OnnxModel

    @classmethod
    def load(cls, project: Project, scenario: str, profile: str) -> Self:
        """Return the agent of the newest good run under the current snapshot.

        Raises
        ------
        MissingInput
            If there is no good run; the message says what to type.
        LoopbookError
            If the champion was not exported to ONNX.
        """
        return cls.of(project, newest(project, scenario, profile))

    @classmethod
    def of(cls, project: Project, run: Run, challenger: str = "") -> Self:
        """Return the agent that a run made; or its challenger that was put on trial, named by its digest."""
        scenario = Scenario.model_validate_json(json.dumps(run.resolved))
        kept = challengers.find(project, challenger) if challenger else None
        model = OnnxModel.load(kept / challengers.ONNX if kept else bundle(project, run))
        policy = policies.load(content.load(kept / challengers.POLICY if kept else artifact(project, run, "policy")))
        train = pd.read_parquet(artifact(project, run, "train"), columns=["label"])
        plan = Plan(
            scenario.task,
            scenario.decisions,
            policy.rules if isinstance(policy, Ruled) else {},
            targets.classes(train["label"], scenario.task),
        )
        agent = Agent(
            scenario.name,
            plan,
            lambda rows: model.answer(rows).aligned(plan.classes),
            policy,
            content.read_json(kept / challengers.ABOUT)["model"] if kept else digest(run, "champion"),
            scenario.decisions.review_capacity,
        )
        names = dict(zip(("model", "policy", "rules"), agent.versions, strict=True))
        versions = {
            **names,
            "data": digest(run, "train"),
            "code": _code(project.root),
            "run": f"{run.scenario}/{run.run}",
            **({"challenger": challenger} if challenger else {}),
        }
        return cls(project, scenario, run.profile, run, agent, versions, model)

    @property
    def name(self) -> str:
        """Under which its entries stand in the log."""
        return agent_name(self.scenario.name, self.profile)

    @property
    def policy(self) -> Policy:
        return self.agent.policy

    @cached_property
    def threshold(self) -> float | None:
        """Of two classes, the probability from which the policy acts; None: it has none that can be reached."""
        base = self.policy.base if isinstance(self.policy, Ruled) else self.policy
        found = base.threshold if isinstance(base, Threshold | Review) else None
        return found if found is not None and found <= 1 else None

    @cached_property
    def desk(self) -> Desk:
        """The support desk, if the scenario has one: the champion knows the intents, the run's rows what is outside."""
        train, held = (pd.read_parquet(artifact(self.project, self.run, name)) for name in ("train", "validation"))
        work = self.project.work  # an image may be read-only: then each worker reads the rows anew
        cache = work / "embeddings" if os.access(work, os.W_OK) else None
        known = Outside.of(self.model, train, held, cache)
        return Desk.of(self.scenario, self.model, self.project.root, known, cache)

    @cached_property
    def listing(self) -> Listing:
        """What makes lists, if the scenario has them: the ranker that notebook 14 wrote, over the run's rows."""
        return Listing.load(self.scenario, lambda name: artifact(self.project, self.run, name))

    @cached_property
    def card(self) -> dict[str, Any] | None:
        """What is written of the champion beside it."""
        file = artifact(self.project, self.run, "champion") / "onnx" / "model_card.json"
        return dict(content.read_json(file)) if file.is_file() else None

    @cached_property
    def runtime(self) -> Mapping[str, str]:
        """What computes: it moves the last digits of scores."""
        processor = str(origin.hardware()["processor"])
        return {"onnxruntime": metadata.version("onnxruntime"), "processor": processor}

    @property
    def series(self) -> Series | None:
        """Of readings, if rows are windows of them."""
        return getattr(self.scenario.source, "series", None)

    @cached_property
    def per_step(self) -> int:
        """Places of a step on the even grid of the windows that the run has learned from."""
        origin = content.load(artifact(self.project, self.run, "dataset_card"))["origin"]
        if "per_step" not in origin:
            command = again(self.run.scenario, self.run.profile)
            raise LoopbookError(f"Run {self.run.run} does not say how it cut readings into windows: {command}")
        return int(origin["per_step"])

    @cached_property
    def usual(self) -> dict[str, Any]:
        """Typical values of the table fields, for explanations."""
        return explanation.typical(pd.read_parquet(artifact(self.project, self.run, "validation")), self.scenario.task)

    def clean(self, request: Request, received: datetime) -> dict[str, Any]:
        """Return what is kept of a request: `row_id`, `time`, `fields` and `attributes`, cleaned and masked as in 02.

        Parameters
        ----------
        received
            Its time, if it has none.

        Raises
        ------
        Unanswerable
            If 02 would put it into quarantine: a number too large, no text at all, a time of a later
            day where nothing is simulated.
        """
        task, source = self.scenario.task, self.scenario.source
        fields, time, attributes = request["fields"], request.get("time"), request.get("attributes") or {}
        if self.series is not None and fields is None:
            time, fields = readings.features(request, received, self.series, self.per_step, self.scenario.simulated)
        row_id = request.get("id") or uuid4().hex
        if source.id in source.personal:
            row_id = personal_data.pseudonym(row_id, self.scenario.name)
        time = time or received
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        if not self.scenario.simulated and time.date() > received.date():
            raise Unanswerable(f"time is after {received.date()} (UTC), and nothing of the future can be decided on.")
        inputs = {name: self._value(name, kind, fields.get(name)) for name, kind in task.fields.items()}
        if task.text_fields and not any(inputs[name] for name in task.text_fields):
            raise Unanswerable(f"There is nothing to read in {', '.join(task.text_fields)}.")
        return {
            "row_id": row_id,
            "time": time.isoformat(timespec="microseconds"),
            "fields": inputs,
            "attributes": {
                name: self._value(name, "category" if isinstance(value, str) else "number", value)
                for name, value in attributes.items()
                if value is not None
            },
        }

    def _value(self, name: str, kind: str, value: Any) -> Any:
        """Return one value as 02 would have it."""
        source = self.scenario.source
        if name in source.personal:
            plain = "" if value is None else str(value).strip()
            return personal_data.pseudonym(plain, self.scenario.name) if plain else ""
        if kind == "number":
            if isinstance(value, int | float) and abs(value) > parsing.LARGEST:
                raise Unanswerable(f"{name} is larger than any number that models compute with.")
            return value
        return cleaning.mask_text(
            row_checks.field(value or "", name, kind, self.scenario.source, self.scenario.data.max_characters),
            self.scenario,
        )

    def frame(self, kept: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """Return rows to decide from what `clean` returned or the log has kept."""
        columns: dict[str, Any] = {"row_id": pd.array([row["row_id"] for row in kept], dtype="str")}
        for name, kind in self.scenario.task.fields.items():
            values = [row["fields"][name] for row in kept]
            columns[f"{name}_source" if name in validation.CANONICAL else name] = pd.array(
                values, dtype="float64" if kind == "number" else "str"
            )
        if isinstance(task := self.scenario.task, Ranking):  # an item that nobody names is a new one
            told = [row.get("attributes") or {} for row in kept]
            columns["query"] = pd.array([str(of.get(task.query) or "") for of in told], dtype="str")
            items = [str(of.get(task.item) or row["row_id"]) for of, row in zip(told, kept, strict=True)]
            columns["item"] = pd.array(items, dtype="str")
        return pd.DataFrame(columns)

    def prepare(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        """Return what is kept of requests, which is what the model will see."""
        received = datetime.now(UTC)
        return [self.clean(request, received) for request in requests]

    def decide(
        self,
        kept: Sequence[Mapping[str, Any]],
        budget: Budget,
        callers: Sequence[str] | None = None,
        keys: Sequence[str | None] | None = None,
    ) -> list[Entry]:
        """Decide, and return an entry of the log for each row, in their order.

        An entry's id is random; that of the decision (`decisions.log.decision_id`) follows from its payload's row id
        and its versions, so it would tell whoever guesses a row id that was forgotten.

        Parameters
        ----------
        kept
            What `prepare` returned, or the log's payloads.
        budget
            Remembers about how many decisions people were asked.
        callers, keys
            Who asked for each row, and under which key of idempotency.

        Raises
        ------
        Unanswerable
            If the model has no answer to one of them.
        """
        rows = self.frame(kept)
        said = self.agent.reason(rows)
        if not np.isfinite(said.probability).all():
            raise Unanswerable("The model has no answer to this: are the numbers in the unit that they had in train?")
        decided = self.agent.decide(rows, said, budget)
        shared: dict[str, Any] = {"versions": dict(self.versions), "runtime": dict(self.runtime)}
        if len(self.agent.plan.classes) == 2:
            shared["threshold"] = self.threshold
        asked = zip(callers or [""] * len(kept), keys or [None] * len(kept), strict=True)
        made, told = list(decided), _told(said)
        if self.series is not None:
            idle = self.agent.plan.actions[: self.agent.plan.prices.idle]
            for at in (at for at, decision in enumerate(made) if decision.action not in idle):
                told[at]["stood_out"] = self._stood_out(rows.iloc[[at]])
        return [
            Entry("decision", new_id(), {**_facts(decision), **facts, **shared, "caller": caller}, row, key)
            for decision, facts, row, (caller, key) in zip(made, told, kept, asked, strict=True)
        ]

    def _stood_out(self, row: pd.DataFrame) -> list[dict[str, Any]]:
        """Return which sensors stood out in a window."""
        assert self.series is not None
        return readings.stood_out(
            row, lambda some: self.agent.reason(some).explained, self.scenario.task, self.usual, self.series
        )


def bundle(project: Project, run: Run) -> Path:
    """Return the folder of a run's champion as it is served.

    Raises
    ------
    LoopbookError
        If it was not exported to ONNX.
    """
    folder = artifact(project, run, "champion") / "onnx"
    if not folder.is_dir():
        raise LoopbookError(
            f"The champion of {run.scenario}'s run {run.run} was not exported to ONNX, and the service runs without "
            "TensorFlow: set optimization.export to true in the scenario, and run it again: "
            f"{again(run.scenario, run.profile)}"
        )
    return folder


def _facts(decision: Decision) -> dict[str, Any]:
    return {name: value for name, value in vars(decision).items() if name not in _PERSONAL}


def _told(said: Answers) -> list[dict[str, Any]]:
    """Return what the model said of each row, as the log keeps it."""
    found: list[dict[str, Any]] = [
        {"scores": dict(zip(said.classes, p, strict=True))} for p in said.probability.tolist()
    ]
    for name, (classes, p) in said.also.items():
        for row, at, most in zip(found, p.argmax(axis=1).tolist(), p.max(axis=1).tolist(), strict=True):
            row.setdefault("also", {})[name] = {"label": classes[at], "probability": most}
    if said.value is not None and said.distribution is not None:
        levels = [f"{level:.2f}" for level in conformal.LEVELS]
        for row, value, quantiles in zip(found, said.value.tolist(), said.distribution.tolist(), strict=True):
            row |= {"value": value, "quantiles": dict(zip(levels, quantiles, strict=True))}
    return found


@lru_cache(maxsize=8)
def _code(root: Path) -> str:
    """Return the revision of the code that decides; with what is not committed, its hash behind a plus.

    An image has no git: it says from which revision it was built.
    """
    revision, changed = origin.code(root)
    if revision is None:
        return os.environ.get(REVISION) or f"loopbook {metadata.version('loopbook')}"
    return revision if changed is None else f"{revision}+{changed[:12]}"
