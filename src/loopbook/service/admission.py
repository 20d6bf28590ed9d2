"""Admission: who calls by an API key, whether they may, how much they have left, and what they send."""

import re

from anyio import to_thread
from fastapi import Request

from loopbook.scenario.service import ServiceSettings
from loopbook.service import limits
from loopbook.service.errors import Refused
from loopbook.service.keys import Caller, Keyring
from loopbook.service.limits import Allowance

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_JSON = "application/json"


class Admission:
    """What every request to the interface passes."""

    def __init__(self, keys: Keyring, allowance: Allowance, settings: ServiceSettings) -> None:
        self._keys, self._allowance, self._settings = keys, allowance, settings

    async def admit(self, request: Request, *roles: str) -> Caller:
        """Return who calls, if they may."""
        header = request.headers.get("authorization")
        if not self._keys.current(header):
            await to_thread.run_sync(self._keys.refresh)
        return self._keys.check(header, roles)

    async def allow(self, caller: Caller, many: int) -> None:
        """Take from what a caller has left."""
        if not self._allowance.take(caller.name, many):
            await to_thread.run_sync(self._allowance.lease, caller.name, many)

    async def body(self, request: Request) -> bytes:
        """Return the body of a request that is JSON by its head."""
        headers = request.headers
        if headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
            raise Refused(415, f"Content-Type must be {_JSON}.")
        if headers.get("content-encoding", "identity") != "identity":
            raise Refused(415, "Compressed bodies are not taken: a small one could become a large one.")
        length, settings = headers.get("content-length"), self._settings
        return await limits.body(request.receive, length, settings.body_bytes, settings.receive_seconds)


def idempotency(request: Request) -> str | None:
    """Return the idempotency key that a request brings; None: it brings none."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Refused(400, "Idempotency-Key is 1 to 200 visible ASCII characters, a UUID for instance.")
    return key
