"""The decision explorer: what was decided, filtered, charted, exported."""

from fastapi import FastAPI, Request, Response

from loopbook.service.pages.people import People


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/decisions``."""

    async def show(request: Request) -> Response:
        await people.person(request, "reviewer", "admin")
        return people.respond(request, "explorer.html.j2")

    app.add_api_route("/decisions", show, methods=["GET"], include_in_schema=False)
