"""Outbox delivery: what the agent wants done reaches a file or a webhook, each message once."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from loopbook.scenario.errors import LoopbookError, MissingInput
from loopbook.store import content, records, vault
from loopbook.store.project import Project

Send = Callable[[Mapping[str, Any]], None]
"""Takes a message to where it belongs, and raises if it did not arrive."""


def latest(project: Project, scenario: str, profile: str) -> pd.DataFrame:
    """Return the outbox of a scenario's latest run in a profile.

    Raises
    ------
    MissingInput
        If there is none yet.
    """
    run = records.latest(project, scenario, profile)
    for stage in run.stages.values() if run else ():
        if "outbox" in stage.artifacts:
            found: pd.DataFrame = content.load(vault.checked(project.data / stage.artifacts["outbox"]))
            return found
    raise MissingInput(f"There is no outbox of {scenario} in profile {profile!r} yet; type: make SCENARIO={scenario}")


def deliver(outbox: pd.DataFrame, sent: Path, send: Send | None = None) -> tuple[int, int]:
    """Deliver every message that has not been delivered.

    `sent` is a file of JSON lines, one a message, and the memory of what has been delivered. Without `send` it is the
    delivery itself, and every id enters it exactly once, whatever is killed when and however many deliver at once.
    With `send` a message is noted after it has arrived: one that arrived just before the power failed is sent again,
    and the receiver recognises it by its id (a webhook gets it as ``Idempotency-Key``).

    Parameters
    ----------
    outbox
        What `decisions.outbox.table` returned.
    sent
        The file; its folder is made if it is not there.
    send
        Takes a message elsewhere, such as `webhook.sender(address)`.

    Returns
    -------
    delivered, before : int
        How many messages were delivered now, and how many had been before.

    Raises
    ------
    LoopbookError
        If `sent` is not such a file, or a message could not be sent. What was delivered before stays delivered.
    """
    from filelock import FileLock

    sent.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{sent}.lock"):
        known = _delivered(sent)
        waiting = [row for row in outbox.to_dict("records") if row["id"] not in known]
        with sent.open("ab") as file:
            for number, row in enumerate(waiting):
                message = {"id": row["id"], **json.loads(row["payload"])}
                if send is not None:
                    try:
                        send(message)
                    except Exception as error:
                        raise LoopbookError(
                            f"Message {row['id']} could not be sent ({error}). {number} were delivered and are noted "
                            f"in {sent.name}; {len(waiting) - number} wait. Deliver again when the receiver answers."
                        ) from error
                file.write(json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")
                file.flush()
                os.fsync(file.fileno())
    return len(waiting), len(outbox) - len(waiting)


def _delivered(sent: Path) -> set[str]:
    """Return the ids in `sent`; cut off a last line that was broken by a kill."""
    if not sent.exists():
        return set()
    content = sent.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(sent, len(whole))
    try:
        return {str(json.loads(line)["id"]) for line in whole.splitlines()}
    except (ValueError, KeyError, TypeError) as error:
        raise LoopbookError(
            f"{sent} is not a file of delivered messages (JSON lines with an id): {error}. Name another file."
        ) from error
