"""The live monitor: alerts, incidents, surges and drift; acknowledged and silenced."""

from fastapi import FastAPI, Request, Response

from loopbook.service.pages.people import People


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/monitor``."""

    async def show(request: Request) -> Response:
        await people.person(request, "reviewer", "admin")
        return people.respond(request, "monitor.html.j2")

    app.add_api_route("/monitor", show, methods=["GET"], include_in_schema=False)
