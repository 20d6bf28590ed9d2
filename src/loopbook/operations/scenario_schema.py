"""JSON Schema of a scenario file, for editors."""

from typing import Any

from loopbook.scenario.contract import Scenario
from loopbook.statistics import metrics


def schema() -> dict[str, Any]:
    """Return the JSON Schema; a profile may repeat any section in part, criteria may name what 04 records."""
    document = Scenario.model_json_schema()
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    names = dict.fromkeys(name for task in metrics.PRIMARY for name in metrics.reported(task))
    examples = [f"test_{name}{end}" for name in names for end in ("", "_low", "_high")]
    document["$defs"]["Criterion"]["properties"]["metric"]["examples"] = examples
    return document
