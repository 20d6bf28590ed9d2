"""All pages of the service for people."""

from fastapi import FastAPI

from loopbook.service.conversations import Conversations
from loopbook.service.pages import (
    approve,
    assets,
    chat,
    explorer,
    monitor,
    questionnaire,
    review,
    signing,
    take_over,
    try_it,
    welcome,
)
from loopbook.service.pages.people import People, SignIn
from loopbook.service.pages.queue import Queue


def routes(app: FastAPI, people: People, talks: Conversations | None = None) -> None:
    """Give an application the pages, their styles and scripts, and the way to the sign-in."""
    app.state.people = people
    app.add_exception_handler(SignIn, people.to_sign_in)
    queue = Queue(people.behind, people.database, people.writer)
    welcome.routes(app, people, queue, talks)
    review.routes(app, people, queue)
    for page in (assets, signing, explorer, monitor, approve, try_it, questionnaire):
        page.routes(app, people)
    if talks is not None:
        chat.routes(app, people, talks)
        take_over.routes(app, people, talks)
