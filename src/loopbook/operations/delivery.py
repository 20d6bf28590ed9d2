"""A night's summary reaches people and programs: a file, a webhook, a mail. What fails is told, and stops nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loopbook import webhook
from loopbook.operations import mail
from loopbook.operations.night_summary import Summary
from loopbook.scenario.errors import LoopbookError
from loopbook.store.content import write_atomically

Way = Callable[[Summary], None]


@dataclass(frozen=True)
class Delivery:
    """Ways to deliver a summary, by name; all that can be known to be wrong is known before the night begins."""

    ways: dict[str, Way]

    @classmethod
    def to(cls, file: Path | None, address: str | None, recipients: str | None) -> Delivery:
        """Return the ways that were asked for.

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
        ways: dict[str, Way] = {}
        if file is not None:
            if file.is_dir() or file.name in ("", ".."):
                raise LoopbookError(f"--summary names a folder, {file}; name a file in it, such as {file}/summary.txt.")
            ways["file"] = lambda summary: write(summary, file)
        if address:
            post = webhook.sender(address)
            ways["webhook"] = lambda summary: post(summary.plain())
        if recipients:
            to, server = mail.recipients(recipients), mail.Server.of()
            ways["mail"] = lambda summary: mail.send(server, to, summary.subject, summary.text(), as_json(summary))
        return cls(ways)

    def deliver(self, summary: Summary) -> dict[str, str]:
        """Deliver a summary each way, whatever becomes of the others, and return what went wrong, by way."""
        failed = {}
        for name, way in self.ways.items():
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
