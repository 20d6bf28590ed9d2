"""Traces of a machine: its paths, login and host name, found and hidden in what others shall read."""

import getpass
import re
import socket
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from loopbook.store.project import Project
from loopbook.store.records import Run

LOGIN, HOST, PATH = "login name", "name of this machine", "path of this machine"


@dataclass(frozen=True)
class Traces:
    """Traces of a machine: each with its kind, and with what stands for it in a text.

    Folders, login and host name. A name that is an ordinary word here, such as *root* or *max*, tells
    nobody anything and is not.
    """

    known: Mapping[str, tuple[str, str]]

    @classmethod
    def of(cls, project: Project, run: Run) -> Self:
        """Return the traces of this machine, and the paths outside the project that a run's scenario names."""
        paths = {str(Path(tempfile.gettempdir()).resolve()): "…", str(Path.home()): "~"}
        paths |= {path: f"…/{Path(path).name}" for path in _absolute(run.resolved)}
        paths |= {str(project.reports.resolve()): "reports", str(project.data.resolve()): "data"}
        paths |= {str(project.root.resolve()): "."}
        host = socket.gethostname()
        named = ((getpass.getuser(), LOGIN), (host, HOST), (host.partition(".")[0], HOST))
        ours = _program(project)
        names = {
            name: (kind, f"[{kind}]")
            for name, kind in named
            if len(name) > 2 and not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", ours)
        }
        return cls(names | {path: (PATH, word) for path, word in paths.items() if path.count("/") and len(path) > 1})

    def hide(self, text: str) -> str:
        """Return `text` with something harmless in place of every trace."""
        return self._pattern.sub(lambda match: self.known[match[0]][1], text)

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Return begin, end and kind of every trace in a text."""
        return ((*match.span(), self.known[match[0]][0]) for match in self._pattern.finditer(text))

    def record(self, run: Run) -> Run:
        """Return the record of a run without traces, and without the names of those who approved something."""
        people = {approval.by for approval in run.approved if not approval.by.startswith("policy ")}

        def without_names(text: str) -> str:
            for name in people:
                text = text.replace(f"Approved by {name}:", "Approved by a person:")
            return self.hide(text)

        values = mapped(run.model_dump(mode="json"), without_names)
        for approval in values["approved"]:
            if not approval["by"].startswith("policy "):
                approval["by"] = "a person"
        return Run.model_validate(values)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        def any_of(found: Iterable[str]) -> str:
            return "|".join(map(re.escape, sorted(found, key=len, reverse=True)))

        paths = any_of(text for text, (kind, _) in self.known.items() if kind == PATH)
        names = any_of(text for text, (kind, _) in self.known.items() if kind != PATH)
        return re.compile(rf"(?<![\w.~…])(?:{paths})(?![\w-])" + (rf"|(?<!\w)(?:{names})(?!\w)" if names else ""))


def mapped(value: Any, change: Callable[[str], str], kept: Collection[str] = ()) -> Any:
    """Return plain nested values with every text changed; names stay, and what is called as in `kept`."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: item if name in kept else mapped(item, change, kept) for name, item in value.items()}
    return [mapped(item, change, kept) for item in value] if isinstance(value, list | tuple) else value


def _absolute(value: Any) -> Iterator[str]:
    if isinstance(value, str) and re.fullmatch(r"/[^\n]*[^/\n]", value) and Path(value).name:
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _absolute(item)


def _program(project: Project) -> str:
    """Return the text in which a name can stand that means nobody: the program and the committed notebooks."""
    package = Path(__file__).resolve().parents[1]
    files = [*package.rglob("*.py"), *package.rglob("*.j2"), *project.notebooks.glob("*.ipynb")]
    return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)
