"""Tokens for what work competes for: a job starts only when its processors, memory and GPU are free."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from loopbook.runner.kernels.pool import THREADS, Level, Memory

GIGABYTE = 1_000_000_000
MEMORY = {Level.LIGHT: GIGABYTE // 2, Level.HEAVY: 3 * GIGABYTE // 2}
"""Bytes that a notebook is counted with, by what it imports: what the peaks of the agents' own notebooks round up to
(0.4 and 1.3 GB). More is not refused; it is only not planned for."""


@dataclass(frozen=True)
class Need:
    """What a job takes while it goes on: threads that compute, bytes, GPUs."""

    processors: int = 1
    memory: int = 0
    gpus: int = 0


@dataclass(frozen=True)
class Grant:
    """What a job was given; `gpus` by their ids, for ``CUDA_VISIBLE_DEVICES``."""

    processors: int = 0
    memory: int = 0
    gpus: tuple[str, ...] = ()


@dataclass
class Tokens:
    """What there is, and what of it is free.

    A job that needs more than there is gets all there is, so that each can run at least alone. One thread takes and
    gives back; nothing here waits.

    Attributes
    ----------
    processors
        Threads that compute at once.
    memory
        Bytes; None: not counted.
    gpus
        Ids of GPUs.
    """

    processors: int
    memory: int | None = None
    gpus: tuple[str, ...] = ()
    _given: list[Grant] = field(default_factory=list)

    @classmethod
    def here(cls, jobs: int | None = None) -> Tokens:
        """Return the tokens of this machine.

        Parameters
        ----------
        jobs
            Notebooks executed at once; None: one a processor that this process may use.
        """
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return cls(threads(os.environ) * jobs if jobs else usable, Memory.now().available, devices(os.environ))

    def free(self, need: Need) -> bool:
        """Say whether what a job needs is free."""
        return self._fitting(need) is not None

    def take(self, need: Need) -> Grant:
        """Return what a job needs, and take it from what is free.

        Raises
        ------
        ValueError
            If it is not free.
        """
        grant = self._fitting(need)
        if grant is None:
            raise ValueError(f"{need} is not free")
        self._given.append(grant)
        return grant

    def _fitting(self, need: Need) -> Grant | None:
        processors, gpus = min(need.processors, self.processors), min(need.gpus, len(self.gpus))
        memory = 0 if self.memory is None else min(need.memory, self.memory)
        taken = {device for grant in self._given for device in grant.gpus}
        devices = [device for device in self.gpus if device not in taken]
        if (
            sum(grant.processors for grant in self._given) + processors > self.processors
            or (self.memory is not None and sum(grant.memory for grant in self._given) + memory > self.memory)
            or gpus > len(devices)
        ):
            return None
        return Grant(processors, memory, tuple(devices[:gpus]))

    def give_back(self, grant: Grant) -> None:
        """Take back what a job was given; equal grants are as good as each other."""
        self._given.remove(grant)


def need(level: Level) -> Need:
    """Return what a notebook needs, from the libraries that it uses and the threads that each of them may start."""
    return Need(threads(os.environ), MEMORY[level], int(level is Level.HEAVY))


def threads(environment: Mapping[str, str]) -> int:
    """Return how many threads a notebook computes with: one, unless a person has set more."""
    given = [environment.get(name, "") for name in THREADS]
    return max([1, *(int(value) for value in given if value.isdecimal())])


def devices(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the GPUs that may be used: those in ``CUDA_VISIBLE_DEVICES``, or all that the driver names."""
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    found = [path.name for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*"))]
    if chosen is None:
        return tuple(str(number) for number in range(len(found)))
    return tuple(each.strip() for each in chosen.split(",") if each.strip() not in ("", "-1")) if found else ()
