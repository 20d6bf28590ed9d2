"""Approval: what the agent learnt, proposed with its evidence; yes, no, and why."""

from fastapi import FastAPI, Request, Response

from loopbook.service.pages.people import People


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/approve``."""

    async def show(request: Request) -> Response:
        await people.person(request, "admin")
        return people.respond(request, "approve.html.j2")

    app.add_api_route("/approve", show, methods=["GET"], include_in_schema=False)
