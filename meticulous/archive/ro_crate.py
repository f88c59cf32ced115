"""An archive as an RO-Crate, for publication: what was run, by whom, with what, and what came out.

It follows the Process Run Crate profile 0.5 (https://w3id.org/ro/wfrun/process): each run is a
``CreateAction`` whose instrument is the code at its commit, whose objects are the arguments and
the copied configuration, and whose results are what the program printed and saved.
"""

from __future__ import annotations

import json
import mimetypes
import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import timezone
from typing import Any, NamedTuple
from urllib.parse import quote

from meticulous import runfolder
from meticulous.archive.manifest import BUNDLE, SCRIPT, Manifest, PackedRun
from meticulous.base.text import as_bytes
from meticulous.base.timestamps import instant
from meticulous.errors import ArchiveError, MeticulousError
from meticulous.runfolder import RunFolder, keys
from meticulous.runfolder.status import status_of

__all__ = ["Publication", "describe"]

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"

_RECORD = frozenset(
    (
        runfolder.STATUS,
        runfolder.ARGS,
        runfolder.DEFAULT_ARGS,
        runfolder.METADATA,
        runfolder.ENVIRONMENT,
        runfolder.TIMELINE,
        runfolder.RESOURCES,
        runfolder.REPORTS,
        runfolder.CONFIG,
        runfolder.CODE_BUNDLE,
    )
)
"""What a run folder holds beside the results of the program."""

_PLAIN_TEXT = (runfolder.STDOUT, runfolder.STDERR, runfolder.STATUS, runfolder.TIMELINE)
_AUTHOR = re.compile(r"(?P<name>[^<>]*?)\s*(?:<(?P<address>[^<>]+)>)?")


class Publication(NamedTuple):
    """What a record cannot know of itself; all but the licence may be empty.

    `author` is ``NAME`` or ``NAME <ORCID or URL>``, `licence` an SPDX name, an address or a text.
    """

    licence: str
    name: str = ""
    description: str = ""
    author: str = ""


def describe(
    manifest: Manifest, runs: Sequence[RunFolder], publication: Publication
) -> dict[str, bytes]:
    """Return ``ro-crate-metadata.json``, by its name.

    No page for people: that of the library takes ``<pad>`` in an argument for HTML.

    Raises MeticulousError where the library for it is missing, RunFolderError where a run cannot
    be read.
    """
    try:
        from rocrate.rocrate import ROCrate
    except ImportError as error:
        hint = "Install it: pip install 'meticulous[ro-crate]'"
        message = "an RO-Crate needs the library rocrate, which is not installed"
        raise MeticulousError(message, hint) from error
    crate = ROCrate(version="1.1")
    crate.metadata.extra_contexts.append(_TERMS)
    writing = _Crate(crate, manifest)
    writing.describe_root(publication)
    author = writing.author(publication.author)
    for packed, run in zip(manifest.runs, runs, strict=True):
        writing.add_run(packed, run, author)
    content = json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False)
    # A value that is not UTF-8 could be read by nobody else.
    return {"ro-crate-metadata.json": content.encode("utf-8", "replace") + b"\n"}


class _Crate:
    """The crate that is being described; `crate` is the library's."""

    def __init__(self, crate: Any, manifest: Manifest) -> None:
        self._crate = crate
        self._manifest = manifest
        self._files = {name: self._file(name) for name in manifest.files}

    def _file(self, name: str) -> Any:
        told = self._manifest.files[name]
        if any("\ud800" <= character <= "\udfff" for character in name):
            raise ArchiveError(
                f"an RO-Crate cannot hold the file name {name!r}, which is not UTF-8",
                "Rename the file, or export without --ro-crate as .tar.zst or .tar.gz",
            )
        kind = mimetypes.guess_type(name)[0]
        if posixpath.basename(name) in _PLAIN_TEXT:
            kind = "text/plain"
        properties = {
            "name": posixpath.basename(name),
            "contentSize": str(told.size),
            "sha256": told.sha256,
            "encodingFormat": kind or "application/octet-stream",
        }
        # Written by us: the library is only to say what it is.
        return self._crate.add_file(dest_path=name, properties=properties)

    def _add(self, key: str, **properties: Any) -> Any:
        """Return the entity `key`, added if it is new; empty properties are left out."""
        from rocrate.model.contextentity import ContextEntity

        known = self._crate.dereference(key)
        if known is not None:
            return known
        filled = {name.replace("kind", "@type"): item for name, item in properties.items() if item}
        return self._crate.add(ContextEntity(self._crate, key, properties=filled))

    def describe_root(self, publication: Publication) -> None:
        """Say what the whole is."""
        root, ids = self._crate.root_dataset, ", ".join(run.id for run in self._manifest.runs)
        root["name"] = publication.name or f"Runs {ids}"
        root["description"] = publication.description or f"Runs {ids}, recorded by meticulous"
        root["conformsTo"] = self._add(
            PROFILE, kind="CreativeWork", name="Process Run Crate", version="0.5"
        )
        address = licence = publication.licence
        if ":" not in licence:
            address = f"https://spdx.org/licenses/{licence}" if _is_word(licence) else "#licence"
        root["license"] = self._add(
            address,
            kind="CreativeWork",
            name=licence,
            description=f"It may be used under {licence}",
        )

    def author(self, text: str) -> Any | None:
        """Return the person that `text` names; the author of the crate, and the agent of its runs."""
        match = _AUTHOR.fullmatch(text.strip())
        if not text.strip() or match is None:
            return None
        address = match["address"] or f"#{_quoted(match['name'])}"
        if re.fullmatch(r"[\dX]{4}(-[\dX]{4}){3}", address):
            address = f"https://orcid.org/{address}"
        person = self._add(address, kind="Person", name=match["name"] or address)
        self._crate.root_dataset["author"] = person
        return person

    def add_run(self, packed: PackedRun, run: RunFolder, author: Any | None) -> None:
        """Describe one run and its folder."""
        metadata = run.read_metadata()
        environment = run.read_json(runfolder.ENVIRONMENT)
        files = self._files_of(packed)
        key = f"#run-{_quoted(packed.id)}"
        user = str(metadata.get(keys.USER) or "")
        agent = (
            author or (user and self._add(f"#{_quoted(user)}", kind="Person", name=user)) or None
        )
        state, message = status_of(run)
        failed = state in (runfolder.ERROR, runfolder.LOST)
        action = self._add(
            key,
            kind="CreateAction",
            name=f"Run {packed.id}",
            description=str(metadata.get(keys.DESCRIPTION) or "")
            or shlex.join(map(str, metadata.get(keys.COMMAND) or [])),
            startTime=_moment(metadata.get(keys.START_TIME)),
            endTime=_moment(metadata.get(keys.END_TIME)),
            instrument=self._instrument(packed, metadata, environment),
            agent=agent,
            object=[*self._arguments(key, run), *self._among(files, runfolder.CONFIG)],
            result=[file for name, file in files.items() if not _is_record(name)],
            environment=self._variables(key, environment),
            actionStatus=_status(state),
            error=(runfolder.headline(message) or "failed") if failed else None,
        )
        self._crate.root_dataset.append_to("mentions", action)

    def _files_of(self, packed: PackedRun) -> dict[str, Any]:
        """Return the files of a run by their names in its folder."""
        start = f"{packed.folder}/"
        found = {name: file for name, file in self._files.items() if name.startswith(start)}
        return {name.removeprefix(start): file for name, file in found.items()}

    def _among(self, files: Mapping[str, Any], folder: str) -> list[Any]:
        return [file for name, file in files.items() if name.startswith(f"{folder}/")]

    def _arguments(self, key: str, run: RunFolder) -> list[Any]:
        return [
            self._value(f"{key}/args/{_quoted(name)}", name, value)
            for name, value in run.read_json(runfolder.ARGS).items()
        ]

    def _variables(self, key: str, environment: Mapping[str, Any]) -> list[Any]:
        return [
            self._value(f"{key}/environment/{_quoted(name)}", name, value)
            for name, value in (environment.get("variables") or {}).items()
        ]

    def _value(self, key: str, name: str, value: Any) -> Any:
        text = value if isinstance(value, str) else json.dumps(value)
        return self._add(key, kind="PropertyValue", name=name, value=text or " ")

    def _instrument(
        self, packed: PackedRun, metadata: Mapping[str, Any], environment: Mapping[str, Any]
    ) -> Any:
        """Return the code at its commit; the command itself where no code is known."""
        sha = packed.commit or metadata.get(keys.GITHEAD_SHA)
        remote = str(metadata.get(keys.REMOTE) or "")
        python = self._python(environment)
        command = [str(word) for word in metadata.get(keys.COMMAND) or ["?"]]
        if not sha:
            return self._add(
                f"#command-{_quoted(command[0])}",
                kind="SoftwareApplication",
                name=command[0],
                softwareRequirements=python,
            )
        name = posixpath.basename(remote.rstrip("/")).removesuffix(".git")
        return self._add(
            f"https://identifiers.org/swh:1:rev:{sha}",  # the commit, whoever keeps it
            kind="SoftwareSourceCode",
            name=name or f"The code of run {packed.id}",
            description=str(metadata.get(keys.GITHEAD_MESSAGE) or "").strip(),
            version=sha,
            codeRepository=remote,
            url=_page(remote),
            encoding=self._files.get(BUNDLE) if packed.commit else None,
            subjectOf=self._files.get(SCRIPT),
            softwareRequirements=python,
        )

    def _python(self, environment: Mapping[str, Any]) -> Any | None:
        version = str((environment.get("python") or {}).get("version") or "")
        if not version:
            return None
        page = f"https://www.python.org/downloads/release/python-{version.replace('.', '')}/"
        return self._add(
            page, kind="SoftwareApplication", name="Python", softwareVersion=version, url=page
        )


def _is_record(name: str) -> bool:
    """Return whether the file `name` of a run folder says something of the run, and is no result."""
    return (
        name.split("/")[0] in _RECORD
        or re.fullmatch(r"uncommitted\.(\d+\.)?patch", name) is not None
    )


def _quoted(text: str) -> str:
    return quote(as_bytes(text))


def _is_word(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9.+-]+", text) is not None


def _moment(text: Any) -> str | None:
    """Return a time of the record as the profile wants it: whole seconds, and in UTC."""
    moment = instant(text)
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).isoformat(timespec="seconds")


def _page(remote: str) -> str | None:
    """Return the address for people of a git remote, where it tells one."""
    match = re.fullmatch(r"(?:ssh://)?git@([^:/]+)[:/](.+?)(?:\.git)?/?", remote)
    if match:
        return f"https://{match[1]}/{match[2]}"
    return remote.removesuffix(".git") if remote.startswith(("http://", "https://")) else None


def _status(state: str) -> str | None:
    if state == runfolder.SUCCESS:
        return "http://schema.org/CompletedActionStatus"
    if state == runfolder.RUNNING:
        return "http://schema.org/ActiveActionStatus"
    if state in (runfolder.ERROR, runfolder.LOST):
        return "http://schema.org/FailedActionStatus"
    return None
