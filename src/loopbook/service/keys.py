"""API keys: who may call, and as what; stored as digests, told once, revoked in every worker within seconds."""

import hashlib
import hmac
import re
import secrets
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, get_args

from sqlalchemy import Column, Engine, MetaData, String, Table, Text, insert, select, update

from loopbook.decisions.audit import entry
from loopbook.decisions.audit.database import writing
from loopbook.decisions.audit.entry import Entry
from loopbook.decisions.audit.writer import Writer
from loopbook.scenario.errors import LoopbookError, suggest
from loopbook.service.errors import Refused

Role = Literal["caller", "reviewer", "admin"]
ROLES: dict[Role, str] = {
    "caller": "asks for decisions; reads, explains and answers about its own",
    "reviewer": "reads, explains and answers about every decision; asks for none",
    "admin": "everything",
}

METADATA = MetaData()
KEYS = Table(
    "service_keys",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("agent", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("revoked", Text),
)
"""A key is for one agent. `digest` is the SHA-256 of the secret: 256 random bits cannot be guessed, so a slow hash
(as passwords need) would add nothing but its price, a thousand times a second."""

SECONDS = 2.0
"""Age at which a worker reads the keys again: a revoked key works no longer than that."""

_FORM = re.compile(r"lb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NOBODY = "0" * 64
SOON = 0.05
"""Seconds: how often an unknown key may make a worker read the keys again, so a new one is known after so many."""


@dataclass(frozen=True)
class Caller:
    """Who calls: the name of a key, which several keys may share while one takes the place of another, and the role."""

    name: str
    role: str
    key_id: str


@dataclass(frozen=True)
class Key:
    """A key as it is listed: all but the secret, which nobody has but who was told."""

    id: str
    name: str
    role: str
    created: str
    created_by: str
    revoked: str | None


def create(engine: Engine, agent: str, name: str, role: str, by: str) -> str:
    """Return a new key, which is stored nowhere; the act stands in the log.

    Parameters
    ----------
    engine
        Of the log.
    agent
        Which agent it is for, as in the log: scenario/profile.
    name
        Who calls by it; stands in each record.
    role
        One of `ROLES`.
    by
        Who creates it.

    Raises
    ------
    LoopbookError
        If the name or the role is none.
    """
    if role not in get_args(Role):
        raise LoopbookError(f"There is no role {role!r}.{suggest(role, ROLES)}")
    if not _NAME.fullmatch(name):
        raise LoopbookError(
            f"A key's name is letters, digits, dots, hyphens and underscores, at most 64: not {name[:80]!r}. "
            "It stands in the log for ever, so name a system, not a person."
        )
    id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    # The log comes first: an act that was noted and not done harms nobody.
    _note(engine, agent, entry.admin("key-created", by=by, key_id=id, name=name, role=role))
    row = {"id": id, "agent": agent, "name": name, "role": role, "digest": _digest(secret)}
    with writing(engine) as connection:
        connection.execute(insert(KEYS).values(**row, created=_now(), created_by=by))
    return f"lb_{id}_{secret}"


def listed(engine: Engine, agent: str) -> list[Key]:
    """Return an agent's keys, revoked ones too, the oldest first."""
    columns = [KEYS.c[name] for name in Key.__dataclass_fields__]
    with engine.connect() as connection:
        rows = connection.execute(select(*columns).where(KEYS.c.agent == agent).order_by(KEYS.c.created, KEYS.c.id))
        return [Key(**row._mapping) for row in rows]


def revoke(engine: Engine, agent: str, which: str, by: str) -> list[Key]:
    """Revoke a key by its id, or all keys of a name; return them.

    Raises
    ------
    LoopbookError
        If there is none that still holds.
    """
    known = listed(engine, agent)
    found = [key for key in known if which in (key.id, key.name) and key.revoked is None]
    if not found:
        was = " It was revoked before." if any(which in (key.id, key.name) for key in known) else ""
        ids = [name for key in known if key.revoked is None for name in (key.id, key.name)]
        raise LoopbookError(f"No key of {agent} called {which!r} holds.{was}{suggest(which, ids)}")
    _note(engine, agent, *(entry.admin("key-revoked", by=by, key_id=key.id, name=key.name) for key in found))
    with writing(engine) as connection:
        connection.execute(update(KEYS).where(KEYS.c.id.in_([key.id for key in found])).values(revoked=_now()))
    return found


class Keyring:
    """The keys of one agent as a worker knows them: read again when they are older than `seconds`."""

    def __init__(self, engine: Engine, agent: str, seconds: float = SECONDS) -> None:
        self._engine, self._agent, self._seconds = engine, agent, seconds
        self._known: Mapping[str, tuple[str, Caller]] = {}
        self._read = float("-inf")
        self._lock = threading.Lock()

    def current(self, header: str | None) -> bool:
        """Say whether this header can be checked without reading the keys first."""
        age = time.monotonic() - self._read
        return age < self._seconds and (age < SOON or header is None or _parts(header)[0] in self._known)

    def refresh(self) -> None:
        """Read the keys; it waits for the database. Whoever comes while another reads takes what that one finds."""
        asked = time.monotonic()
        with self._lock:
            if self._read >= asked:
                return
            begun = time.monotonic()
            columns = KEYS.c["id", "name", "role", "digest"]
            query = select(*columns).where(KEYS.c.agent == self._agent, KEYS.c.revoked.is_(None))
            with self._engine.connect() as connection:
                rows = list(connection.execute(query))
            self._known = {row.id: (row.digest, Caller(row.name, row.role, row.id)) for row in rows}
            self._read = begun

    def holder(self, id: str) -> Caller | None:
        """Return who has a key, by its id; None: it is unknown, or was revoked."""
        return self._known.get(id, ("", None))[1]

    def check(self, header: str | None, roles: Collection[str]) -> Caller:
        """Return who calls.

        Parameters
        ----------
        header
            The request's ``Authorization``.
        roles
            Who may.

        Raises
        ------
        Refused
            401 without a key that holds, 403 if its role may not.
        """
        if header is None:
            raise Refused(401, "An API key is needed: Authorization: Bearer lb_…", _ASK)
        id, secret = _parts(header)
        digest, caller = self._known.get(id, (_NOBODY, None))
        # Compared for unknown ids too, and without stopping at the first difference: the time tells nothing.
        if not hmac.compare_digest(_digest(secret), digest) or caller is None:
            raise Refused(401, "The API key is unknown or was revoked.", _ASK)
        if caller.role not in roles:
            raise Refused(403, f"A key with the role {caller.role} may not do this; {' or '.join(roles)} may.")
        return caller


_ASK = {"WWW-Authenticate": 'Bearer realm="loopbook"'}


def _parts(header: str) -> tuple[str, str]:
    """Return id and secret of an ``Authorization`` header; empty texts if it holds no key."""
    scheme, _, text = header.partition(" ")
    found = _FORM.fullmatch(text.strip()) if scheme.lower() == "bearer" else None
    return (found[1], found[2]) if found else ("", "")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _note(engine: Engine, agent: str, *acts: Entry) -> None:
    with Writer(engine, agent) as writer:
        writer.append(acts).result()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
