"""The usability questionnaire (System Usability Scale), and a comment; what is said goes into the log, and so to 07."""

import secrets
from collections.abc import Mapping

from anyio import to_thread
from fastapi import FastAPI, Request, Response

from loopbook.data import cleaning
from loopbook.feedback import usability
from loopbook.privacy import personal_data
from loopbook.scenario.errors import LoopbookError
from loopbook.service.keys import ROLES
from loopbook.service.pages.people import People
from loopbook.service.schemas import COMMENT


def routes(app: FastAPI, people: People) -> None:
    """Serve ``/questionnaire``."""
    items = range(1, usability.ITEMS + 1)

    def page(request: Request, given: Mapping[str, str], status: int = 200, thanks: bool = False) -> Response:
        values = {"items": items, "given": given, "thanks": thanks, "wrong": status != 200}
        return people.respond(request, "questionnaire.html.j2", status, once=secrets.token_hex(8), **values)

    async def show(request: Request) -> Response:
        await people.person(request, *ROLES)
        thanks = request.query_params.get("thanks") == "1"
        return page(request, {}, thanks=thanks)

    async def answer(request: Request) -> Response:
        caller, fields = await people.form(request, *ROLES)
        user = personal_data.pseudonym(caller.name, people.scenario.name)
        comment = cleaning.shorten(fields.get("comment", ""), COMMENT, people.scenario.data)
        said = [fields.get(f"item{number}", "") for number in items]
        try:
            answers = [int(text) if text in "12345" and text else 0 for text in said]
            key = f"{caller.name}\n{fields.get('once', '')[:64]}\nquestionnaire"
            entry = usability.questionnaire(user, caller.name, answers, comment, key)
        except LoopbookError:
            return page(request, fields, 422)
        await to_thread.run_sync(lambda: people.writer.append([entry]).result())
        return people.go("/questionnaire?thanks=1")

    app.add_api_route("/questionnaire", show, methods=["GET"], include_in_schema=False)
    app.add_api_route("/questionnaire", answer, methods=["POST"], include_in_schema=False)
