"""Sealed extract: what an agent has decided as a service and what was said of it, up to a watermark, for good.

It lies in the store like the result of a stage: whole or not at all, hashed, kept as long as a run names it. A run
sees the live log in no other way, so that what is decided meanwhile belongs to the next one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loopbook.store import content, vault
from loopbook.store.project import Project

SERVED, SAID, USED, TALKED, LISTED = "served", "said", "used", "conversations", "shown_lists"
PARTS = (SERVED, SAID, USED, TALKED, LISTED)
"""What stages carry by name: decisions, feedback on them, how people used the pages, a desk's conversations, lists."""

KIND = "sealed"
"""The folder of extracts in the store, and how an extract's parts are called among a stage's inputs."""

NOTHING = content.digest_json([])


@dataclass(frozen=True)
class Sealed:
    """One extract; of an agent that was never served the empty one.

    Attributes
    ----------
    key
        Its folder in the store; empty: nothing was served.
    digests
        Content digests of the parts that hold something, by name.
    """

    key: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)

    def digest(self, name: str) -> str:
        """Return the content digest of a part; it alone enters the key of a stage that carries it."""
        return self.digests.get(name, NOTHING)

    def part(self, name: str) -> str:
        """Return where a part lies inside the store; empty if it holds nothing."""
        return f"{KIND}/{self.key}/{name}.parquet" if name in self.digests else ""


def pointer(project: Project, scenario: str, profile: str) -> Path:
    """Return the file that names the newest extract of a scenario in a profile."""
    return project.state / KIND / scenario / f"{profile}.json"


def newest(project: Project, scenario: str, profile: str) -> tuple[Sealed, dict[str, Any]]:
    """Return the newest extract that is in the store, and what is noted of it; empty, if there is none."""
    file = pointer(project, scenario, profile)
    known = content.read_json(file) if file.is_file() else {}
    if not known.get("key") or not vault.use(project.store / KIND / known["key"]):
        return Sealed(), {}
    return Sealed(known["key"], known["digests"]), known


def load(project: Project, part: str) -> Any:
    """Return a part as a DataFrame, as it was sealed; without rows and columns if it holds nothing."""
    import pandas as pd

    return content.load(vault.checked(project.store / part)) if part else pd.DataFrame()
