"""The usability questionnaire (System Usability Scale), and a comment."""

from fastapi import FastAPI, Request, Response

from loopbook.service.pages.people import People


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/questionnaire``."""

    async def show(request: Request) -> Response:
        await people.person(request, "caller", "reviewer", "admin")
        return people.respond(request, "questionnaire.html.j2")

    app.add_api_route("/questionnaire", show, methods=["GET"], include_in_schema=False)
