"""Sessions of people: begun with an API key, kept in the database as digests, ended with the key's revocation."""

import hashlib
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import Column, Engine, Float, MetaData, String, Table, Text, delete, insert, select

from loopbook.decisions.audit.database import writing

METADATA = MetaData()
SESSIONS = Table(
    "people_sessions",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("agent", Text, nullable=False),
    Column("key_id", String(12), nullable=False),
    Column("csrf", String(43), nullable=False),
    Column("ends", Float, nullable=False),
)
"""`digest` is the SHA-256 of the token in the cookie, 256 random bits; `ends` is in Unix seconds. Who it is and what
they may follows from the key, each time anew."""


@dataclass(frozen=True)
class Session:
    """A session that holds: the key it was begun with, and the token that changing requests must bring."""

    key_id: str
    csrf: str


def begin(engine: Engine, agent: str, key_id: str, seconds: float) -> str:
    """Return the token of a new session, which is stored nowhere; sessions that have ended are cleared away."""
    token, now = secrets.token_urlsafe(32), time.time()
    row = {"digest": _digest(token), "agent": agent, "key_id": key_id, "csrf": secrets.token_urlsafe(32)}
    with writing(engine) as connection:
        connection.execute(delete(SESSIONS).where(SESSIONS.c.ends < now))
        connection.execute(insert(SESSIONS).values(**row, ends=now + seconds))
    return token


def find(engine: Engine, agent: str, token: str) -> Session | None:
    """Return the session of a token; None: there is none, or it has ended."""
    query = select(SESSIONS.c.key_id, SESSIONS.c.csrf).where(
        SESSIONS.c.digest == _digest(token), SESSIONS.c.agent == agent, SESSIONS.c.ends > time.time()
    )
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return Session(row.key_id, row.csrf) if row else None


def end(engine: Engine, token: str) -> None:
    """End a session; its token opens nothing any more."""
    with writing(engine) as connection:
        connection.execute(delete(SESSIONS).where(SESSIONS.c.digest == _digest(token)))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
