"""Command line over environment over file, and every way to get them wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from meticulous import settings
from meticulous.errors import MeticulousError, RunFolderError, SettingsError, UsageError
from meticulous.settings import options
from meticulous.settings.file import SETTINGS_FILE
from tests.conftest import git, meticulous, only_run


@pytest.fixture(autouse=True)
def in_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repository)
    return repository


def test_options_end_at_the_first_word_that_is_none() -> None:
    given, command = options.parse_options(["-q", "--tag", "a", "python", "--tag", "b", "-q"])

    assert ({"quiet": True, "tag": ["a"]}, ["python", "--tag", "b", "-q"]) == (given, command)


def test_options_end_at_two_dashes_and_only_the_first_pair_is_ours() -> None:
    assert ({}, ["--", "x"]) == options.parse_options(["--", "--", "x"])


@pytest.mark.parametrize(
    "words",
    [["-m", "why"], ["-mwhy"], ["--description", "why"], ["--description=why"]],
)
def test_values_can_be_written_in_every_usual_way(words: list[str]) -> None:
    assert ({"description": "why"}, ["true"]) == options.parse_options([*words, "true"])


def test_a_value_may_look_like_an_option() -> None:
    assert ({"description": "-q"}, []) == options.parse_options(["--description", "-q"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--frobnicate", "x"], "unknown option --frobnicate"),
        (["--dir"], "unknown option --dir"),
        (["--experiment-di=x"], "Did you mean --experiment-id"),
        (["--tag"], "--tag needs a value"),
        (["--quiet=yes"], "--quiet takes no value"),
        (["--dirty", "maybe"], "refuse or snapshot or ignore"),
    ],
)
def test_a_wrong_option_is_a_usage_error_that_says_what_to_do(
    words: list[str], message: str
) -> None:
    with pytest.raises(MeticulousError) as caught:
        options.parse_options(words)

    assert message in str(caught.value)


def test_command_line_goes_before_environment_and_that_before_file(in_repository: Path) -> None:
    (in_repository / SETTINGS_FILE).write_text("description: file\ndirty: ignore\ntag: [a, b]\n")
    environ = {"METICULOUS_DESCRIPTION": "environment", "METICULOUS_QUIET": "1"}

    one = settings.for_run({}, {})
    two = settings.for_run({}, environ)
    three = settings.for_run({"description": "line", "tag": ["c"]}, environ)

    assert ("file", "ignore", ("a", "b"), False) == (
        one.description,
        one.dirty,
        one.tags,
        one.quiet,
    )
    assert ("environment", True) == (two.description, two.quiet)
    assert ("line", ("c",)) == (three.description, three.tags)


@pytest.fixture
def users_settings() -> Path:
    file = Path(os.environ["XDG_CONFIG_HOME"], SETTINGS_FILE)
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def test_the_users_settings_lie_beneath_those_of_the_project(
    in_repository: Path, users_settings: Path
) -> None:
    users_settings.write_text("description: mine\nquiet: true\nseeds: [trial]\n")
    (in_repository / SETTINGS_FILE).write_text("description: of the project\n")

    chosen = settings.for_run({"tag": ["a"]})

    assert ("of the project", True, ("a",)) == (chosen.description, chosen.quiet, chosen.tags)
    assert ("trial",) == settings.seed_names(settings.find_place({}).values)
    users_settings.write_text("quiet: maybe\n")
    with pytest.raises(SettingsError, match=f"{users_settings}, line 1"):
        settings.for_run({})


def test_the_users_settings_make_no_project(
    tmp_path: Path, users_settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users_settings.write_text("env: ['*']\n")
    inner = users_settings.parent / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)

    assert str(inner) == settings.find_place({}).project_directory
    given = {"project_directory": str(users_settings.parent)}
    assert {"env": ["*"]} == settings.find_place(given).values


def test_every_variable_is_recorded_for_the_user_who_wants_it_not_for_a_project(
    in_repository: Path, users_settings: Path
) -> None:
    variables = {**os.environ, "ZQ_UNHEARD_OF": "value"}
    (in_repository / SETTINGS_FILE).write_text("env: ['*']\n")
    for words in (("run", "--norecord", "--", "true"), ("ls",), ("doctor",)):
        done = meticulous(*words, cwd=in_repository, env=variables)
        assert 0 != done.returncode
        assert b"meticulous.yaml: env '*' records every variable" in done.stderr
        assert os.fsencode(users_settings) in done.stderr
        assert b"Traceback" not in done.stderr
    (in_repository / SETTINGS_FILE).unlink()
    users_settings.write_text("env: ['*']\n")

    words = ("run", "-q", "--", "true")
    assert 0 == meticulous(*words, cwd=in_repository, env=variables).returncode
    recorded = only_run(in_repository).read_json("environment.json")["variables"]
    assert "value" == recorded["ZQ_UNHEARD_OF"]


def test_the_project_is_the_git_top_level(
    in_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_repository / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(in_repository / "deep" / "down")

    found = settings.for_run({}, {})

    assert str(in_repository) == found.project_directory
    assert str(in_repository) == found.repository
    assert str(in_repository / "experiments") == found.experiments_directory


def test_a_given_project_may_be_a_part_of_the_repository(in_repository: Path) -> None:
    (in_repository / "part").mkdir()

    found = settings.for_run({"project_directory": "part", "experiments_directory": "runs"}, {})

    assert str(in_repository) == found.repository
    assert str(in_repository / "part" / "runs") == found.experiments_directory


def test_a_worktree_is_a_project_of_its_own(
    in_repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(in_repository, "worktree", "add", "-q", str(tmp_path / "other"))
    monkeypatch.chdir(tmp_path / "other")

    assert str(tmp_path / "other") == settings.for_run({}, {}).project_directory


def test_without_a_repository_the_ways_on_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError, match=r"--no-git.*--norecord"):
        settings.for_run({}, {})
    assert settings.for_run({"no_git": True}, {}).repository is None
    assert settings.for_run({"norecord": True}, {}).norecord


def test_without_a_repository_the_settings_file_marks_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SETTINGS_FILE).write_text("no-git: true\n")
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path / "sub")

    assert str(tmp_path) == settings.for_run({}, {}).project_directory


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("dirty: ignore\ntaag: x\n", r"line 2: unknown setting 'taag'"),
        ("dirty: maybe\n", r"line 1: dirty is 'maybe'"),
        ("quiet: 3\n", r"line 1: quiet must be true or false.*It is 3"),
        ("\ntag: {a: b}\n", r"line 2: tag must be a list of words"),
        ("description: [a]\n", r"line 1: description must be text"),
        ("- a\n", r"line 1: not a mapping"),
        ("a: [\n", r"line 2: not YAML"),
        ("description: \x00\n", r"not YAML"),
        ("project-directory: x\n", r"line 1: unknown setting 'project-directory'"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_the_line(
    in_repository: Path, content: str, message: str
) -> None:
    (in_repository / SETTINGS_FILE).write_text(content)

    with pytest.raises(SettingsError, match=message):
        settings.for_run({}, {})


def test_an_empty_file_sets_nothing(in_repository: Path) -> None:
    (in_repository / SETTINGS_FILE).write_text("# nothing\n")

    assert "refuse" == settings.for_run({}, {}).dirty


@pytest.mark.parametrize(("text", "expected"), [("1", True), ("no", False), ("", False)])
def test_flags_in_the_environment(text: str, expected: bool) -> None:
    assert settings.for_run({}, {"METICULOUS_QUIET": text}).quiet is expected


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="METICULOUS_QUIET is 'maybe'"):
        settings.for_run({}, {"METICULOUS_QUIET": "maybe"})


def test_lists_in_the_environment_are_separated_by_commas() -> None:
    assert ("a", "b c") == settings.for_run({}, {"METICULOUS_TAG": "a, b c,"}).tags


def test_pipe_and_pty_exclude_each_other() -> None:
    with pytest.raises(UsageError, match="exclude"):
        settings.for_run({"pipe": True, "pty": True}, {})


def test_a_project_directory_that_is_none_is_refused(in_repository: Path) -> None:
    for name, what in (("nowhere", "does not exist"), ("train.py", "is a file")):
        with pytest.raises(SettingsError, match=what):
            settings.for_run({"project_directory": name}, {})


def test_a_wrong_id_is_refused_before_anything_is_made(in_repository: Path) -> None:
    with pytest.raises(RunFolderError):
        settings.for_run({"experiment_id": "../x"}, {})

    assert not os.path.exists(in_repository / "experiments")


def test_without_the_shim_nothing_of_ours_is_in_the_python_of_the_command(
    in_repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "mine")
    code = "import os, sys; print(os.environ['PYTHONPATH'], 'sitecustomize' in str(sys.meta_path))"

    done = meticulous("run", "-q", "--no-shim", "--", sys.executable, "-c", code, cwd=in_repository)

    run = only_run(in_repository)
    assert b"mine False\n" == done.stdout
    assert "argv" == run.read_metadata()["args-source"]
    assert not os.path.exists(run.file("reports"))
