"""What differs between the code of two commits."""

from __future__ import annotations

import os

from meticulous.git.command import ask_git, git

__all__ = ["code_difference", "pager"]


def code_difference(
    repository: str, old: str, new: str, *, stat: bool = False, coloured: bool = False
) -> bytes:
    """Return the difference of the code between two commits, as git prints it.

    With `stat` only how many lines changed in which file. Raises CodeStateError where a commit is
    not in the repository, or there is no git program.
    """
    words = ["diff", "--no-ext-diff", "--no-textconv", "-M", "--ignore-submodules=none"]
    words += [
        "--color=always" if coloured else "--no-color",
        "--stat" if stat else "--submodule=diff",
    ]
    return git(repository, *words, f"{old}^{{commit}}", f"{new}^{{commit}}", "--")


def pager(repository: str) -> str:
    """Return the command line with which the user pages what git prints: ``less`` and its like."""
    given = os.environ.get("GIT_PAGER")
    if given is not None:
        return given
    asked = ask_git(repository, ["var", "GIT_PAGER"])
    found = os.fsdecode(asked.answer().stdout.rstrip(b"\n")) if asked else ""
    return found or os.environ.get("PAGER", "less")
