"""Asks for the state of the code in both ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from meticulous.errors import CodeStateError
from meticulous.git import CodeState, capture


def libgit2_alone(repository: Path, exclude: str | None = None) -> CodeState:
    """Capture as on a machine that has no git program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", "/nonexistent")
        return capture(str(repository), exclude)


def ask_both(repository: Path, exclude: str | None = None) -> CodeState:
    """Capture by the git program and by libgit2, find them equal, and return the answer."""
    state = capture(str(repository), exclude)
    alone = libgit2_alone(repository, exclude)
    assert state == alone, f"by git: {state}\nby libgit2: {alone}"
    return state


def error_of_both(repository: Path) -> str:
    """Return the error that both ways end with."""
    with pytest.raises(CodeStateError) as caught:
        capture(str(repository))
    with pytest.raises(CodeStateError) as caught_too:
        libgit2_alone(repository)
    assert str(caught.value) == str(caught_too.value)
    return str(caught.value)
