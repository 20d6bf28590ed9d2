"""Where things are: the folders of one project, found from wherever one stands in it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from loopbook.scenario.errors import LoopbookError


@dataclass(frozen=True)
class Project:
    """A checkout of the template: the folder that holds ``notebooks/scenarios``.

    ``LOOPBOOK_DATA`` and ``LOOPBOOK_REPORTS`` move data and reports elsewhere, to another disk for instance;
    `data_at` and `reports_at` go before them, in a process that works for another one.
    """

    root: Path
    data_at: Path | None = None
    reports_at: Path | None = None

    @classmethod
    def find(cls, start: Path | None = None) -> Self:
        """Return the project around `start` (None: ``LOOPBOOK_PROJECT``, or the current folder).

        Raises
        ------
        LoopbookError
            If no folder on the way up holds ``notebooks/scenarios``.
        """
        begin = (start or Path(os.environ.get("LOOPBOOK_PROJECT") or Path.cwd())).resolve()
        for folder in (begin, *begin.parents):
            if (folder / "notebooks" / "scenarios").is_dir():
                return cls(folder)
        raise LoopbookError(
            f"{begin} is not inside a Loopbook project: no folder above it holds notebooks/scenarios. "
            "Change into the project, or name it in LOOPBOOK_PROJECT."
        )

    @property
    def notebooks(self) -> Path:
        return self.root / "notebooks"

    @property
    def scenarios(self) -> Path:
        return self.notebooks / "scenarios"

    @property
    def lock(self) -> Path:
        return self.root / "requirements.lock"

    @property
    def data(self) -> Path:
        return self.data_at or Path(os.environ.get("LOOPBOOK_DATA") or self.root / "data")

    @property
    def reports(self) -> Path:
        return self.reports_at or Path(os.environ.get("LOOPBOOK_REPORTS") or self.root / "reports")

    @property
    def reports_lock(self) -> Path:
        """Held by whoever builds the site or takes pages away."""
        return self.reports / ".lock"

    @property
    def raw(self) -> Path:
        return self.data / "raw"

    @property
    def store(self) -> Path:
        return self.data / "store"

    @property
    def work(self) -> Path:
        return self.data / "work"

    @property
    def state(self) -> Path:
        return self.data / "state"

    @property
    def drafts(self) -> Path:
        return self.data / "drafts"

    @property
    def cache(self) -> Path:
        """What was read of the code, by its content; made again when it is not there."""
        return self.data / "cache"

    @property
    def reproduced(self) -> Path:
        """Where runs are repeated, each in a data folder of its own."""
        return self.data / "reproduced"

    @property
    def runs(self) -> Path:
        return self.store / "runs"
