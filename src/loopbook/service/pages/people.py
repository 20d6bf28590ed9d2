"""What every page stands on: who asks, what they sent, and the answer; no page reads a request in another way."""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from anyio import to_thread
from fastapi import Request, Response
from sqlalchemy import Engine

from loopbook.decisions.audit import entry
from loopbook.decisions.audit.writer import Writer
from loopbook.scenario.contract import Scenario
from loopbook.service import limits
from loopbook.service.deciding import Deciding
from loopbook.service.errors import Refused
from loopbook.service.explained import Explanations
from loopbook.service.keys import Caller, Keyring
from loopbook.service.limits import Allowance
from loopbook.service.pages import rendering, sessions

CSRF, HEADER = "csrf", "x-csrf-token"
"""Form field and header that carry the session's token."""

_FORM = "application/x-www-form-urlencoded"
_FIELDS = 1_000
_SIGN_IN_RATE, _SIGN_IN_BURST = 1.0, 30.0
"""Attempts a second, and seconds saved up, for each address: a key of 256 bits is not found by trying, so this is for
the database's sake."""


class SignIn(Exception):
    """A page was asked for by somebody who is not signed in."""


class People:
    """The pages' common ground.

    Attributes
    ----------
    behind, database, writer
        The served agent, the log's database and its writer, as of `service.app.create_app`.
    explained
        Explains a decision; called in a thread.
    alerts
        What is wrong with the service now, in sentences.
    """

    def __init__(
        self,
        behind: Deciding,
        database: Engine,
        writer: Writer,
        keys: Keyring,
        explained: Explanations,
        alerts: Callable[[], list[str]],
        encrypted: bool = False,
    ) -> None:
        self.behind, self.database, self.writer, self.alerts = behind, database, writer, alerts
        self.explained, self._keys, self._encrypted = explained, keys, encrypted
        self._attempts = Allowance(database, f"{behind.name} sign-in", _SIGN_IN_RATE, _SIGN_IN_BURST)
        short = hashlib.sha256(behind.name.encode()).hexdigest()[:8]  # agents on other ports share the browser's jar
        self._cookie = f"{'__Host-' if encrypted else ''}loopbook-{short}"

    @property
    def agent(self) -> str:
        """Under which name the agent stands in the log."""
        return self.behind.name

    @property
    def scenario(self) -> Scenario:
        return self.behind.scenario

    async def person(self, request: Request, *roles: str) -> Caller:
        """Return who asks to see something, if they may: somebody signed in, or a program with an API key.

        Raises
        ------
        SignIn
            If a browser asks for a page without a session.
        Refused
            401 if a program does without a key, 403 if the role may not.
        """
        if request.method not in ("GET", "HEAD"):
            raise RuntimeError("What changes something is read by `form` or `sent`, which check its token.")
        return await self._who(request, roles)

    async def form(self, request: Request, *roles: str) -> tuple[Caller, Mapping[str, str]]:
        """Return who sent a form, and its fields, if they may and the form is one of our own pages'."""
        caller = await self._who(request, roles)
        fields = await self._fields(request)
        _same(request.state.csrf, fields.get(CSRF, ""))
        return caller, fields

    async def sent(self, request: Request, *roles: str) -> tuple[Caller, Any]:
        """Return who sent JSON, and what; from a page it brings the session's token in ``X-CSRF-Token``."""
        caller = await self._who(request, roles)
        if request.state.csrf is not None:
            _same(request.state.csrf, request.headers.get(HEADER, ""))
        body = await self._body(request, "application/json")
        try:
            return caller, json.loads(body)
        except (ValueError, RecursionError):
            raise Refused(400, "The body is not JSON.") from None

    def respond(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """Return a page from a template; ``values`` are escaped."""
        return rendering.respond(
            request, template, self.scenario.title, status=status, **self._about(request), **values
        )

    def go(self, address: str) -> Response:
        """Return the answer to a form that was taken: the browser gets a page of this service."""
        return Response(status_code=303, headers={"Location": local(address)})

    def in_page(self, handler: Callable[[Request, Exception], Awaitable[Response]]) -> Any:
        """Return an exception handler whose problem details a browser gets as a page."""

        async def answer(request: Request, error: Exception) -> Response:
            refused = await handler(request, error)
            if not rendering.is_page(request):
                return refused
            return rendering.problem(request, refused, self.scenario.title, **self._about(request))

        return answer

    async def to_sign_in(self, request: Request, _: Exception) -> Response:
        """Lead to the sign-in and back. From a link on another site the browser brings no cookie: it asks once more."""
        if request.headers.get("sec-fetch-site") == "cross-site":
            return self.respond(request, "again.html.j2")
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return Response(status_code=303, headers={"Location": f"/sign-in?{urlencode({'next': here})}"})

    async def sign_in(self, request: Request) -> Response | None:
        """Begin a session with the key in a form, and lead on; None: the key is none that holds."""
        _from_here(request)
        origin = request.client.host if request.client else ""
        bucket = hashlib.sha256(origin.encode()).hexdigest()[:3]  # too few to tell an address by
        if not self._attempts.take(bucket, 1):
            await to_thread.run_sync(self._attempts.lease, bucket, 1)
        fields = await self._fields(request)
        header = f"Bearer {fields.get('key', '')}"
        if not self._keys.current(header):
            await to_thread.run_sync(self._keys.refresh)
        try:
            caller = self._keys.check(header, ("caller", "reviewer", "admin"))
        except Refused:
            return None
        await self._note("signed-in", caller)
        seconds = self.scenario.service.session_hours * 3_600
        token = await to_thread.run_sync(sessions.begin, self.database, self.agent, caller.key_id, seconds)
        answer = self.go(request.query_params.get("next", "/"))
        whole = {"secure": self._encrypted, "httponly": True, "samesite": "strict", "path": "/"}
        answer.set_cookie(self._cookie, token, max_age=int(seconds), **whole)  # type: ignore[arg-type]
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End the session that a form comes from."""
        caller, _ = await self.form(request, "caller", "reviewer", "admin")
        await to_thread.run_sync(sessions.end, self.database, request.cookies[self._cookie])
        await self._note("signed-out", caller)
        answer = self.go("/sign-in")
        answer.delete_cookie(self._cookie, path="/", secure=self._encrypted, httponly=True, samesite="strict")
        return answer

    def _about(self, request: Request) -> dict[str, Any]:
        """Return what every page shows: who is signed in, their token, whether the data is simulated."""
        who = {name: getattr(request.state, name, None) for name in ("caller", "csrf")}
        desk = self.scenario.studies.support_desk is not None
        return {"encrypted": self._encrypted, "simulated": self.scenario.simulated, "desk": desk, **who}

    async def _who(self, request: Request, roles: tuple[str, ...]) -> Caller:
        request.state.caller = request.state.csrf = None
        header = request.headers.get("authorization")
        if header is not None:
            if not self._keys.current(header):
                await to_thread.run_sync(self._keys.refresh)
            return self._keys.check(header, roles)
        token = request.cookies.get(self._cookie)
        found = to_thread.run_sync(sessions.find, self.database, self.agent, token) if token else None
        session = await found if found else None
        if session and (not self._keys.current(None) or self._keys.holder(session.key_id) is None):
            await to_thread.run_sync(self._keys.refresh)
        caller = self._keys.holder(session.key_id) if session else None
        if session is None or caller is None:
            if rendering.is_page(request):
                raise SignIn
            raise Refused(401, "Sign in at /sign-in, or bring an API key: Authorization: Bearer lb_…")
        request.state.caller, request.state.csrf = caller, session.csrf
        if caller.role not in roles:
            raise Refused(403, f"The role {caller.role} may not do this; {' or '.join(roles)} may.")
        return caller

    async def _fields(self, request: Request) -> dict[str, str]:
        body = await self._body(request, _FORM)
        try:
            text = body.decode("ascii")
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS, errors="strict"))
        except ValueError:
            raise Refused(400, "This is no form of ours.") from None

    async def _body(self, request: Request, media: str) -> bytes:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media:
            raise Refused(415, f"Content-Type must be {media}.")
        settings, length = self.scenario.service, request.headers.get("content-length")
        return await limits.body(request.receive, length, settings.body_bytes, settings.receive_seconds)

    async def _note(self, act: str, caller: Caller) -> None:
        """Write down in the log who signs in and out; without it nobody does."""
        acts = [entry.admin(act, by=caller.name, key_id=caller.key_id)]
        await to_thread.run_sync(lambda: self.writer.append(acts).result())


def local(address: str) -> str:
    """Return an address if it is a path of this service, else that of the first page."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "/"
    plain = address.isascii() and address.isprintable() and not {"\\", " "} & set(address)
    inside = address.startswith("/") and not address.startswith("//") and not parts.scheme and not parts.netloc
    return address if plain and inside else "/"


def _same(wanted: str | None, given: str) -> None:
    if wanted is None or not hmac.compare_digest(wanted.encode(), given.encode()):
        raise Refused(403, "The page that sent this was too old, or none of ours. Load it again.")


def _from_here(request: Request) -> None:
    """Refuse what another site sends: a browser tells from where, by one header or the other."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    host = request.headers.get("host")
    if site == "same-origin" or (site is None and origin and host and urlsplit(origin).netloc == host):
        return
    raise Refused(403, "Sign in on the page of this service; programs use their API key without a session.")
