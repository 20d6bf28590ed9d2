"""What the runner hands to a notebook: one file, named in the environment of the notebook's kernel."""

import os
from pathlib import Path
from typing import Any

from pydantic import Field

from loopbook.scenario.settings import Settings

VARIABLE = "LOOPBOOK_JOB"
OUTPUTS, RESULTS, MEASUREMENTS, PARAMETERS = "outputs.json", "results.json", "measurements.json", "parameters.json"
PROGRESS, USES = "progress.txt", "uses.json"
"""Files that a notebook leaves in its folder of work. The last: what it took from the store by its own key, such as
``fits/<key>``; kept as long as the stage is."""


class Job(Settings):
    """A stage to execute: what it is given, where its inputs lie, where it works."""

    stage: str
    candidate: str | None = None
    given: dict[str, Any] = Field(default_factory=dict, description="given values by dotted name")
    inputs: dict[str, str] = Field(default_factory=dict, description="paths of what is read")
    gathered: dict[str, dict[str, str]] = Field(default_factory=dict, description="paths by name and candidate")
    carried: dict[str, Any] = Field(default_factory=dict, description="what the round carries, by name")
    work: str
    by_hand: bool = Field(False, description="a person repeats a failed job; nothing of it enters the store")

    def save(self, path: Path) -> None:
        """Write the job where the kernel finds it, readable by its owner only, as what it carries is."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(self.model_dump_json(indent=1), encoding="utf-8")


def read(path: Path) -> Job:
    """Return the job that was saved there."""
    return Job.model_validate_json(path.read_text(encoding="utf-8"))


def from_environment() -> Job | None:
    """Return the job of this kernel, or None if the notebook was opened by hand."""
    path = os.environ.get(VARIABLE)
    return read(Path(path)) if path else None
