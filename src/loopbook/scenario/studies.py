"""Studies: optional numbered notebooks; a run has those that its scenario names here, each with its settings."""

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from loopbook.scenario.alarms import AlarmsSettings
from loopbook.scenario.behaviour import BehaviourSettings
from loopbook.scenario.desk import DeskSettings
from loopbook.scenario.honest_numbers import HonestNumbersSettings
from loopbook.scenario.lists import ListsSettings
from loopbook.scenario.settings import Settings
from loopbook.scenario.small_models import SmallModelsSettings
from loopbook.scenario.unlabelled import UnlabelledSettings


class StudiesSettings(Settings):
    """Which studies are part of the run, and their settings; a name alone (``name:``) has the defaults."""

    honest_numbers: HonestNumbersSettings | None = Field(None, description="learning curve, slices, label errors")
    small_models: SmallModelsSettings | None = Field(None, description="variants of the champion that cost less")
    unlabelled: UnlabelledSettings | None = Field(None, description="topics, and rows that are unlike train")
    behaviour: BehaviourSettings | None = Field(
        None, description="behavioural tests that people have written, robustness, completeness of attributions"
    )
    support_desk: DeskSettings | None = Field(
        None, description="conversations: answers from sources, clarifications, hand-over, and what a day of them costs"
    )

    alarms: AlarmsSettings | None = Field(None, description="of anomalies: where alarms begin, found, late, false")
    lists: ListsSettings | None = Field(None, description="of rankings: lists, what they are worth, and for whom")

    @property
    def named(self) -> tuple[str, ...]:
        """Names of the studies that are part of the run."""
        return tuple(name for name, settings in self if settings is not None)

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, values: Any) -> Any:
        """Read a name alone as a study with the defaults."""
        return {name: {} if of is None else of for name, of in values.items()} if isinstance(values, dict) else values

    @model_serializer(mode="wrap")
    def _named_only(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not named, so that what is written can be read again."""
        return {name: settings for name, settings in plain(self).items() if settings is not None}
