"""Read YAML: plain values, and the line of every key, so that an error can name its line."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from loopbook.scenario.errors import ScenarioError, suggest

Location = tuple[str | int, ...]
_SYNTAX = (yaml.scanner.ScannerError, yaml.parser.ParserError)


@dataclass(frozen=True)
class ScenarioFile:
    """A parsed scenario file: plain values, and the line of every key."""

    path: Path
    shown: str
    values: dict[str, Any]
    lines: Mapping[Location, int] = field(repr=False)

    def line(self, location: Location) -> int:
        """Return the line of `location`, or that of the nearest thing around it."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location, 1)


def names(folder: Path) -> list[str]:
    """Return the names of the scenarios in `folder`."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def find(scenario: str, folder: Path) -> Path:
    """Return the file of a scenario given by name, or by the path of a YAML file.

    Raises
    ------
    ScenarioError
        If there is none; the message names the likely one.
    """
    path = Path(scenario) if scenario.endswith((".yaml", ".yml")) else folder / f"{scenario}.yaml"
    if not path.is_file():
        raise ScenarioError(f"There is no scenario {scenario!r} in {folder}.{suggest(scenario, names(folder))}")
    return path


def parse(path: Path) -> ScenarioFile:
    """Read a YAML file into plain values with the line of every key.

    Raises
    ------
    ScenarioError
        If it is not UTF-8, not YAML, not a mapping, or says something twice; the message names file and line.
    """
    raw = path.read_bytes()
    try:
        loader = _Loader(raw.decode("utf-8"))
        root = loader.get_single_node()
        lines = {} if root is None else _lines(root, path.name)
        values = None if root is None else loader.construct_document(root)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ScenarioError(
            f"{path.name}:{line}: not UTF-8 (byte 0x{raw[error.start]:02x}); save the file as UTF-8."
        ) from error
    except yaml.reader.ReaderError as error:
        line = raw.decode("utf-8")[: error.position].count("\n") + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        raise ScenarioError(f"{path.name}:{line}: not YAML: the control character {code:#04x}; remove it.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = " Look at indentation and quotes." if isinstance(error, _SYNTAX) else ""
        raise ScenarioError(
            f"{path.name}:{mark.line + 1 if mark else 1}: not YAML: {error.problem or error.context}.{hint}"
        ) from error
    except RecursionError as error:
        raise ScenarioError(f"{path.name}:1: not readable: too many brackets or lists inside each other.") from error
    if not isinstance(values, dict):
        raise ScenarioError(f"{path.name}:1: a scenario is a mapping of sections (name, task, source, training, …).")
    return ScenarioFile(path, path.name, values, lines)


def plain(text: str) -> Any:
    """Return a single value, such as one given on the command line, as a scenario file would have it.

    Raises
    ------
    yaml.YAMLError
        If it is not YAML.
    """
    return _Loader(text).get_single_data()


class _Loader(yaml.SafeLoader):
    """YAML without aliases: values are written out, and a file of a kilobyte cannot unfold into a gigabyte."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, f"aliases such as *{event.anchor} are not allowed; write the value out", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_timestamp(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.construct_yaml_timestamp(node)
        except ValueError as error:
            problem = f"{node.value} is no date ({error})"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


# YAML 1.1 reads 1e-3 as text, because it lacks the point; people mean the number.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_timestamp)


def _lines(root: yaml.Node, shown: str) -> dict[Location, int]:
    lines: dict[Location, int] = {}
    for location, node in _nodes(root, ()):
        line = node.start_mark.line + 1
        dotted = ".".join(map(str, location))
        if isinstance(location[-1], str) and node.tag != "tag:yaml.org,2002:str":
            said = node.tag.rpartition(":")[2]
            raise ScenarioError(
                f"{shown}:{line}: {dotted}: YAML reads the name {location[-1]!r} as {said}; put it in quotation marks."
            )
        if location in lines:
            raise ScenarioError(f"{shown}:{line}: {dotted} stands twice (line {lines[location]}); keep one.")
        lines[location] = line
    return lines


def _nodes(node: yaml.Node, location: Location) -> Iterator[tuple[Location, yaml.Node]]:
    """Yield every name and every list item with the node that stands for it."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*location, key.value if isinstance(key, yaml.ScalarNode) else "…")
            yield here, key
            yield from _nodes(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*location, index), value
            yield from _nodes(value, (*location, index))
