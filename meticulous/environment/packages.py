"""The packages installed in some folders, from the names of their metadata. Reads, never imports.

Standard library only.
"""

from __future__ import annotations

import json
import os
import re

from meticulous.base.namedtuple import NamedTuple
from meticulous.masking import mask_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    _Found = tuple[str, str, dict[str, Any]]

__all__ = ["Packages", "installed"]

_SEPARATORS = re.compile(r"[-_.]+")


class Packages(NamedTuple):
    """What is installed.

    `versions`: normalised name -> version (``""`` where it does not tell). `sources`, for what did
    not come from an index: name -> ``{"editable": true}``, ``{"local": true}``, or ``url`` with
    ``vcs`` and ``commit``, ``hashes`` (algorithm -> value) and ``subdirectory`` where they are told.
    """

    versions: dict[str, str]
    sources: dict[str, dict[str, Any]]


def installed(directories: Iterable[str]) -> Packages:
    """Read the packages in `directories`; as in an import, the first that has a name wins.

    Folders that are not there are passed over.
    """
    versions: dict[str, str] = {}
    sources: dict[str, dict[str, Any]] = {}
    for directory in directories:
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        for name in names:
            stem, ending = os.path.splitext(name)
            if ending not in _READERS or name.startswith("~"):  # pip leaves ~name behind
                continue
            package, version, source = _READERS[ending](os.path.join(directory, name), stem)
            package = _SEPARATORS.sub("-", package).lower()
            if package and package not in versions:
                versions[package] = version
                if source:
                    sources[package] = source
    return Packages(dict(sorted(versions.items())), dict(sorted(sources.items())))


def _read_dist_info(path: str, stem: str) -> _Found:
    name, _, version = stem.partition("-")
    return name, version, _source(os.path.join(path, "direct_url.json"))


def _read_egg_info(path: str, stem: str) -> _Found:
    name, _, rest = stem.partition("-")
    version = re.sub(r"-py\d\.\d+$", "", rest)
    return name, version or _version_in(os.path.join(path, "PKG-INFO")), {}


def _read_egg_link(path: str, stem: str) -> _Found:
    """Read what ``setup.py develop`` leaves: a file that holds the path of the source folder."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            folder = file.readline().strip()
        infos = [name for name in os.listdir(folder) if name.endswith(".egg-info")]
    except OSError:
        return stem, "", {"editable": True}
    infos.sort(key=lambda name: name != stem.replace("-", "_") + ".egg-info")
    version = _version_in(os.path.join(folder, infos[0], "PKG-INFO")) if infos else ""
    return stem, version, {"editable": True}


_READERS = {
    ".dist-info": _read_dist_info,
    ".egg-info": _read_egg_info,
    ".egg-link": _read_egg_link,
}


def _version_in(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("Version:"):
                    return line[8:].strip()
    except OSError:
        pass
    return ""


def _source(path: str) -> dict[str, Any]:
    """Read where a package came from (PEP 610), {} for an index. Local paths are not kept."""
    try:
        with open(path, "rb") as file:
            told = json.load(file)
        if told.get("dir_info", {}).get("editable"):
            return {"editable": True}
        url = told["url"]
        if url.startswith("file:"):
            return {"local": True}
        source = {"url": mask_text(url)}
        vcs, archive = told.get("vcs_info", {}), told.get("archive_info", {})
        details = {
            "commit": vcs.get("commit_id"),
            "vcs": vcs.get("vcs"),
            "hashes": archive.get("hashes") or _old_hash(archive.get("hash")),
            "subdirectory": told.get("subdirectory"),
        }
        return source | {name: detail for name, detail in details.items() if detail}
    except (OSError, ValueError, KeyError, AttributeError, RecursionError):
        return {}


def _old_hash(told: str | None) -> dict[str, str]:
    """Read the older form of an archive's hash, ``sha256=…``."""
    algorithm, _, value = (told or "").partition("=")
    return {algorithm: value} if value else {}
