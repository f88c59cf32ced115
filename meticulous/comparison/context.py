"""What was not the same around two runs, and may explain why they differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meticulous import runfolder
from meticulous.base.namedtuple import NamedTuple
from meticulous.comparison.values import leaves
from meticulous.environment.variables import is_place
from meticulous.runfolder import RunFolder, keys

__all__ = ["Change", "around", "changes"]


class Change(NamedTuple):
    """One circumstance and its two values, None where a run has none.

    `kind` is ``code``, ``argument``, ``data``, ``python``, ``package``, ``machine`` or ``variable``.
    """

    kind: str
    name: str
    one: Any
    other: Any


def changes(one: RunFolder, other: RunFolder) -> list[Change]:
    """Return what differs around two runs, what explains most first."""
    facts = [run.read_metadata() for run in (one, other)]
    is_same = _exact_code(facts[0]) == _exact_code(facts[1])
    found = [] if is_same else [Change("code", "commit", *map(_code, facts))]
    found += _differing(
        "argument", *(dict(leaves(run.read_json(runfolder.ARGS))) for run in (one, other))
    )
    found += _differing("data", *(_data(fact) for fact in facts))
    return found + around(*(run.read_json(runfolder.ENVIRONMENT) for run in (one, other)))


def around(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Change]:
    """Return what differs between two contents of environment.json."""
    if not one or not other:
        return []
    found = _differing("python", _python(one), _python(other))
    found += _differing("package", *(dict(side.get("packages") or {}) for side in (one, other)))
    found += _differing("machine", _machine(one), _machine(other))
    set_by_program = {
        str(name) for side in (one, other) for name in side.get("variables-of-program") or ()
    }
    return found + [
        change
        for change in _differing("variable", _variables(one), _variables(other))
        if not (change.name in set_by_program and None in (change.one, change.other))
    ]


def _differing(kind: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Change]:
    return [
        Change(kind, name, one.get(name), other.get(name))
        for name in dict.fromkeys([*one, *other])
        if (name in one) != (name in other)
        or (
            one[name] != other[name] and not (one[name] != one[name] and other[name] != other[name])
        )
    ]


def _exact_code(metadata: Mapping[str, Any]) -> tuple[Any, bool]:
    """Return the commit that has the code, and whether there were changes that no commit has.

    A run that recorded itself in the work tree of a rerun was at the snapshot of the first one.
    """
    snapshot = metadata.get(keys.SNAPSHOT_SHA)
    return snapshot or metadata.get(keys.GITHEAD_SHA), bool(
        metadata.get(keys.DIRTY)
    ) and not snapshot


def _code(metadata: Mapping[str, Any]) -> str:
    sha, snapshot = metadata.get(keys.GITHEAD_SHA), metadata.get(keys.SNAPSHOT_SHA)
    if not sha:
        return "none"
    if snapshot:
        return f"{str(sha)[:7]} with the changes of snapshot {str(snapshot)[:7]}"
    unknown = " with changes that were not kept" if metadata.get(keys.DIRTY) else ""
    return f"{str(sha)[:7]}{unknown}"


def _data(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of the content of each data file."""
    return {
        str(entry.get("path")): f"{entry.get('size')} bytes"
        + (f", sha256 {str(entry['sha256'])[:12]}" if entry.get("sha256") else "")
        for entry in metadata.get(keys.DATA) or []
        if isinstance(entry, dict)
    }


def _python(environment: Mapping[str, Any]) -> dict[str, Any]:
    python = environment.get("python") or {}
    return {key: python[key] for key in ("version", "executable") if python.get(key)}


def _machine(environment: Mapping[str, Any]) -> dict[str, Any]:
    """Return what computes: host, system, processor and GPUs, without what changes by the minute."""
    cpu, system = environment.get("cpu") or {}, environment.get("os") or {}
    gpus = environment.get("gpus") or []
    names = [str(gpu.get("name")) for gpu in gpus if isinstance(gpu, dict)]
    drivers = {str(gpu["driver"]) for gpu in gpus if isinstance(gpu, dict) and gpu.get("driver")}
    told = {
        "host": environment.get("host"),
        "system": " ".join(map(str, dict(leaves(system)).values())),
        "processor": cpu.get("model"),
        "GPUs": ", ".join(names) or "none",
        "GPU driver": ", ".join(sorted(drivers)),
    }
    return {name: value for name, value in told.items() if value}


def _variables(environment: Mapping[str, Any]) -> dict[str, Any]:
    variables = environment.get("variables") or {}
    return {name: value for name, value in variables.items() if not is_place(name)}
