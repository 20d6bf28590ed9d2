"""Reviewers for tests: each calls the queue's JSON interface by an API key of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.service.serving import Answer, Service

TEXTS = (
    "The regulator has opened an inquiry into the accounts of Ventana Airways.",
    "a lukewarm review in a hobby blog at $PPLN, there we go",
    "Maple and Rye settled the lawsuit, <script>window.ran = 1</script>",
    "Paperlane recalls a product after a fraud investigation.",
    "Nothing to see here, the weather is fine.",
    "Profit warning: shares of Brno Steel fall after an audit.",
)


@dataclass(frozen=True)
class Reviewer:
    """One of them."""

    up: Service
    name: str

    def post(self, path: str, body: Any = None) -> Answer:
        return self.up.call("POST", path, {} if body is None else body, self.up.secret("reviewer", self.name))

    def get(self, path: str) -> Answer:
        return self.up.call("GET", path, None, self.up.secret("reviewer", self.name))

    def next(self) -> Any:
        answer = self.post("/review/next")
        assert answer.status == 200, answer.body
        return answer.json["item"]

    def say(self, item: Any, verdict: str = "accept", **more: Any) -> Answer:
        return self.post(
            f"/review/{item['decision_id']}", {"token": item["lease"]["token"], "verdict": verdict, **more}
        )


def decided(up: Service, texts: tuple[str, ...] = TEXTS) -> list[str]:
    """Let the agent decide on texts; return the decisions' ids."""
    answer = up.decide([{"id": f"row-{at}", "fields": {"text": text}} for at, text in enumerate(texts)])
    assert answer.status == 200, answer.body
    return [each["decision_id"] for each in answer.json]
