"""Summary delivery: a night's summary reaches a file, a webhook, a mail. What fails is told, and stops nothing."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from loopbook.operations import mail, webhook
from loopbook.operations.night_summary import Summary
from loopbook.scenario.errors import LoopbookError
from loopbook.store.content import write_atomically

Way = Callable[[Summary], None]


def ways(file: Path | None, address: str | None, recipients: str | None) -> dict[str, Way]:
    """Return the ways that were asked for; all that can be known to be wrong is known before the night begins.

    Parameters
    ----------
    file
        The text goes here and the JSON beside it, with the ending ``.json``; or, if that is the file's ending, the
        other way round.
    address
        Of a webhook.
    recipients
        Mail addresses, separated by commas.

    Raises
    ------
    LoopbookError
        If one of them cannot be, or the environment names no mail server.
    """
    found: dict[str, Way] = {}
    if file is not None:
        if file.is_dir() or file.name in ("", ".."):
            raise LoopbookError(f"--summary names a folder, {file}; name a file in it, such as {file}/summary.txt.")
        found["file"] = lambda summary: write(summary, file)
    if address:
        post = webhook.sender(address)
        found["webhook"] = lambda summary: post(summary.plain())
    if recipients:
        to, server = mail.recipients(recipients), mail.Server.of()
        found["mail"] = lambda summary: mail.send(server, to, summary.subject, summary.text(), as_json(summary))
    return found


def deliver(summary: Summary, by: Mapping[str, Way]) -> dict[str, str]:
    """Deliver a summary each way, whatever becomes of the others, and return what went wrong, by way."""
    failed = {}
    for name, way in by.items():
        try:
            way(summary)
        except (LoopbookError, OSError) as error:
            failed[name] = str(error)
    return failed


def write(summary: Summary, file: Path) -> None:
    """Write a summary as text and as JSON, each in one step."""
    if file.suffix == ".json":
        text, data = file.with_suffix(".txt"), file
    else:
        text, data = file, file.with_name(f"{file.stem}.json")
    write_atomically(text, lambda target: target.write_text(summary.text(), encoding="utf-8"))
    write_atomically(data, lambda target: target.write_text(as_json(summary), encoding="utf-8"))


def as_json(summary: Summary) -> str:
    """Return a summary as JSON."""
    return json.dumps(summary.plain(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
