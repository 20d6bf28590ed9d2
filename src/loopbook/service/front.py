"""What every request passes first: strict headers, counts, and faults that tell the caller nothing but their id."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from loopbook.service.errors import MEDIA, incident, problem
from loopbook.service.headers import strict
from loopbook.service.metrics import Metrics


class Front:
    """ASGI middleware, the outermost: one layer instead of one for each thing, for each costs every request.

    Parameters
    ----------
    app
        What is inside.
    metrics
        Where answers are counted, under the route's pattern: paths that are none cannot fill the memory.
    encrypted
        Whether callers come by TLS, to this process or to a proxy before it.
    masks
        Regions and numbers as `personal_data.find` takes them, to mask traces.
    """

    def __init__(
        self, app: Any, metrics: Metrics, encrypted: bool, masks: tuple[Sequence[str], Sequence[str]] = ((), ())
    ) -> None:
        self._app, self._metrics, self._headers, self._masks = app, metrics, strict(encrypted), masks

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status, taken = perf_counter(), 0, 0.0

        async def answer(message: Any) -> None:
            nonlocal status, taken
            if message["type"] == "http.response.start":
                taken = perf_counter() - begun  # an export is sent for as long as the caller takes
                status = message["status"]
                own = message.get("headers", ())
                given = {name for name, _ in own}  # a page has a policy of its own
                message["headers"] = [*own, *(header for header in self._headers if header[0] not in given)]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            self._metrics.incident()
            name = incident(error, *self._masks)
            if status:  # the answer has begun: all that is left is to break it off
                raise RuntimeError(f"incident {name}") from None
            body = problem(500, "Something went wrong inside. Name the incident when you ask.", incident=name)
            headers = [(b"content-type", MEDIA.encode()), (b"content-length", str(len(body)).encode())]
            await answer({"type": "http.response.start", "status": 500, "headers": headers})
            await answer({"type": "http.response.body", "body": body})
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.answered(route, scope["method"], status, taken or perf_counter() - begun)
