"""What differs between two runs of a scenario, by its kind, and which stages had to be made anew because of it."""

from collections.abc import Iterator

from loopbook.runner.key_differences import differing, made_differently
from loopbook.store import keys
from loopbook.store.declaration import SOURCE_INPUT
from loopbook.store.project import Project
from loopbook.store.records import Change, Run, StageRecord

_CAME_IN = {
    "carried": "What is carried over from earlier rounds",
    "sealed": "What was decided and said since, where the agent is served",
}
_ORDER = ("stages", "data", "settings", "code", "libraries", "followed", "noted")


def between(project: Project, before: Run | None, after: Run) -> tuple[Change, ...]:
    """Return what differs, the causes before what followed from them.

    Parameters
    ----------
    before
        The run to compare with; None: there is none.
    after
        The run that is told about. What was approved for its round is told if the run before was of another round.
    """
    if before is None:
        return (Change(about="noted", text="This is the first run of this scenario in this profile"),)
    approved = after.approved if before.round != after.round else ()
    told = [Change(about="approved", text=f"Approved by {approval.by}: {approval.title}") for approval in approved]
    if after.champion not in (None, before.champion):
        text = f"The champion is now {after.champion}; it was {before.champion or 'none'}"
        told.append(Change(about="champion", text=text))
    found: dict[Change, dict[str, None]] = {}
    for name in dict.fromkeys((*after.stages, *before.stages)):
        for change in stage(project, before, after, name):
            found.setdefault(change, {})[name] = None
    told += [
        change if change.about == "stages" else change.model_copy(update={"stages": tuple(names)})
        for change, names in sorted(found.items(), key=lambda item: _ORDER.index(item[0].about))
    ]
    return tuple(told) or (Change(about="noted", text="Nothing changed since the last run"),)


def stage(project: Project, before: Run, after: Run, name: str) -> Iterator[Change]:
    """Say what differs in one stage between two runs."""
    old, new = before.stages.get(name), after.stages.get(name)
    if old is None or new is None:
        yield Change(about="stages", text=f"{name} is {'new' if old is None else 'gone'}")
    elif new.state == "skipped" or old.state == "skipped" or old.key == new.key:
        return
    else:
        yield from _inputs(
            old, new, {name for run in (before, after) for record in run.stages.values() for name in record.digests}
        )
        was, now = keys.kept(project, old), keys.kept(project, new)
        if was is None or now is None:
            yield Change(about="noted", text=f"What {name} was made of is not in the store any more")
            return
        for about, lines in made_differently(was, now, f"notebooks/{new.stage}.ipynb", project.root).items():
            yield from (Change(about=about, text=line) for line in lines)


def _inputs(old: StageRecord, new: StageRecord, inside: set[str]) -> Iterator[Change]:
    """Say which inputs differ; those that another stage writes differ because of something that is told there."""
    for name in differing(old.inputs, new.inputs):
        if name.partition("[")[0] in inside:
            yield Change(about="followed", text="What they read was written otherwise by a stage before them")
        elif name == SOURCE_INPUT:
            yield Change(about="data", text="The data of the scenario's source")
        else:
            kind, _, plain = name.partition(" ")
            yield Change(
                about="data", text=f"{_CAME_IN[kind]}: {plain.replace('_', ' ')}" if kind in _CAME_IN else name
            )
