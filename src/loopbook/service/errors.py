"""Errors as callers see them: problem details (RFC 9457); what went wrong inside stays inside, under an incident id."""

import logging
import secrets
import traceback
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from loopbook.privacy import personal_data

LOG = logging.getLogger("loopbook.service")
MEDIA = "application/problem+json"
COME_BACK = {"Retry-After": "1"}
"""Headers of an answer to whom a moment later will be answered."""

_SHOWN = 20  # problems of one request that are listed
_NAME = 80  # characters of a name that are shown
_TRACE = 20_000  # characters of a trace that are kept


class Refused(Exception):
    """A request that is answered with a problem.

    Parameters
    ----------
    status
        Of HTTP.
    detail
        What was wrong and what to do, for the caller; it repeats nothing that the caller sent.
    headers
        Of the answer, such as ``Retry-After``.
    errors
        Where exactly, if several things are wrong: `where` and `what`.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.errors = status, detail, dict(headers or {}), list(errors)

    def body(self) -> bytes:
        """Return the problem as JSON."""
        return problem(self.status, self.detail, **({"errors": self.errors} if self.errors else {}))


def problem(status: int, detail: str, **more: Any) -> bytes:
    """Return problem details as JSON: `type`, `title`, `status`, `detail` and what more there is."""
    return to_json(
        {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    )


def misfit(error: ValidationError) -> Refused:
    """Return the refusal of requests that do not fit the schema: where, and what is wrong; never the value itself."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if any(each["type"] == "json_invalid" for each in found):
        # The message says where the text breaks off, and shows nothing of it.
        return Refused(400, f"The body is not JSON: {found[0]['msg'].removeprefix('Invalid JSON: ')}.")
    errors = [{"where": _where(each["loc"]), "what": each["msg"]} for each in found[:_SHOWN]]
    more = f" Of {len(found)} the first {_SHOWN} are listed." if len(found) > _SHOWN else ""
    return Refused(422, f"The request does not fit the schema, which GET /v1/agent shows.{more}", errors=errors)


def incident(error: BaseException, regions: Sequence[str] = (), numbers: Sequence[str] = ()) -> str:
    """Write an error's trace to the server's log, personal data masked, and return the id under which it stands.

    Parameters
    ----------
    error
        What was raised.
    regions, numbers
        As `personal_data.find` takes them.
    """
    name = secrets.token_hex(8)
    trace = "".join(traceback.format_exception(error))[-_TRACE:]
    LOG.error("incident %s\n%s", name, personal_data.mask(trace, regions, numbers))
    return name


def _where(place: tuple[int | str, ...]) -> str:
    """Return a place in a request, such as ``3.fields.text``; a name in it may be the caller's own."""
    return ".".join(personal_data.mask(str(part)[:_NAME]) for part in place) or "body"
