"""A stage's key: a hash of what can change its result, and of nothing else."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from loopbook.scenario.contract import Scenario
from loopbook.store.code import closure
from loopbook.store.content import digest_file, digest_json
from loopbook.store.declaration import Declaration
from loopbook.store.parameters import sections_of

LENGTH = 20
"""Hexadecimal digits of a key: 80 bits; two of a billion keys are equal with a chance below one in a million."""


def stage_key(
    declaration: Declaration,
    scenario: Scenario,
    candidate: str | None,
    inputs: Mapping[str, str],
    lock: Path,
) -> str:
    """Return the key of a stage.

    Parameters
    ----------
    inputs
        Content digests of what the stage reads, gathers and carries, by name.
    lock
        The lock file; its content stands for the versions of all libraries.
    """
    seen = settings(declaration, scenario, candidate)
    return _short(
        {
            "stage": declaration.stage,
            "candidate": candidate,
            "code": declaration.code,
            "settings": seen,
            "inputs": dict(inputs),
            "modules": closure(declaration.modules | _users_modules(seen)),
            "lock": _lock(lock),
        }
    )


def cache_key(parts: Mapping[str, Any], modules: Iterable[str], lock: Path) -> str:
    """Return the key of a piece of work inside a stage, such as fitting one model.

    Parameters
    ----------
    parts
        Plain values and content digests that the result depends on.
    modules
        The modules that do the work; what they import counts too.
    """
    return _short({"parts": dict(parts), "modules": closure(modules), "lock": _lock(lock)})


def settings(declaration: Declaration, scenario: Scenario, candidate: str | None) -> dict[str, Any]:
    """Return the part of a scenario that enters a stage's key: the sections it sees, and of candidates its own."""
    values = scenario.model_dump(mode="json", include=set(sections_of(declaration)))
    if candidate is not None:
        training = values["training"]
        training["candidates"] = {candidate: training["candidates"][candidate]}
        training.pop("only")
    return values


def _users_modules(seen: Mapping[str, Any]) -> set[str]:
    """Return the modules of a user's own architectures, named as ``package.module:build``."""
    candidates = seen.get("training", {}).get("candidates", {}).values()
    return {each["architecture"].partition(":")[0] for each in candidates if ":" in each["architecture"]}


def _short(value: Any) -> str:
    return digest_json(value)[:LENGTH]


@functools.lru_cache(maxsize=4)
def _lock_at(lock: Path, changed: int) -> str:
    return digest_file(lock)


def _lock(lock: Path) -> str:
    return _lock_at(lock, lock.stat().st_mtime_ns) if lock.is_file() else ""
