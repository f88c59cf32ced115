"""What differs between the code of two commits."""

from __future__ import annotations

from meticulous.codestate.program import git

__all__ = ["code_difference"]


def code_difference(repository: str, old: str, new: str) -> bytes:
    """Give the difference of the code between two commits, as git prints it.

    Raises CodeStateError where a commit is not in the repository, or there is no git program.
    """
    words = ["diff", "--no-ext-diff", "--no-textconv", "--no-color", f"{old}^{{commit}}"]
    return git(repository, *words, f"{new}^{{commit}}", "--")
