"""Tokens for what work competes for: a job starts only when its processors, memory and GPU are free."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from loopbook.runner.kernels.pool import THREADS, Level, Memory
from loopbook.store.origin import usable_processors

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

    processors: int
    memory: int
    gpus: tuple[str, ...]


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
    def here(cls, jobs: int | None = None) -> Self:
        """Return the tokens of this machine.

        Parameters
        ----------
        jobs
            Notebooks executed at once; None: one a processor that this process may use.
        """
        processors = threads(os.environ) * jobs if jobs else usable_processors()
        return cls(processors, Memory.now().available, devices(os.environ))

    def free(self, need: Need) -> bool:
        """Say whether what a job needs is free."""
        given, wanted = self._given, self._fitting(need)
        return (
            sum(grant.processors for grant in given) + wanted.processors <= self.processors
            and (self.memory is None or sum(grant.memory for grant in given) + wanted.memory <= self.memory)
            and len(wanted.gpus) == min(need.gpus, len(self.gpus))
        )

    def take(self, need: Need) -> Grant:
        """Return what a job needs, and take it from what is free, as `free` has said."""
        self._given.append(grant := self._fitting(need))
        return grant

    def _fitting(self, need: Need) -> Grant:
        taken = {device for grant in self._given for device in grant.gpus}
        devices = [device for device in self.gpus if device not in taken]
        memory = 0 if self.memory is None else min(need.memory, self.memory)
        return Grant(min(need.processors, self.processors), memory, tuple(devices[: need.gpus]))

    def give_back(self, grant: Grant) -> None:
        """Take back what a job was given; equal grants are as good as each other."""
        self._given.remove(grant)


def need(level: Level, workers: int = 1) -> Need:
    """Return what a notebook needs, from the libraries that it uses and the threads that each of them may start.

    One that may train starts so many `workers`, each with a GPU of its own; in a cluster, where ``TF_CONFIG`` is set,
    one worker with all of this machine's.
    """
    if level is not Level.HEAVY:
        return Need(threads(os.environ), MEMORY[level])
    gpus = len(devices(os.environ)) if os.environ.get("TF_CONFIG") else workers
    return Need(threads(os.environ) * workers, MEMORY[level] * workers, gpus)


def threads(environment: Mapping[str, str]) -> int:
    """Return how many threads a notebook computes with: one, unless a person has set more."""
    return max([1, *(int(value) for name in THREADS if (value := environment.get(name, "")).isdecimal())])


def devices(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the GPUs that may be used: those in ``CUDA_VISIBLE_DEVICES``, or all that the driver names."""
    chosen = environment.get("CUDA_VISIBLE_DEVICES")
    found = [path.name for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*"))]
    if chosen is None:
        return tuple(str(number) for number in range(len(found)))
    return tuple(each.strip() for each in chosen.split(",") if each.strip() not in ("", "-1")) if found else ()
