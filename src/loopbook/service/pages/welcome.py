"""The first page: what there is to do; and help."""

from fastapi import FastAPI, Request, Response

from loopbook.service.keys import ROLES
from loopbook.service.pages.people import People


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/`` and ``/help``."""

    async def home(request: Request) -> Response:
        await people.person(request, *ROLES)
        return people.respond(request, "home.html.j2")

    async def help(request: Request) -> Response:
        await people.person(request, *ROLES)
        return people.respond(request, "help.html.j2")

    app.add_api_route("/", home, methods=["GET"], include_in_schema=False)
    app.add_api_route("/help", help, methods=["GET"], include_in_schema=False)
