"""Approval: chosen proposals become the next snapshot. Nothing else changes what a later round knows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

from loopbook.feedback.proposals import Proposal
from loopbook.scenario.decisions import Rule
from loopbook.scenario.errors import LoopbookError, suggest
from loopbook.store.snapshots import Snapshot

Policy = Literal["all", "safe", "none"]


def chosen(proposals: Sequence[Proposal], which: Policy | Iterable[str]) -> list[Proposal]:
    """Return the proposals that are meant.

    Parameters
    ----------
    proposals
        What a run suggests.
    which
        ``all``, ``safe``, ``none``, or the ids of some.

    Raises
    ------
    LoopbookError
        If an id is not among the proposals.
    """
    if isinstance(which, str):
        if which not in get_args(Policy):
            raise LoopbookError(f"Approve 'all', 'safe', 'none' or a list of ids, not {which!r}.")
        return [one for one in proposals if which == "all" or (which == "safe" and one.safe)]
    wanted, known = list(which), {one.id: one for one in proposals}
    for name in wanted:
        if name not in known:
            raise LoopbookError(f"No proposal is called {name!r}.{suggest(name, known)}")
    return [one for one in proposals if one.id in set(wanted)]


def pending(proposals: Sequence[Proposal], before: Snapshot, model: str | None = None) -> set[str]:
    """Return the ids of the proposals that would change something; the others are approved already.

    Parameters
    ----------
    proposals
        What a run suggests.
    before
        The current snapshot.
    model
        Content digest of the run's champion, as in `next_snapshot`.
    """
    values = before.model_dump()
    return {one.id for one in proposals if _with(values, one, model) != values}


def next_snapshot(
    proposals: Sequence[Proposal],
    which: Policy | Iterable[str],
    before: Snapshot,
    by: str,
    findings: Sequence[Mapping[str, Any]] = (),
    windows: int = 1,
    model: str | None = None,
    why: Mapping[str, str] | None = None,
) -> Snapshot:
    """Return the snapshot that follows from approving some proposals; it is not sealed yet.

    Labels and outcomes are added to those approved before, a later one of the same row in place of the earlier. A
    threshold is sealed with the model that it was fitted to; with any other, promoted or trained anew, it is void, see
    `loopbook.decisions.thresholds.approved`.

    Parameters
    ----------
    proposals
        What a run suggests.
    which
        ``all``, ``safe``, ``none``, or the ids of some.
    before
        The current snapshot.
    by
        Who approves: a person, or ``policy safe`` for a batch loop.
    findings
        What 02 found about the data in this run, for 01 of the next.
    windows
        How many windows the agent's life has. The next round lives in the next one; in the last window, it stays, and
        approved labels of that window wait.
    model
        Content digest of the run's champion, to whose probabilities a proposed threshold was fitted; None: nobody
        knows, so that a threshold is void from the start.

    Returns
    -------
    Snapshot
        Of the next round; or `before` itself, if nothing is approved that it does not hold already.

    Raises
    ------
    LoopbookError
        If an id is not among the proposals, or a proposal does not hold what its kind promises.
    """
    values, noted = before.model_dump(), []
    for one in chosen(proposals, which):
        changed = _with(values, one, model)
        if changed != values:
            noted.append(
                {
                    "round": before.round + 1,
                    "id": one.id,
                    "kind": one.kind,
                    "title": one.title,
                    "reason": one.reason,
                    "evidence": dict(one.evidence),
                    "by": by,
                    "why": (why or {}).get(one.id, ""),
                }
            )
            values = changed
    after = Snapshot.model_validate(values)
    if not after.says_more_than(before):
        return before
    plain = [dict(finding) for finding in findings] or before.findings
    return after.model_copy(
        update={
            "round": before.round + 1,
            "window": max(before.window, min(before.window + 1, windows)),
            "fresh": before.window < windows,
            "approved": [*before.approved, *noted],
            "findings": plain,
        }
    )


def _with(values: Mapping[str, Any], proposal: Proposal, model: str | None) -> dict[str, Any]:
    """Return a snapshot's values with a proposal taken over."""
    change, result = proposal.change, dict(values)
    try:
        if proposal.kind == "labels":
            result["corrections"] = _by_key(values["corrections"], change["corrections"], "row_id", "output")
        elif proposal.kind == "outcomes":
            result["outcomes"] = _by_key(values["outcomes"], change["outcomes"], "row_id")
        elif proposal.kind == "champion":
            result["champion"] = str(change["champion"])
        elif proposal.kind == "threshold":
            result |= {"threshold": float(change["threshold"]), "threshold_model": model}
        elif proposal.kind == "rule":
            text = Rule.model_validate_json(change["rule"]["text"]).model_dump_json()
            result["rules"] = {**values["rules"], str(change["rule"]["name"]): text}
        else:
            result["requirement_changes"] = _by_key(values["requirement_changes"], [change["requirement"]], "id")
    except (KeyError, TypeError, ValueError) as error:
        raise LoopbookError(
            f"The proposal {proposal.id} ({proposal.kind}) does not hold what it should: {error!r}. "
            "Run notebook 07 again."
        ) from error
    return result


def _by_key(
    old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], key: str, part: str = ""
) -> list[dict[str, Any]]:
    """Return entries by key, and by `part` if they have it; later ones for earlier ones, in one order in any case."""
    found = {(str(entry[key]), str(entry.get(part, ""))): dict(entry) for entry in (*old, *new)}
    json.dumps(list(found.values()), allow_nan=False)  # a snapshot is plain values, or it cannot be sealed
    return [found[name] for name in sorted(found)]
