"""Webhook: a message posted as JSON to an address, tried again a few times, never twice in effect."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from loopbook.scenario.errors import LoopbookError

LONGEST_WAIT = 60
"""Seconds that a receiver can ask us to wait before the next attempt (Retry-After)."""


def sender(address: str, *, timeout: float = 10.0, tries: int = 3) -> Callable[[Mapping[str, Any]], None]:
    """Return a sender that posts each message as JSON to an address, with its id as ``Idempotency-Key``.

    Parameters
    ----------
    address
        Begins with http:// or https://; redirects are not followed.
    timeout
        Seconds to wait for an answer.
    tries
        Attempts at a message when the receiver is away or overloaded (429, 5xx). A receiver that says when
        (Retry-After) is asked again then, at most a minute later.

    Raises
    ------
    LoopbookError
        If it is no such address. The sender raises it if a message did not arrive; what it says names the receiver's
        host and no more, because addresses of webhooks hold secrets.
    """
    if not address.startswith(("http://", "https://")):
        raise LoopbookError(f"A webhook's address begins with http:// or https://, not {address[:10]!r}.")

    def send(message: Mapping[str, Any]) -> None:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        retry = Retry(
            total=tries - 1,
            backoff_factor=0.2,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None,
            retry_after_max=LONGEST_WAIT,
        )
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            session.mount("https://", HTTPAdapter(max_retries=retry))
            headers = {"Idempotency-Key": str(message["id"])}
            try:
                answer = session.post(
                    address, json=dict(message), headers=headers, timeout=timeout, allow_redirects=False
                )
            except requests.RequestException as error:
                raise LoopbookError(f"{_host(address)} could not be reached ({_reason(error)})") from error
        if not 200 <= answer.status_code < 300:
            raise LoopbookError(f"{_host(address)} answered {answer.status_code}")

    return send


def _host(address: str) -> str:
    """Return the receiver's name and port, without what else an address may hold."""
    return re.sub(r"^https?://(?:[^/?#]*@)?([^/?#]*).*$", r"\1", address, flags=re.DOTALL)


def _reason(error: Exception) -> str:
    """Return the kind of the innermost error; its text may repeat the address."""
    causes = [getattr(error, "reason", None), *error.args]
    deeper = next((cause for cause in causes if isinstance(cause, Exception)), None)
    return type(error).__name__ if deeper is None else _reason(deeper)
