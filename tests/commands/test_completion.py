"""Completion in real shells: commands, options, and the ids, tags and columns of the store."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import meticulous
from tests.launch_support import METICULOUS


@pytest.fixture
def project(repository: Path) -> Path:
    for number, tags in enumerate((["-t", "paper"], ["-t", "draft"], []), 1):
        command = ["sh", "-c", "exit 0", "sh", "--lr", f"0.{number}"]
        assert meticulous("run", "-q", *tags, "--", *command, cwd=repository).returncode == 0
    assert meticulous("ls", cwd=repository).returncode == 0  # indexed
    return repository


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which `meticulous` is the one under test."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "meticulous"
    program.write_text("#!/bin/sh\nexec " + " ".join(METICULOUS) + ' "$@"\n')
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "TERM": "dumb"}


def in_bash(words: list[str], project: Path, environment: dict[str, str]) -> list[str]:
    script = meticulous("completion", "bash", cwd=project).stdout.decode()
    quoted = " ".join(f"'{word}'" for word in words)
    ask = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _meticulous; "
    done = subprocess.run(
        ["bash", "-c", script + ask + 'printf "%s\\n" "${COMPREPLY[@]}"'],
        cwd=project, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


def in_fish(line: str, project: Path, environment: dict[str, str]) -> list[str]:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed")
    script = meticulous("completion", "fish", cwd=project).stdout.decode()
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"{script}\ncomplete -C '{line}'"],
        cwd=project, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [one.split("\t")[0] for one in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["meticulous", "sh"], {"show"}),
        (["meticulous", "ls", "--gr"], {"--groupby"}),
        (["meticulous", "show", ""], {"last", "1", "2", "3", "@paper", "@draft"}),
        (["meticulous", "diff", "1", "@"], {"@paper", "@draft"}),
        (["meticulous", "ls", "--tag", "p"], {"paper"}),
        (["meticulous", "ls", "--columns", "expid,args_"], {"expid,args_lr"}),
        (["meticulous", "run", "--", "pyth"], set()),
    ],
)
def test_bash_completes(
    words: list[str], expected: set[str], project: Path, environment: dict[str, str]
) -> None:
    found = set(in_bash(words, project, environment))

    assert expected <= found
    assert all(one.startswith(words[-1]) for one in found)


def test_fish_completes(project: Path, environment: dict[str, str]) -> None:
    assert {"show", "script", "stop"} <= set(in_fish("meticulous s", project, environment))
    assert "--groupby" in in_fish("meticulous ls --gr", project, environment)
    assert {"@paper", "@draft"} <= set(in_fish("meticulous show @", project, environment))
    assert "args_lr" in in_fish("meticulous ls --columns args_", project, environment)


def test_zsh_loads_the_script(project: Path, environment: dict[str, str]) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    done = subprocess.run(
        ["zsh", "-f", "-c", 'eval "$(meticulous completion zsh)"; print $_comps[meticulous]'],
        cwd=project, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "_meticulous" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("tag", ["a$(touch${IFS}pwned)", "`touch${IFS}pwned`", "b;touch", "*"])
def test_a_tag_is_never_run(tag: str, project: Path, environment: dict[str, str]) -> None:
    assert meticulous("run", "-q", "-t", tag, "--", "true", cwd=project).returncode == 0
    assert meticulous("ls", cwd=project).returncode == 0

    found = in_bash(["meticulous", "show", "@"], project, environment)

    assert not (project / "pwned").exists()
    assert len(found) == 3


def test_a_store_that_is_not_there_completes_nothing(tmp_path: Path) -> None:
    for kind in ("runs", "tags", "columns"):
        done = meticulous("completion", "--words", kind, cwd=tmp_path)
        assert done.returncode == 0
        assert set(done.stdout.split()) <= {b"last"}
        assert done.stderr == b""


def test_without_a_shell_it_says_what_to_give(tmp_path: Path) -> None:
    done = meticulous("completion", cwd=tmp_path)

    assert done.returncode != 0
    assert b"bash" in done.stderr
