"""Pages from templates, in the reader's language and the reports' look."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from loopbook.reports import rendering
from loopbook.reports.security import visible
from loopbook.reports.unbroken import unbroken
from loopbook.service.headers import PAGE
from loopbook.service.keys import Caller
from loopbook.service.pages import assets, texts

TEMPLATES = Path(__file__).resolve().parent / "templates"
NAVIGATION: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "/": ("home", ("caller", "reviewer", "admin")),
    "/chat": ("chat", ("caller", "admin")),
    "/desk": ("desk", ("reviewer", "admin")),
    "/review": ("review", ("reviewer", "admin")),
    "/decisions": ("explorer", ("reviewer", "admin")),
    "/monitor": ("monitor", ("reviewer", "admin")),
    "/approve": ("approve", ("admin",)),
    "/try": ("try_it", ("caller", "admin")),
    "/questionnaire": ("questionnaire", ("caller", "reviewer", "admin")),
    "/help": ("help", ("caller", "reviewer", "admin")),
}
"""Address to the name of the page, and who may see it."""
DESK = ("/chat", "/desk")
"""Those that are there only where the scenario has a support desk."""

LANGUAGE = "loopbook-language"
"""Name of the cookie with the language that was chosen by hand."""

_YEAR = 31_536_000


def respond(
    request: Request,
    template: str,
    agent: str,
    caller: Caller | None = None,
    csrf: str | None = None,
    status: int = 200,
    encrypted: bool = False,
    desk: bool = False,
    **values: Any,
) -> Response:
    """Return a page.

    Parameters
    ----------
    template
        Its file in ``templates``.
    agent
        The title of the served agent.
    caller, csrf
        Who is signed in, and the token that their forms carry.
    desk
        Whether there is a support desk.
    values
        What the template shows; escaped, whatever they are.
    """
    asked, shown_in = request.query_params.get("lang"), language(request)
    path = request.url.path
    here = max((place for place in NAVIGATION if _within(path, place)), key=len, default=None)
    shown = {
        "lang": shown_in,
        "t": partial(texts.text, shown_in),
        "static": assets.address,
        "agent": agent,
        "desk": desk,
        "person": caller,
        "csrf": csrf,
        "navigation": [
            (place, f"common.{name}", place == here)
            for place, (name, roles) in NAVIGATION.items()
            if caller is not None and caller.role in roles and (desk or place not in DESK)
        ],
        "languages": [(tag, name, _in_language(request, tag)) for tag, name in texts.LANGUAGES.items()],
        "depth": "/",
    }
    html = rendering.environment(TEMPLATES).get_template(template).render(**shown, **values)
    answer = Response(unbroken(visible(html)), status, PAGE, "text/html")
    if asked is not None and asked in texts.LANGUAGES:
        answer.set_cookie(LANGUAGE, asked, max_age=_YEAR, secure=encrypted, httponly=True, samesite="lax")
    return answer


def language(request: Request) -> str:
    """Return the language that a reader is shown."""
    wished = request.query_params.get("lang") or request.cookies.get(LANGUAGE)
    return texts.language(wished, request.headers.get("accept-language"))


def is_page(request: Request) -> bool:
    """Say whether a browser asks for a page, and not a program for data."""
    return not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", "")


def problem(request: Request, refused: Response, agent: str, **who: Any) -> Response:
    """Return problem details as a page; status and headers stay."""
    told = json.loads(bytes(refused.body))
    answer = respond(request, "problem.html.j2", agent, status=refused.status_code, told=told, **who)
    for name in ("retry-after", "connection"):
        if name in refused.headers:
            answer.headers[name] = refused.headers[name]
    return answer


def _within(path: str, place: str) -> bool:
    return path == place or (place != "/" and path.startswith(f"{place}/"))


def _in_language(request: Request, tag: str) -> str:
    """Return this page's address with another language."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return "?" + urlencode([*kept, ("lang", tag)])
