"""Download a file: with retry, its hash checked, readable by its owner only."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from loopbook.scenario.errors import DataError

Progress = Callable[[str], None]
"""Takes one line that says how far the work is."""

ATTEMPTS = 5
_CHUNK = 1 << 22
_TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of the answer
_AGAIN = {408, 425, 429, 500, 502, 503, 504}


def silent(_: str) -> None:
    """Say nothing of the progress."""


def shown(url: str) -> str:
    """Return an address for messages, without user name, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def matches(digest: str, expected: str) -> bool:
    """Say whether a digest is the expected one, of which the middle may be left out (``d5bb07d8…95c5fa``)."""
    begin, _, end = expected.partition("…")
    return digest == expected or ("…" in expected and digest.startswith(begin) and digest.endswith(end))


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
        Where the file goes, once it is whole.
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
        if expected and target.is_file() and matches(sha256(target), expected):
            return target
        _get(url, target, {}, progress)
        if expected and not matches(digest := sha256(target), expected):
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
        answer = _get(url, target, {name: value for name, value in asked.items() if value}, progress)
        if answer is not None:
            with os.fdopen(private(state_path), "w", encoding="utf-8") as file:
                json.dump({"url": url, "sha256": sha256(target), **answer}, file)
    return target


def _get(url: str, target: Path, headers: dict[str, str], progress: Progress) -> dict[str, str | None] | None:
    """Bring the file to `target` in up to five attempts; return its validators, or None if it has not changed."""
    import requests

    asked, problem = {"Accept-Encoding": "identity", **headers}, ""  # the file's own bytes, which the hash is of
    for attempt in range(1, ATTEMPTS + 1):
        if attempt > 1:
            progress(f"{problem}; attempt {attempt} of {ATTEMPTS}")
            time.sleep(min(30.0, 2.0 ** (attempt - 2)))
        try:
            with requests.get(url, headers=asked, stream=True, timeout=_TIMEOUT) as response:
                if response.status_code == 304:
                    return None
                if response.ok:
                    _keep(response.iter_content(_CHUNK), target, shown(url), progress)
                    return {
                        "etag": response.headers.get("ETag"),
                        "last_modified": response.headers.get("Last-Modified"),
                    }
                problem = f"the server answered {response.status_code} {response.reason}"
                if response.status_code not in _AGAIN:
                    raise DataError(f"{shown(url)}: {problem}. Check it.")
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            problem = f"no connection, or one that broke off ({type(error).__name__})"
        except requests.exceptions.RequestException as error:
            raise DataError(f"{shown(url)}: {type(error).__name__}. Check source.url.") from error
    raise DataError(
        f"{shown(url)} could not be downloaded in {ATTEMPTS} attempts: {problem}. "
        "Check the network, or fetch the file by hand and name it as a csv, jsonl or parquet source."
    )


def _keep(chunks: Iterator[bytes], target: Path, name: str, progress: Progress) -> None:
    """Write what comes beside `target`, and put it in place when it is whole."""
    part = target.with_name(target.name + ".part")
    with os.fdopen(private(part), "wb") as file:
        for chunk in chunks:
            file.write(chunk)
            progress(f"{name}: {file.tell():,} bytes")
    part.replace(target)
