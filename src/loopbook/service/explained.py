"""Explanations on demand: one at a time in a worker, within the service's limit, and why there is none."""

import threading
from collections.abc import Mapping
from typing import Any

from loopbook.decisions.audit.entry import Stored
from loopbook.scenario.errors import LoopbookError
from loopbook.service.deciding import Deciding
from loopbook.service.errors import COME_BACK, LOG, Refused


class Explanations:
    """Explains stored decisions; called in a thread, for it takes up to ``service.explain_seconds``."""

    def __init__(self, behind: Deciding) -> None:
        self._behind, self._one = behind, threading.BoundedSemaphore(1)

    def __call__(self, stored: Stored) -> Mapping[str, Any]:
        """Return why a decision came out as it did; see `Deciding.explain`.

        Raises
        ------
        Refused
            503 if another is being explained, 409 if this one cannot be any more.
        """
        if not self._one.acquire(blocking=False):
            raise Refused(503, "Another decision is being explained; ask again.", COME_BACK)
        try:
            return self._behind.explain(stored, self._behind.scenario.service.explain_seconds)
        except LoopbookError as error:
            LOG.warning("decision %s is not explained: %s", stored.id, error)
            reason = "the versions that decided are served no longer, or what it was decided on was forgotten"
            raise Refused(409, f"This decision cannot be explained: {reason}.") from None
        finally:
            self._one.release()
