"""What would tell a reader of this machine: where its folders are, who is logged in, what it is called."""

from __future__ import annotations

import getpass
import re
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from loopbook.reports.rendering import HERE
from loopbook.store.project import Project
from loopbook.store.records import Run

LOGIN, HOST, PATH = "login name", "name of this machine", "path of this machine"


@dataclass(frozen=True)
class Traces:
    """Traces of a machine.

    Attributes
    ----------
    paths
        Folders, each with what stands for it in a text.
    names
        Login and host name with what stands for each. A name that is an ordinary word here, such as *root* or *max*,
        tells nobody anything and is not among them.
    """

    paths: Mapping[str, str]
    names: Mapping[str, tuple[str, str]]

    @classmethod
    def of(cls, project: Project, run: Run) -> Traces:
        """Return the traces of this machine, and the paths outside the project that a run's scenario names."""
        paths = {str(Path(tempfile.gettempdir()).resolve()): "…", str(Path.home()): "~"}
        paths |= {path: f"…/{Path(path).name}" for path in _absolute(run.resolved)}
        paths |= {str(project.reports.resolve()): "reports", str(project.data.resolve()): "data"}
        paths |= {str(project.root.resolve()): "."}
        host = socket.gethostname()
        named = ((getpass.getuser(), LOGIN), (host, HOST), (host.partition(".")[0], HOST))
        words = _words(project)
        names = {name: (kind, f"[{kind}]") for name, kind in named if len(name) > 2 and not _ordinary(name, words)}
        return cls({path: word for path, word in paths.items() if path.count("/") and len(path) > 1}, names)

    def hide(self, text: str) -> str:
        """Return `text` with something harmless in place of every trace."""
        return self._pattern.sub(lambda match: self._word(match[0]), text)

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Return begin, end and kind of every trace in a text."""
        for match in self._pattern.finditer(text):
            yield *match.span(), self.names[match[0]][0] if match[0] in self.names else PATH

    def record(self, run: Run) -> Run:
        """Return the record of a run without traces, and without the names of those who approved something."""
        people = {one.by for one in run.approved if not one.by.startswith("policy ")}

        def told(text: str) -> str:
            for name in people:
                text = text.replace(f"Approved by {name}:", "Approved by a person:")
            return self.hide(text)

        values = mapped(run.model_dump(mode="json"), told)
        for one in values["approved"]:
            if not one["by"].startswith("policy "):
                one["by"] = "a person"
        return Run.model_validate(values)

    def _word(self, found: str) -> str:
        return self.names[found][1] if found in self.names else self.paths[found]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        paths = "|".join(re.escape(path) for path in sorted(self.paths, key=len, reverse=True))
        names = "|".join(re.escape(name) for name in sorted(self.names, key=len, reverse=True))
        return re.compile(rf"(?<![\w.~…])(?:{paths})(?![\w-])" + (rf"|(?<!\w)(?:{names})(?!\w)" if names else ""))


def mapped(value: Any, told: Any) -> Any:
    """Return plain nested values with every text replaced by what `told` returns for it; names stay."""
    if isinstance(value, str):
        return told(value)
    if isinstance(value, dict):
        return {name: mapped(item, told) for name, item in value.items()}
    return [mapped(item, told) for item in value] if isinstance(value, list | tuple) else value


def _absolute(value: Any) -> Iterator[str]:
    if isinstance(value, str) and re.fullmatch(r"/[^\n]*[^/\n]", value) and Path(value).name:
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _absolute(item)


def _words(project: Project) -> Iterable[str]:
    """Return the texts in which a name can stand that means nobody: the program and the committed notebooks."""
    files = [*HERE.parent.rglob("*.py"), *HERE.rglob("*.j2"), *project.notebooks.glob("*.ipynb")]
    return [file.read_text(encoding="utf-8", errors="replace") for file in files]


def _ordinary(name: str, texts: Iterable[str]) -> bool:
    word = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    return any(word.search(text) for text in texts)
