"""The packages of a run as a ``pylock.toml`` (PEP 751): a lock that pip and uv install.

A lock names files and their hashes, which an installed package no longer knows. So the package
index is asked for the files of these names and versions: the only thing in meticulous that uses
the network, and only where a user asks for a lock.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from meticulous import __version__
from meticulous.errors import MeticulousError
from meticulous.reproduce.requirements import python_of

if TYPE_CHECKING:
    from packaging.pylock import Package
    from pypi_simple import DistributionPackage, PyPISimple

__all__ = ["Lacking", "default_indexes", "lock"]

PYPI = "https://pypi.org/simple/"
_TIMEOUT_S = 30.0


class Lacking(NamedTuple):
    """A package that the lock cannot hold, and why; `is_local` where no index could know it."""

    name: str
    reason: str
    is_local: bool = False


def default_indexes(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the indexes that pip would ask by its variables; PyPI where there are none."""
    extra = environ.get("PIP_EXTRA_INDEX_URL", "").split()
    return [environ.get("PIP_INDEX_URL") or PYPI, *extra]


def lock(
    environment: Mapping[str, Any], run_id: str, indexes: Sequence[str]
) -> tuple[str, list[Lacking]]:
    """Return the text of a ``pylock.toml`` for environment.json, and what it lacks.

    Raises RunFolderError where the run recorded no Python, MeticulousError where the libraries
    for it are missing or an index cannot be asked.
    """
    python = python_of(environment, run_id)
    try:
        import tomli_w
        from packaging.pylock import Pylock
        from packaging.specifiers import SpecifierSet
        from packaging.version import Version
        from pypi_simple import PyPISimple
    except ImportError as error:
        hint = "Install it: pip install 'meticulous[lock]'"
        raise MeticulousError(f"a lock needs {error.name}, which is not installed", hint) from error
    clients = [PyPISimple(url) for url in indexes]
    sources = environment.get("package-sources") or {}
    packages: list[Package] = []
    lacking: list[Lacking] = []
    for name, version in sorted((environment.get("packages") or {}).items()):
        found = _package(clients, name, version, sources.get(name) or {})
        (lacking if isinstance(found, Lacking) else packages).append(found)  # type: ignore[arg-type]
    minor = ".".join(str(python.get("version")).split(".")[:2])
    content = Pylock(
        lock_version=Version("1.0"),
        created_by=f"meticulous {__version__}",
        requires_python=SpecifierSet(f"=={minor}.*"),
        packages=packages,
    )
    content.validate()
    return tomli_w.dumps(dict(content.to_dict())), lacking


def _package(
    clients: Sequence[PyPISimple], name: str, version: str, source: Mapping[str, Any]
) -> Package | Lacking:
    """Return one package of the lock, from its recorded source or the first index that has it."""
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    if source.get("editable") or source.get("local"):
        return Lacking(name, "it was installed from a local folder", is_local=True)
    key = canonicalize_name(name)
    if source.get("url"):
        return _from_url(key, source)
    try:
        parsed = Version(version)
    except InvalidVersion:
        return Lacking(name, f"{version!r} is no version that a lock can name")
    for client in clients:
        files = _files(client, name, parsed)
        if files:
            return _from_index(key, parsed, client.endpoint, files)
    indexes = " and ".join(client.endpoint for client in clients)
    return Lacking(name, f"{indexes} has no {name} {version} with a hash")


def _from_url(name: Any, source: Mapping[str, Any]) -> Package | Lacking:
    from packaging.pylock import Package, PackageArchive, PackageVcs

    url, commit, folder = source["url"], source.get("commit"), source.get("subdirectory")
    if commit:
        kind = source.get("vcs") or "git"
        return Package(
            name=name, vcs=PackageVcs(type=kind, url=url, commit_id=commit, subdirectory=folder)
        )
    if not source.get("hashes"):
        return Lacking(name, f"the hash of {url} was not recorded")
    archive = PackageArchive(url=url, hashes=source["hashes"], subdirectory=folder)
    return Package(name=name, archive=archive)


def _files(client: PyPISimple, name: str, version: Any) -> list[DistributionPackage]:
    """Ask one index for the files of `version` that have a hash. Raises MeticulousError."""
    from packaging.version import InvalidVersion, Version
    from pypi_simple import NoSuchProjectError, UnsupportedContentTypeError
    from requests import RequestException

    try:
        page = client.get_project_page(name, timeout=_TIMEOUT_S)
    except NoSuchProjectError:
        return []
    except (RequestException, UnsupportedContentTypeError, OSError) as error:
        raise MeticulousError(
            f"cannot ask the package index {client.endpoint} for {name}: {error}",
            "Name an index that can be reached (--index-url), or leave out --lock",
        ) from error
    found = []
    for file in page.packages:
        try:
            is_it = file.version is not None and Version(file.version) == version
        except InvalidVersion:
            continue
        if is_it and file.digests:
            found.append(file)
    return found


def _from_index(
    name: Any, version: Any, index: str, files: Sequence[DistributionPackage]
) -> Package | Lacking:
    from packaging.pylock import Package, PackageSdist, PackageWheel
    from packaging.utils import (
        InvalidSdistFilename,
        InvalidWheelFilename,
        parse_sdist_filename,
        parse_wheel_filename,
    )

    wheels, sdist = [], None
    for file in files:
        words: dict[str, Any] = {
            "name": file.filename,
            "upload_time": file.upload_time,
            "url": file.url.partition("#")[0],
            "size": file.size,
            "hashes": dict(file.digests),
        }
        try:
            if file.package_type == "wheel" and parse_wheel_filename(file.filename)[0] == name:
                wheels.append(PackageWheel(**words))
            elif file.package_type == "sdist" and parse_sdist_filename(file.filename)[0] == name:
                sdist = sdist or PackageSdist(**words)
        except (InvalidWheelFilename, InvalidSdistFilename):
            continue  # an old file, named as no installer names it today
    if not wheels and sdist is None:
        return Lacking(name, f"{index} has {version} in no form that a lock can name")
    return Package(name=name, version=version, index=index, sdist=sdist, wheels=wheels or None)
