"""Hash chain: canonical JSON, and a record's hash over all that it says and the hash of the record before it."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
"""What the first record of a chain has for a previous hash."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


def canonical(value: Any) -> str:
    """Return a plain value as canonical JSON: keys sorted, no spaces, ASCII, the shortest digits of each float.

    Raises
    ------
    ValueError, TypeError
        If it is no plain value, or holds a number that is none.
    """
    return _ENCODER.encode(value)


def sha256(text: str) -> str:
    """Return the SHA-256 of a text in hexadecimal digits; bytes that are no UTF-8, as read, count as they are."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def record_hash(
    *,
    agent: str,
    writer: str,
    seq: int,
    kind: str,
    id: str,
    key: str | None,
    written: str,
    facts: str,
    payload_digest: str | None,
    previous: str,
) -> str:
    """Return the hash of a record; `facts` is canonical JSON."""
    return sha256(canonical([agent, writer, seq, kind, id, key, written, sha256(facts), payload_digest, previous]))


def payload_digest(salt: str, payload: str) -> str:
    """Return the digest of a payload, canonical JSON, under a salt of 32 hexadecimal digits."""
    return sha256(salt + payload)


def stamp(moment: datetime) -> str:
    """Return a moment as the log writes it, in UTC to the microsecond."""
    return moment.astimezone(UTC).strftime(_TIME)


def moment(stamp: str) -> datetime:
    """Return the moment that a stamp names.

    Raises
    ------
    ValueError
        If it is no stamp.
    """
    return datetime.strptime(stamp, _TIME).replace(tzinfo=UTC)
