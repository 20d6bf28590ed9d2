"""A client of a served agent on one page, to copy: requests is all it needs.

>>> agent = Client("http://127.0.0.1:8000", key)                                      # doctest: +SKIP
>>> agent.decide({"id": "4711", "fields": {"text": "The regulator has opened an inquiry."}})     # doctest: +SKIP
"""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Self
from urllib.parse import quote, urlencode

import requests

Json = Mapping[str, Any]


class ServiceError(Exception):
    """An answer that is none: `status`, and the problem (RFC 9457) as the service told it."""

    def __init__(self, status: int, problem: Json) -> None:
        incident = f" (incident {problem['incident']})" if problem.get("incident") else ""
        wrong = "".join(f"\n  {each['where']}: {each['what']}" for each in problem.get("errors", ()))
        super().__init__(f"{status}: {problem.get('detail', 'no reason given')}{incident}{wrong}")
        self.status, self.problem = status, problem


class Client:
    """Calls a served agent, and calls again where that can help; a context manager.

    Each call that changes something carries an idempotency key, so that calling again never decides twice.

    Parameters
    ----------
    address
        Where it is served.
    key
        The API key.
    attempts
        Times that a call is tried, if nobody answers or the service says come back later.
    seconds
        That each may take.
    certificate
        File of who signed the service's certificate; None: whom this machine trusts.
    """

    def __init__(
        self, address: str, key: str, *, attempts: int = 5, seconds: float = 60, certificate: str | None = None
    ) -> None:
        self._address, self._attempts, self._seconds = address.rstrip("/"), attempts, seconds
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"
        self._trusted = certificate or True

    def decide(self, asked: Json | Sequence[Json], key: str | None = None) -> Any:
        """Return the decision on a request, or those on up to 1,000, in their order; a plant's may hold `readings`."""
        return self._call("POST", "/v1/decisions", asked, key)

    def decision(self, id: str, explain: bool = False) -> Any:
        """Return a decision as it stands in the log, with `explain` also why."""
        return self._call("GET", f"/v1/decisions/{id}{'?explain=true' if explain else ''}")

    def feedback(self, decision_id: str, user: str, key: str | None = None, **said: Any) -> Any:
        """Say what a user thinks of a decision: `label`, `comment`, `rating`, `seconds`."""
        return self._call("POST", "/v1/feedback", {"decision_id": decision_id, "user": user, **said}, key)

    def user_list(self, user: str, places: int | None = None, taken: Sequence[str] = ()) -> Any:
        """Return a user's list of items, best first; `taken`: what they took and the agent has not seen."""
        asked = [*([("places", places)] if places else []), *(("taken", item) for item in taken)]
        return self._call("GET", f"/v1/lists/{quote(user, safe='')}?{urlencode(asked)}")

    def clicks(self, list_id: str, items: Sequence[str], key: str | None = None) -> Any:
        """Say which items of a list its user clicked; none: it was looked at, and nothing was clicked."""
        return self._call("POST", f"/v1/lists/{list_id}/clicks", {"items": list(items)}, key)

    def agent(self) -> Any:
        """Return what is served: card, versions, schemas."""
        return self._call("GET", "/v1/agent")

    def _call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key or str(uuid.uuid4())} if method == "POST" else {}
        for attempt in range(1, self._attempts + 1):
            wait = min(0.1 * 2**attempt, 5.0)
            try:
                answer = self._session.request(
                    *(method, self._address + path),
                    json=body,
                    headers=headers,
                    timeout=self._seconds,
                    verify=self._trusted,
                )
            except (requests.ConnectionError, requests.Timeout):
                if attempt == self._attempts:
                    raise
            else:
                if answer.ok:
                    return answer.json()
                if answer.status_code not in (429, 503) or attempt == self._attempts:
                    json = "json" in answer.headers.get("Content-Type", "")
                    raise ServiceError(answer.status_code, answer.json() if json else {"detail": answer.reason})
                wait = float(answer.headers.get("Retry-After", wait))
            time.sleep(wait)
        raise AssertionError("unreachable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
