"""The review queue: decisions that people judge, the most useful first."""

from fastapi import FastAPI, Request, Response

from loopbook.service.pages.people import People


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/review``."""

    async def show(request: Request) -> Response:
        await people.person(request, "reviewer", "admin")
        return people.respond(request, "review.html.j2")

    app.add_api_route("/review", show, methods=["GET"], include_in_schema=False)
