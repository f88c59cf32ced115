"""Config files named on the command line are kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meticulous.arguments import Arguments
from meticulous.recording import config_files
from meticulous.recording.config_files import MOST_BYTES, copy_configs
from meticulous.runfolder import CONFIG, RunFolder
from tests.conftest import meticulous, only_run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (tmp_path / "run").mkdir()
    return RunFolder(str(tmp_path / "run"))


def copied(run: RunFolder) -> dict[str, str]:
    folder = Path(run.file(CONFIG))
    return {file.name: file.read_text() for file in folder.glob("*")} if folder.exists() else {}


def given(**values: object) -> Arguments:
    return Arguments(values, {}, tuple(values), "test")


def test_a_config_is_copied_once(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("lr: 1\n")

    assert [] == copy_configs(run, given(config="a.yaml"), str(tmp_path))
    assert [] == copy_configs(run, given(config="a.yaml"), str(tmp_path))

    assert {"a.yaml": "lr: 1\n"} == copied(run)


def test_configs_of_one_name_are_both_kept(run: RunFolder, tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.toml").write_text(folder)

    copy_configs(run, given(configs=["x/a.toml", {"more": "y/a.toml"}]), str(tmp_path))

    assert {"a.toml": "x", "a-2.toml": "y"} == copied(run)


def test_a_default_counts_if_it_is_called_config(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a")
    (tmp_path / "b.json").write_text("{}")
    arguments = Arguments({"cfg": "a.yaml", "vocabulary": "b.json"}, {}, (), "test")

    copy_configs(run, arguments, str(tmp_path))

    assert {"a.yaml": "a"} == copied(run)


def test_secrets_in_it_are_masked(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("url: https://bob:hunter2@host/\n")

    copy_configs(run, given(config="a.yaml"), str(tmp_path))

    assert {"a.yaml": "url: https://bob:***@host/\n"} == copied(run)


def test_what_is_no_config_is_left_alone(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "big.json").write_bytes(b" " * (MOST_BYTES + 1))
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    names = [
        "big.json",
        "folder.yaml",
        "pipe.yaml",
        "missing.yaml",
        "a\0b.yaml",
        "x/" * 3000 + "y.yaml",
    ]

    trouble = copy_configs(run, given(config=names), str(tmp_path))

    assert {} == copied(run)
    assert len(trouble) <= 2


def test_run_keeps_the_config_of_the_command(repository: Path) -> None:
    (repository / "c.yaml").write_text("depth: 2\n")
    command = ["run", "--dirty", "ignore", "--", "cat", "--config", "c.yaml"]

    meticulous(*command, cwd=repository)

    assert {"c.yaml": "depth: 2\n"} == copied(only_run(repository))


@pytest.mark.parametrize(
    ("ending", "sign", "line"),
    [
        (".yaml", ":", "password: x1y2z3"),
        (".yaml", ":", "password: 'x1y2z3'"),
        (".yml", ":", "password: x1y2z3  # ours"),
        (".toml", "=", 'password = "x1y2z3"'),
        (".ini", "=", "password = x1y2z3"),
    ],
)
def test_a_secret_in_a_line_of_a_config_file_is_masked(ending: str, sign: str, line: str) -> None:
    top = "[a]\n" if ending == ".ini" else ""
    text = f"{top}lr {sign} 0.1\n{line}\nmax_tokens {sign} 512\n".encode()

    masked = config_files._masked(text, ending)

    assert b"x1y2z3" not in masked
    assert b"***" in masked
    assert f"lr {sign} 0.1\n".encode() in masked
    assert f"max_tokens {sign} 512\n".encode() in masked
