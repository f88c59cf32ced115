"""Commits in files: git bundles, which carry code and its history to where no remote reaches.

A bundle is written from the objects alone, so nothing in the repository changes, not even a ref
for a moment. What is taken in goes under ``refs/meticulous/`` and touches no branch, index, work
tree or reflog.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import IO

from meticulous.base.spawn import which
from meticulous.errors import CodeStateError
from meticulous.git.command import KEPT_REFS, environment, first_fatal, has_commit

__all__ = [
    "KEPT_REFS",
    "check_program",
    "fetch_bundle",
    "has_commit",
    "heads",
    "not_carried",
    "write_bundle",
]


def write_bundle(repository: str, tips: Mapping[str, str], out: IO[bytes]) -> None:
    """Write the commits `tips` (full ref -> sha) with their history to the file `out`.

    ``git clone`` of it checks out the first of them. Raises CodeStateError where the repository
    lacks a part of the history, and OSError where `out` cannot be written.
    """
    if _git(repository, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
        raise CodeStateError(
            f"{repository} is a shallow clone, so it lacks the history of its commits",
            "Fetch it (git fetch --unshallow), or export without the code (--code none)",
        )
    first = next(iter(tips.values()))
    header = "# v2 git bundle\n"
    if len(first) > 40:
        header = "# v3 git bundle\n@object-format=sha256\n"
    refs = {"HEAD": first, **tips}
    lines = "".join(f"{sha} {name}\n" for name, sha in refs.items())
    out.write(f"{header}{lines}\n".encode())
    out.flush()
    wanted = "".join(f"{sha}\n" for sha in dict.fromkeys(tips.values()))
    words = ["pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q"]
    done = _git(repository, *words, told=wanted.encode(), out=out)
    if done.returncode != 0:
        reason, todo = first_fatal(done.stderr), "See what `git fsck` says there"
        if "promisor remote" in reason:  # a partial clone
            todo = "Fetch what this clone lacks (git fetch --refetch --no-filter)"
        raise CodeStateError(
            f"git cannot pack the history of {first} in {repository}: {reason}",
            f"{todo}, or export without the code (--code none)",
        )


def not_carried(repository: str, sha: str) -> dict[str, str]:
    """Return what a bundle of the commit `sha` lacks: path -> why. Submodules, and files in LFS."""
    listed = _git(repository, "ls-tree", "-r", "-z", "--full-tree", sha).stdout.split(b"\0")
    found = {}
    for line in listed:
        told, _, path = line.partition(b"\t")
        if told.startswith(b"160000 "):
            commit = told.split(b" ")[2].decode()
            found[os.fsdecode(path)] = (
                f"a submodule, whose commit {commit} is in a repository of its own"
            )
    words = ["grep", "--quiet", "--fixed-strings", "filter=lfs", sha, "--"]
    if _git(repository, *words, ":(top,glob)**/.gitattributes").returncode == 0:
        found["files in LFS"] = (
            "only their pointers are in the repository: fetch them from its remote"
        )
    return found


def heads(repository: str, bundle: str) -> dict[str, str]:
    """Return the commits that the file `bundle` brings: ref -> sha. Raises CodeStateError."""
    told = _git(repository, "bundle", "list-heads", os.path.abspath(bundle))
    if told.returncode != 0:
        raise _damaged(first_fatal(told.stderr))
    lines = [line.partition(" ") for line in os.fsdecode(told.stdout).splitlines()]
    return {ref: sha for sha, _, ref in lines}


def fetch_bundle(repository: str, bundle: str, tips: Mapping[str, str]) -> None:
    """Take the commits `tips` (sha -> ref in the bundle) into `repository`, and keep them.

    Raises CodeStateError where the bundle is damaged or holds other commits.
    """
    own = _git(repository, "rev-parse", "--show-object-format").stdout.strip() or b"sha1"
    if any((own == b"sha256") != (len(sha) > 40) for sha in tips):
        raise CodeStateError(
            f"the commits have other hashes than {repository}, which has {own.decode()}",
            "Import into a repository that has theirs, or leave the code out (--no-code)",
        )
    held = heads(repository, bundle)
    for sha, ref in tips.items():
        if held.get(ref) != sha:
            raise _damaged(f"{ref} is not the commit {sha}")
    wanted = [f"+{ref}:{KEPT_REFS}{sha}" for sha, ref in tips.items()]
    quietly = ["-c", "core.hooksPath=/dev/null", "-c", "core.logAllRefUpdates=false"]
    options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
    options += ["--no-auto-maintenance"]
    words = [*quietly, "fetch", *options, os.path.abspath(bundle), *wanted]
    done = _git(repository, *words, also={"GIT_ALLOW_PROTOCOL": "file"})
    if done.returncode != 0:
        raise _damaged(first_fatal(done.stderr))


def _damaged(reason: str) -> CodeStateError:
    hint = "Get the archive again, or take the runs without their code (--no-code)"
    if "Unable to create" in reason or "unable to create" in reason or "unable to write" in reason:
        hint = "See that the repository can be written, or leave the code out (--no-code)"
    return CodeStateError(f"the code cannot be taken out of its bundle: {reason}", hint)


def check_program() -> str:
    """Return the path of git. Raises CodeStateError where there is none."""
    program = which("git", os.environ.get("PATH"))
    if program is None:
        message = "there is no git program to carry the code"
        raise CodeStateError(message, "Install git, or leave the code out")
    return program


def _git(
    repository: str,
    *words: str,
    told: bytes = b"",
    out: IO[bytes] | int = subprocess.PIPE,
    also: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    program = check_program()
    return subprocess.run(
        [program, "-C", repository, *words],
        input=told,
        stdout=out,
        stderr=subprocess.PIPE,
        env={**environment(repository), "GIT_NO_REPLACE_OBJECTS": "1", **(also or {})},
        check=False,
    )
