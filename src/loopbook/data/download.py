"""Download a file: with retry, resumed where it broke off, its hash checked, readable by its owner only."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from loopbook.scenario.errors import DataError

if TYPE_CHECKING:
    import requests

Progress = Callable[[str], None]
"""Takes one line that says how far the work is."""

ATTEMPTS = 5
_CHUNK = 1 << 16
_TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of the answer
_AGAIN = {408, 425, 429, 500, 502, 503, 504}


class _BrokenOff(Exception):
    """The connection ended before the file did; what came is kept."""


def silent(_: str) -> None:
    """Say nothing of the progress."""


def shown(url: str) -> str:
    """Return an address for messages, without user name, password and query."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path, "", ""))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def private(path: Path) -> int:
    """Open a new file for writing that its owner alone can read, and return its descriptor."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Hold a file's place: of two processes that want the same file one fetches it, and the other finds it."""
    from filelock import FileLock

    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(target.with_name(f".{target.name}.lock"), mode=0o600):
        yield


def fetch(url: str, target: Path, expected: str | None = None, progress: Progress = silent) -> Path:
    """Download a file unless it is there with the expected hash.

    Parameters
    ----------
    url
        Address, http or https.
    target
        Where the file goes. Until it is whole it is called ``<target>.part``, and the next call goes on there.
    expected
        SHA-256 of the content; None accepts whatever comes.
    progress
        Hears of each attempt.

    Raises
    ------
    DataError
        If the address answers with an error, if five attempts end early, or if the content has another hash.
    """
    with alone(target):
        if expected and target.is_file() and sha256(target) == expected:
            return target
        _get(url, target, {}, expected, progress)
        if expected and (digest := sha256(target)) != expected:
            target.unlink()
            raise DataError(
                f"{shown(url)}: the file has the SHA-256 {digest}, not {expected}. "
                "It was changed at its source or on the way; it is not used."
            )
    return target


def refresh(url: str, target: Path, expected: str | None = None, progress: Progress = silent) -> Path:
    """Download a file if it has changed at its source since the last time (a conditional request).

    With `expected`, a file that has this hash is used without asking.

    Raises
    ------
    DataError
        As `fetch`.
    """
    if expected:
        return fetch(url, target, expected, progress)
    state_path = target.with_name(target.name + ".json")
    with alone(target):
        state = json.loads(state_path.read_text(encoding="utf-8")) if state_path.is_file() else {}
        known = state if state.get("url") == url and target.is_file() and sha256(target) == state.get("sha256") else {}
        asked = {"If-None-Match": known.get("etag"), "If-Modified-Since": known.get("last_modified")}
        answer = _get(url, target, {name: value for name, value in asked.items() if value}, None, progress)
        if answer is not None:
            with os.fdopen(private(state_path), "w", encoding="utf-8") as file:
                json.dump({"url": url, "sha256": sha256(target), **answer}, file)
    return target


def _get(
    url: str, target: Path, headers: dict[str, str], expected: str | None, progress: Progress
) -> dict[str, Any] | None:
    """Bring the file to `target` in up to five attempts; return its validators, or None if it has not changed."""
    import requests

    part = target.with_name(target.name + ".part")
    note = target.with_name(target.name + ".part.json")
    problem = ""
    for attempt in range(1, ATTEMPTS + 1):
        if attempt > 1:
            progress(f"{problem}; attempt {attempt} of {ATTEMPTS}")
            time.sleep(min(30.0, 2.0 ** (attempt - 2)))
        try:
            answer = _attempt(url, part, note, headers, expected, progress)
        except (_BrokenOff, requests.ConnectionError, requests.Timeout) as error:
            problem = str(error) if isinstance(error, _BrokenOff) else f"no connection ({type(error).__name__})"
            continue
        except requests.RequestException as error:
            raise DataError(f"{shown(url)}: {type(error).__name__}. Check source.url.") from error
        if answer is not None:
            part.replace(target)
            note.unlink(missing_ok=True)
        return answer
    kept = f" {part.stat().st_size:,} bytes are kept; the next run goes on there." if part.is_file() else ""
    raise DataError(
        f"{shown(url)} could not be downloaded in {ATTEMPTS} attempts: {problem}.{kept} "
        "Check the network, or fetch the file by hand and name it as a csv, jsonl or parquet source."
    )


def _attempt(
    url: str, part: Path, note: Path, headers: dict[str, str], expected: str | None, progress: Progress
) -> dict[str, Any] | None:
    import requests

    asked = {"Accept-Encoding": "identity", **headers}  # ranges count bytes of the file, not of a compressed stream
    begin = _resume_from(url, part, note, expected)
    if begin:
        asked["Range"] = f"bytes={begin}-"
        validator = json.loads(note.read_text(encoding="utf-8")).get("validator")
        if validator:
            asked["If-Range"] = validator
    with requests.get(url, headers=asked, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == 304:
            return None
        if response.status_code == 416:  # what is kept does not belong to this file
            part.unlink(missing_ok=True)
            raise _BrokenOff("the part that was kept did not fit")
        if response.status_code in _AGAIN:
            raise _BrokenOff(f"the server answered {response.status_code}")
        if not response.ok:
            raise DataError(f"{shown(url)}: the server answered {response.status_code} {response.reason}. Check it.")
        size = response.headers.get("Content-Range" if response.status_code == 206 else "Content-Length", "")
        size = size.rpartition("/")[2]
        whole = int(size) if size.isdigit() else None
        begin = begin if response.status_code == 206 else 0
        if response.status_code == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {begin}-"):
            part.unlink(missing_ok=True)
            raise _BrokenOff("the server sent another range than asked for")
        etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
        validator = etag if etag and not etag.startswith("W/") else modified
        with os.fdopen(private(note), "w", encoding="utf-8") as file:
            json.dump({"url": url, "validator": validator}, file)
        _write(response, part, begin, whole, progress, shown(url))
    return {"etag": etag, "last_modified": modified}


def _resume_from(url: str, part: Path, note: Path, expected: str | None) -> int:
    """Return how many bytes are kept of this very file; without a hash or a validator nobody could tell."""
    if not part.is_file() or not note.is_file():
        return 0
    state = json.loads(note.read_text(encoding="utf-8"))
    return part.stat().st_size if state.get("url") == url and (expected or state.get("validator")) else 0


def _write(
    response: requests.Response, part: Path, begin: int, whole: int | None, progress: Progress, name: str
) -> None:
    from urllib3.exceptions import HTTPError

    if not begin:
        os.close(private(part))
    said = begin
    with part.open("ab") as file:
        try:
            while chunk := response.raw.read1(_CHUNK):  # whatever has come: nothing of it is lost when it breaks off
                file.write(chunk)
                if file.tell() - said > 1 << 22:
                    said = file.tell()
                    progress(f"{name}: {said:,} of {whole:,} bytes" if whole else f"{name}: {said:,} bytes")
        except HTTPError as error:
            raise _BrokenOff(f"broke off after {file.tell():,} bytes") from error
        if whole is not None and file.tell() < whole:
            raise _BrokenOff(f"broke off after {file.tell():,} of {whole:,} bytes")
