"""The scenario: what one agent is. A YAML file is read into this model, strictly.

Each stage's settings stand in a file of their own beside this one, and a phase imports its own. Their flat values are
the notebook's parameters, so that the parameters cell, ``--help``, the JSON Schema and the report's parameter table
have one source.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from loopbook.scenario.ablation import AblationSettings
from loopbook.scenario.alerting import AlertSettings
from loopbook.scenario.data import DataSettings
from loopbook.scenario.decisions import DecisionsSettings
from loopbook.scenario.feedback import FeedbackSettings
from loopbook.scenario.monitoring import MonitoringSettings
from loopbook.scenario.optimization import OptimizationSettings
from loopbook.scenario.requirements import RequirementsSettings
from loopbook.scenario.service import ServiceSettings
from loopbook.scenario.settings import Settings, refuse
from loopbook.scenario.source import Source
from loopbook.scenario.stories import Criterion, Story
from loopbook.scenario.studies import StudiesSettings
from loopbook.scenario.task import AnyTask, Ranking
from loopbook.scenario.training import TrainingSettings
from loopbook.scenario.watch import WatchSettings

PROFILES = ("smoke", "standard", "full")
Profile = Literal["smoke", "standard", "full"]


class Scenario(Settings):
    """One agent: everything that its notebooks are parameterised with, by section."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    description: str = Field(description="what the agent does, in one or two sentences for a manager")
    currency: str = "EUR"
    stories: Annotated[tuple[Story, ...], Field(strict=False)] = ()
    task: AnyTask
    source: Source
    requirements: RequirementsSettings = RequirementsSettings()
    data: DataSettings = DataSettings()
    training: TrainingSettings
    optimization: OptimizationSettings = OptimizationSettings()
    decisions: DecisionsSettings = DecisionsSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    feedback: FeedbackSettings = FeedbackSettings()
    alerts: AlertSettings = AlertSettings()
    studies: StudiesSettings = StudiesSettings()
    ablation: AblationSettings = AblationSettings()
    service: ServiceSettings = ServiceSettings()
    watch: WatchSettings = WatchSettings()
    profiles: dict[Profile, dict[str, Any]] = Field(default_factory=dict, description="what a profile changes")

    @property
    def simulated(self) -> bool:
        """Whether the data is made by a simulation; shown wherever the data is."""
        return self.source.kind in ("simulation", "shop")

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """Files and folders that are named besides the source: the section, and the path from the project's root."""
        behaviour, desk = self.studies.behaviour, self.studies.support_desk
        named = {
            "requirements": self.requirements.survey,
            "feedback": self.feedback.file,
            "studies.behaviour": behaviour.tests if behaviour else None,
        }
        desk_files = [("studies.support_desk", path) for path in (desk.files if desk else ())]
        candidates = [("training", path) for one in self.training.chosen.values() for path in one.files]
        return (*((section, path) for section, path in named.items() if path is not None), *desk_files, *candidates)

    @property
    def segments(self) -> tuple[str, ...]:
        """Columns whose values part the rows: those that are watched, protected attributes, and categories."""
        categories = (name for name, kind in self.task.fields.items() if kind == "category")
        columns = (
            name for name in self.monitoring.segments if name not in self.task.also
        )  # predicted, not in the rows
        return tuple(dict.fromkeys((*columns, *self.source.protected, *categories)))

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        return tuple(criterion for story in self.stories for criterion in story.criteria)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        source, splits = self.source, self.data.splits
        of_rows = {"time": "time", "group": "group"}.get(splits.by, "")
        ids = [criterion.id for criterion in self.criteria] + [story.id for story in self.stories]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        later = getattr(source, "later_days", 0)
        told = self.monitoring.sentiment
        known = {self.task.label.column: self.task.label.classes} if self.task.type == "multiclass" else {}
        known |= {name: output.classes for name, output in self.task.also.items()}
        classes = known.get(told.output, ()) if told else ()
        strange = sorted({*told.negative, *told.positive} - {*classes}) if told and classes else []
        hidden = {source.truth, *source.protected} & {*self.task.fields, *self.task.learned}
        refuse(
            (twice, f"story and criterion ids must differ; used twice: {', '.join(twice)}"),
            (
                of_rows and getattr(source, of_rows) is None,
                f"data.splits.by is {splits.by!r}, so the source must name its {of_rows} column (source.{of_rows})",
            ),
            (
                splits.by == "last" and not isinstance(self.task, Ranking),
                "data.splits.by is 'last', each user's last part, and the task is no ranking: it has no users",
            ),
            (
                (self.data.weak_labels or self.data.unlabelled_rows) and self.task.type == "number",
                "data.weak_labels and .unlabelled_rows are for classes, and the task is a number; set them to false",
            ),
            *(
                (
                    self.task.type == "number" and any(getattr(recipe, name) for recipe in self.training.recipes),
                    f"training.{name} is about classes, and the task is a number, which has none; leave it out",
                )
                for name in ("class_weights", "label_smoothing", "focal", "fairness")
            ),
            *(
                (
                    recipe.fairness and recipe.fairness_by not in source.protected,
                    f"training.fairness is {recipe.fairness:g} and needs groups: training.fairness_by must be one of "
                    f"source.protected ({', '.join(source.protected) or 'none'}), not {recipe.fairness_by!r}",
                )
                for recipe in self.training.recipes
            ),
            (
                later and splits.by != "time",
                "source.later_days are for later rounds, so data.splits.by must be 'time'",
            ),
            (
                splits.windows > 1 and not splits.dates and bool(later) == bool(splits.held_back),
                f"data.splits.windows is {splits.windows}, so rows must be kept for later rounds in one way: by "
                "data.splits.dates, data.splits.held_back (a share of the rows) or, of a simulation, source.later_days",
            ),
            (
                later and splits.windows == 1,
                "source.later_days are for later rounds, so data.splits.windows must be 2 or more",
            ),
            (
                self.optimization.cv_repeats and splits.by in ("time", "last"),
                f"optimization.cv_repeats deals rows anew whatever their time, but data.splits.by is {splits.by!r}: a "
                "model would learn from the future. Set it to 0, or split by group or stratum",
            ),
            (
                told and told.output not in known,
                f"monitoring.sentiment.output is {told and told.output!r}, which is no output of classes; there are: "
                f"{', '.join(known) or 'none'}",
            ),
            (strange, f"monitoring.sentiment names classes that its output does not have: {', '.join(strange)}"),
            (
                hidden,
                "truth and protected columns must be neither inputs nor the label: "
                f"{', '.join(sorted(map(str, hidden)))}",
            ),
        )
        return self
