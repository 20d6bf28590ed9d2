"""Sign in and out."""

from fastapi import FastAPI, Request, Response

from loopbook.service.pages.people import People, local


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/sign-in`` and ``/sign-out``."""

    async def ask(request: Request) -> Response:
        wanted = local(request.query_params.get("next", "/"))
        return people.respond(request, "sign_in.html.j2", wanted=wanted, wrong=False)

    async def sign_in(request: Request) -> Response:
        wanted = local(request.query_params.get("next", "/"))
        answer = await people.sign_in(request)
        return answer or people.respond(request, "sign_in.html.j2", 403, wanted=wanted, wrong=True)

    app.add_api_route("/sign-in", ask, methods=["GET"], include_in_schema=False)
    app.add_api_route("/sign-in", sign_in, methods=["POST"], include_in_schema=False)
    app.add_api_route("/sign-out", people.sign_out, methods=["POST"], include_in_schema=False)
