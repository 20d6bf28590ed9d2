"""Entries of the log: what is to be written, and what was stored of it."""

import os
import platform
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loopbook.scenario.errors import LoopbookError
from loopbook.store.project import Project

ADDRESS = "LOOPBOOK_DATABASE"
"""Variable of the environment that names another database than the file inside the project."""
FILE = "service.sqlite"
KINDS = ("decision", "feedback", "admin", "shadow", "turn", "list")
OPENED, CLOSED, TOOK_OVER, FORGOT = "writer-opened", "writer-closed", "took-over", "forgot"
TRIAL_BEGAN, TRIAL_ENDED = "trial-began", "trial-ended"
"""The acts of admin entries that this log writes or reads itself."""


class LogError(LoopbookError):
    """An entry that could not be stored, or a log that cannot be read."""


@dataclass(frozen=True)
class Entry:
    """An entry for the log.

    Attributes
    ----------
    kind
        ``decision``, ``feedback``, ``admin``, ``shadow`` (what a challenger would have decided, for nobody),
        ``turn``: something that happened in a conversation, see `desk.records`; or ``list``, see `decisions.list_log`.
    id
        A decision's id, or one of its own. It stays when a person is forgotten, so it must not be computed from what
        can be guessed of a person; `new_id` gives a random one.
    facts
        Plain JSON, never personal, nor an unsalted digest of what is. ``decision_id`` names the decision that a
        feedback, an act or a shadow is about (of clicks the list), or the conversation that a turn belongs to.
    payload
        Plain JSON with what came from a person (row id, masked fields, attributes, comment); None if nothing did. It
        may be forgotten later.
    key
        Caller and idempotency key: an agent stores one entry under it, however often it is given. Only its digest is
        stored.
    """

    kind: str
    id: str
    facts: Mapping[str, Any]
    payload: Mapping[str, Any] | None = None
    key: str | None = None


@dataclass(frozen=True)
class Stored(Entry):
    """An entry as it stands in the log.

    Attributes
    ----------
    key
        Its digest.
    payload
        None also if it was forgotten; `payload_digest` then stays.
    agent, writer, seq
        Whose log it is, the chain (one for each start of a writing process), and the place in it, from 0.
    written
        When, in UTC.
    payload_digest
        SHA-256 of salt and payload; None if there never was a payload.
    previous, hash
        Hash of the record before it in its chain, and its own.
    duplicate
        In a writer's answer: the key was taken, and this is what had been stored under it before.
    """

    agent: str = ""
    writer: str = ""
    seq: int = 0
    written: datetime = datetime.min
    payload_digest: str | None = None
    previous: str = ""
    hash: str = ""
    duplicate: bool = False

    @property
    def forgotten(self) -> bool:
        """Whether there was a payload that is not there any more."""
        return self.payload is None and self.payload_digest is not None


def kept(project: Project) -> bool:
    """Say whether there is a log at all; nothing is imported for it that talks to a database."""
    return bool(os.environ.get(ADDRESS)) or (project.state / FILE).is_file()


def agent_name(scenario: str, profile: str) -> str:
    """Return under which name an agent's entries stand in the log: each profile of a scenario is an agent by itself."""
    return f"{scenario}/{profile}"


def new_id() -> str:
    """Return a random id of 20 hexadecimal digits."""
    return uuid.uuid4().hex[:20]


def about(id: str, facts: Mapping[str, Any]) -> str:
    """Return the id of the decision that an entry is about: its own, unless its facts name another."""
    return str(facts.get("decision_id", id))


def admin(act: str, **facts: Any) -> Entry:
    """Return the entry of an act of administration, such as ``admin("key-revoked", by="ann", key_id="k7")``."""
    return Entry("admin", new_id(), {"act": act, **facts})


def opened() -> Entry:
    """Return the first entry of each chain: which process writes it."""
    return admin(OPENED, process=os.getpid(), python=platform.python_version(), machine=platform.machine())


def closed() -> Entry:
    """Return the last entry of a chain whose writer ended gracefully."""
    return admin(CLOSED)


def took_over(versions: Mapping[str, str], **facts: Any) -> Entry:
    """Return the entry by which an agent says from when on it decides by these versions.

    Parameters
    ----------
    versions
        ``model``, ``policy``, ``rules``, ``data``, ``code`` and ``run`` (scenario/run): `audit champion` tells them,
        and what they name is kept.
    """
    return admin(TOOK_OVER, versions=dict(versions), **facts)
