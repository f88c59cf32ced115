"""The packages of a run as a ``requirements.txt``, from its environment.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meticulous.errors import RunFolderError

__all__ = ["python_of", "requirements", "vcs_url"]

_VCS = "git"
"""What installs from a ``url`` with a ``commit`` whose ``vcs`` is not told: older records."""


def python_of(environment: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """Return ``python`` of environment.json; RunFolderError where the run recorded none."""
    python = environment.get("python")
    if not isinstance(python, dict):
        reason = environment.get("python-unknown") or "it has no environment.json that tells"
        raise RunFolderError(
            f"run {run_id} has no Python whose packages are known: {reason}",
            "Name a run of a Python program",
        )
    return python


def requirements(environment: Mapping[str, Any], run_id: str) -> Iterator[str]:
    """Return the lines of a ``requirements.txt`` that pip and uv read.

    What cannot be installed from its record (an editable folder, a local path) is a comment.
    Raises RunFolderError where the run has recorded no Python.
    """
    python = python_of(environment, run_id)
    system = environment.get("os") or {}
    machine = " ".join(str(system[key]) for key in ("name", "architecture") if system.get(key))
    title = f"# Packages of run {run_id}: Python {python.get('version')}"
    yield " ".join((f"{title} on {machine}" if machine else title).split())
    sources = environment.get("package-sources") or {}
    for name, version in sorted((environment.get("packages") or {}).items()):
        line = _line(name, str(version), sources.get(name) or {})
        yield " ".join(line.split())  # one line, whatever the record holds


def vcs_url(source: Mapping[str, Any]) -> str:
    """Return the address of `source` as pip writes it: ``git+https://…@COMMIT#subdirectory=…``."""
    end = f"#subdirectory={source['subdirectory']}" if source.get("subdirectory") else ""
    return f"{source.get('vcs') or _VCS}+{source['url']}@{source['commit']}{end}"


def _line(name: str, version: str, source: Mapping[str, Any]) -> str:
    pinned = f"{name}=={version}" if version else name
    if source.get("commit"):
        return f"{name} @ {vcs_url(source)}"
    if source.get("url"):
        return f"{name} @ {_archive_url(source)}"
    if source.get("editable"):
        return f"# {pinned} was installed as editable; its folder is not recorded"
    if source.get("local"):
        return f"# {pinned} was installed from a local path, which is not recorded"
    return pinned if version else f"# {name} was installed; its version is not recorded"


def _archive_url(source: Mapping[str, Any]) -> str:
    parts = [f"subdirectory={source['subdirectory']}"] if source.get("subdirectory") else []
    hashes = source.get("hashes") or {}
    if "sha256" in hashes:
        parts.append(f"sha256={hashes['sha256']}")
    return "#".join([str(source["url"]), *(["&".join(parts)] if parts else [])])
