"""Where the project and its experiments are, and what `run` was asked to do.

The command line goes before the environment (``METICULOUS_…``), that before the project's
``meticulous.yaml``, and that before the user's own in ``~/.config``; the options themselves stand in one table, in :mod:`meticulous.settings.options`.
"""

from __future__ import annotations

import os

from meticulous.base.namedtuple import NamedTuple
from meticulous.errors import SettingsError, UsageError
from meticulous.runfolder.directory import check_id
from meticulous.settings.file import SETTINGS_FILE, from_file, users_file
from meticulous.settings.options import (
    BETTER,
    DIRTY,
    EXPERIMENTS_DIRECTORY,
    PROJECT_DIRECTORY,
    RUN_OPTIONS,
    SEEDS,
    SNAPSHOT_FILE_LIMIT,
    SNAPSHOT_LIMIT,
    Option,
    check_choice,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = [
    "Place",
    "RunSettings",
    "better",
    "find_place",
    "find_repository",
    "for_run",
    "seed_names",
]

DEFAULT_EXPERIMENTS_DIRECTORY = "experiments"
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("", "0", "false", "no", "off")


class RunSettings(NamedTuple):
    """What one `run` was asked to do, from all sources.

    Directories are absolute. ``repository`` is the git top level that holds the project directory,
    None with ``--no-git`` (or ``--norecord`` outside a repository). Two are no options:
    ``rerun_of`` is the run that `meticulous rerun` repeats, ``sweep`` the point of a sweep that is
    run (its ``id``, ``point`` and ``try``).
    """

    project_directory: str
    repository: str | None
    experiments_directory: str
    experiment_id: str | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    norecord: bool = False
    dirty: str = "refuse"
    pipe: bool = False
    pty: bool = False
    env: tuple[str, ...] = ()
    no_shim: bool = False
    no_collect: bool = False
    metrics: tuple[str, ...] = ()
    alert: tuple[str, ...] = ()
    alert_command: str | None = None
    no_ranks: bool = False
    no_sync: bool = False
    quiet: bool = False
    detach: bool = False
    timeout_s: float | None = None
    sample_interval_s: float | None = None
    retries: int = 0
    resume: bool = False
    needed: bool = False
    rerun_of: str | None = None
    sweep: dict[str, Any] | None = None
    snapshot_limit: int = 50_000_000
    snapshot_file_limit: int = 10_000_000


class Place(NamedTuple):
    """A project and its experiments directory, both absolute, and the values of settings files."""

    project_directory: str
    repository: str | None
    experiments_directory: str
    values: dict[str, Any]


def find_repository(directory: str) -> str | None:
    """Return the git top level that holds `directory`, or None.

    Looks for ``.git`` (a directory, or the file that submodules and worktrees have) in it and
    above. Inherited ``GIT_*`` variables are not followed: a recorder started from a git hook must
    not take the hook's repository for the user's.
    """
    directory = os.path.abspath(directory)
    while True:
        if os.path.exists(os.path.join(directory, ".git")):
            return directory
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def for_run(given: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> RunSettings:
    """Join the command line's values (None where not given), the environment and the file.

    Raises SettingsError or UsageError; nothing is created.
    """
    place = find_place(given, environ)
    values = {**place.values, **_from_environment(environ), **_given(given)}
    if values.get("pipe") and values.get("pty"):
        raise UsageError("--pipe and --pty exclude each other", "Give one of them, or none")
    check_choice(DIRTY, values.get("dirty", "refuse"), "dirty")
    no_git = values.get("no_git", False)
    norecord = values.get("norecord", False)
    if place.repository is None and not no_git and not norecord:
        raise SettingsError(
            f"{place.project_directory} is in no git repository, so the code cannot be recorded",
            "Run `git init` and commit the code, or say --no-git, or run bare with --norecord",
        )
    if norecord:
        _check_unrecorded(values)
    run_id = values.get("experiment_id")
    if run_id is not None:
        check_id(run_id)
    return RunSettings(
        project_directory=place.project_directory,
        repository=None if no_git else place.repository,
        experiments_directory=place.experiments_directory,
        experiment_id=run_id,
        description=values.get("description", ""),
        tags=tuple(dict.fromkeys(values.get("tag", ()))),
        norecord=norecord,
        dirty=values.get("dirty", "refuse"),
        pipe=values.get("pipe", False),
        pty=values.get("pty", False),
        env=tuple(values.get("env", ())),
        no_shim=values.get("no_shim", False),
        metrics=_metrics(values.get("metrics", ())),
        alert=_alerts(values.get("alert", ())),
        alert_command=values.get("alert_command"),
        no_collect=values.get("no_collect", False) or not values.get("collect", True),
        no_ranks=values.get("no_ranks", False),
        no_sync=values.get("no_sync", False),
        quiet=values.get("quiet", False),
        detach=values.get("detach", False),
        timeout_s=_timeout(values.get("timeout")),
        sample_interval_s=_seconds("sample interval", values.get("sample_interval")),
        retries=_retries(values.get("retries", "0")),
        resume=values.get("resume", False),
        needed=values.get("needed", False),
        snapshot_limit=_size(SNAPSHOT_LIMIT, values.get(SNAPSHOT_LIMIT.key, "50MB")),
        snapshot_file_limit=_size(SNAPSHOT_FILE_LIMIT, values.get(SNAPSHOT_FILE_LIMIT.key, "10MB")),
    )


def _check_unrecorded(values: Mapping[str, Any]) -> None:
    """Raise UsageError for what makes no sense without a record."""
    for name in ("detach", "timeout", "retries", "resume", "needed"):
        if values.get(name):
            message = f"--{name} is not possible with --norecord, which runs the command bare"
            raise UsageError(message, "Give one of the two")


def _metrics(presets: Sequence[str]) -> tuple[str, ...]:
    """Check presets and patterns of ``--metrics``. Raises SettingsError."""
    if presets:
        from meticulous.metrics.scrape import check

        for preset in presets:
            check(preset)
    return tuple(dict.fromkeys(presets))


def _alerts(texts: Sequence[str]) -> tuple[str, ...]:
    """Check the conditions of ``--alert``. Raises SettingsError."""
    if texts:
        from meticulous.metrics.alerts import parse

        for text in texts:
            parse(text)
    return tuple(dict.fromkeys(texts))


def _size(option: Option, text: str) -> int:
    """Return the bytes of a limit. Raises SettingsError."""
    from meticulous.base.units import parse_bytes

    try:
        return parse_bytes(text)
    except ValueError as error:
        message = f"{option.name} is {text!r}, which is no size"
        raise SettingsError(message, str(error).capitalize()) from None


def _timeout(text: str | None) -> float | None:
    """Return the seconds of ``--timeout``. Raises SettingsError."""
    seconds = _seconds("timeout", text)
    if seconds is not None and seconds <= 0:
        raise SettingsError(f"the timeout is {text!r}", "Give a time above zero, or none")
    return seconds


def _seconds(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    from meticulous.base.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        message = f"the {name} {text!r} is no time"
        raise SettingsError(message, str(error).capitalize()) from None


def _retries(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise SettingsError(f"retries is {text!r}", "Give a whole number, such as 3")
    return int(text)


def find_place(given: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Place:
    """Find the project directory, its repository, its settings file and its experiments.

    The project directory is the given one; else the git top level of the current directory; else
    the nearest directory above with a ``meticulous.yaml``; else the current directory. The
    settings are those of the user, and over them those of the project. The experiments directory
    is relative to the project, unless it is absolute.
    """
    early = {
        **_from_environment(environ, (PROJECT_DIRECTORY, EXPERIMENTS_DIRECTORY)),
        **_given(given),
    }
    own = users_file(environ)
    project = early.get("project_directory")
    if project is None:
        here = _current_directory()
        project = find_repository(here) or _above_with_settings(here, own) or here
    elif not os.path.isdir(project):
        kind = "is a file" if os.path.exists(project) else "does not exist"
        raise SettingsError(f"the project directory {project} {kind}", "Give a directory")
    project = os.path.abspath(project)
    values = _from_files(os.path.join(project, SETTINGS_FILE), own)
    experiments = early.get("experiments_directory") or values.get(
        "experiments_directory", DEFAULT_EXPERIMENTS_DIRECTORY
    )
    return Place(
        project_directory=project,
        repository=find_repository(project),
        experiments_directory=os.path.normpath(
            os.path.join(project, os.path.expanduser(experiments))
        ),
        values=values,
    )


def _current_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        message = "the current directory has been removed"
        raise SettingsError(message, "Change to one that exists") from None


def seed_names(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the arguments that only repeat an experiment, from a settings file's `values`."""
    return tuple(values.get(SEEDS.key, ("seed",)))


def better(values: Mapping[str, Any]) -> dict[str, str]:
    """Return of which columns a higher or a lower value is better, from a settings file's `values`."""
    return dict(values.get(BETTER.key, {}))


def _from_files(project: str, own: str | None) -> dict[str, Any]:
    """Return the settings of the user (the file `own`), and over them those of the project."""
    values = from_file(own) if own else {}
    if project != own:
        values |= from_file(project, users=own or "~/.config/meticulous.yaml")
    return values


def _above_with_settings(directory: str, own: str | None) -> str | None:
    """Return the nearest directory with a settings file; the user's `own` makes no project."""
    while True:
        file = os.path.join(directory, SETTINGS_FILE)
        if file != own and os.path.exists(file):
            return directory
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent


def _given(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if value is not None}


def _from_environment(
    environ: Mapping[str, str], options: tuple[Option, ...] = RUN_OPTIONS
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for option in options:
        text = environ.get(option.variable)
        if text is None or (not text and option.kind != "flag"):
            continue
        values[option.key] = _convert(option, text)
    return values


def _convert(option: Option, text: str) -> Any:
    if option.kind == "flag":
        word = text.strip().lower()
        if word not in _TRUE + _FALSE:
            raise SettingsError(f"{option.variable} is {text!r}", "Set it to 1 or 0")
        return word in _TRUE
    if option.kind == "list":
        return [part.strip() for part in text.split(",") if part.strip()]
    check_choice(option, text, option.variable)
    return text
