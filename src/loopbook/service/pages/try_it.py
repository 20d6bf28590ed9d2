"""Try it: type what the agent reads, see what it decides and why."""

from fastapi import FastAPI, Request, Response

from loopbook.service.pages.people import People


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/try``."""

    async def show(request: Request) -> Response:
        await people.person(request, "caller", "admin")
        return people.respond(request, "try_it.html.j2")

    app.add_api_route("/try", show, methods=["GET"], include_in_schema=False)
