"""Where the project and its experiments are, and what `run` was asked to do.

One table, :data:`RUN_OPTIONS`, names every option of `run`; the command line, the environment
(``METICULOUS_…``) and ``meticulous.yaml`` are read by it, in this order of precedence. yaml is
imported only where there is a file to read.
"""

from __future__ import annotations

import os

from meticulous.errors import SettingsError, UsageError
from meticulous.records import Record
from meticulous.runfolder import check_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = [
    "ASK_OPTIONS",
    "RUN_OPTIONS",
    "SETTINGS_FILE",
    "Option",
    "Place",
    "RunSettings",
    "find_place",
    "find_repository",
    "for_run",
    "parse_options",
    "seed_names",
]

SETTINGS_FILE = "meticulous.yaml"
DEFAULT_EXPERIMENTS_DIRECTORY = "experiments"
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("", "0", "false", "no", "off")


class Option(Record):
    """One option of `run`: ``--name``, ``METICULOUS_NAME`` and ``name:`` in meticulous.yaml.

    `kind` is ``text``, ``flag`` or ``list``.
    """

    name: str
    kind: str
    help: str
    short: str | None = None
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    in_file: bool = True

    @property
    def key(self) -> str:
        """The name as a Python identifier."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The name of the environment variable."""
        return "METICULOUS_" + self.key.upper()


PROJECT_DIRECTORY = Option(
    "project-directory",
    "text",
    "directory of the project, inside its git repository (default: the git top level)",
    metavar="DIR",
    in_file=False,
)
EXPERIMENTS_DIRECTORY = Option(
    "experiments-directory",
    "text",
    "where the runs are kept, relative to the project directory (default: experiments)",
    metavar="DIR",
)
DIRTY = Option(
    "dirty",
    "text",
    "what to do with uncommitted changes (default: refuse; snapshot is not available yet)",
    choices=("refuse", "snapshot", "ignore"),
)
RUN_OPTIONS = (
    PROJECT_DIRECTORY,
    EXPERIMENTS_DIRECTORY,
    Option("experiment-id", "text", "name of the run (default: the next number)", metavar="ID"),
    Option("description", "text", "a sentence on what this run is for", "m", "TEXT"),
    Option("tag", "list", "a word to find the run by; repeatable", "t", "TAG"),
    Option("norecord", "flag", "run the command bare: no folder, uncommitted changes allowed"),
    DIRTY,
    Option("no-git", "flag", "the project is in no git repository"),
    Option("pipe", "flag", "give the command pipes, even on a terminal"),
    Option("pty", "flag", "give the command pseudo-terminals, even off a terminal"),
    Option(
        "env", "list", "record this environment variable too (* matches); repeatable", None, "NAME"
    ),
    Option("no-shim", "flag", "put nothing of ours into the command's Python"),
    Option("quiet", "flag", "no lines of our own on stderr, but for trouble", "q"),
)


SEEDS = Option("seeds", "list", "arguments that tell apart repetitions of one experiment")
ASK_OPTIONS = (SEEDS,)
"""Settings of the commands that ask; they stand in ``meticulous.yaml`` only."""


class RunSettings(Record):
    """What one `run` was asked to do, from all three sources.

    Directories are absolute. ``repository`` is the git top level that holds the project directory,
    None with ``--no-git`` (or ``--norecord`` outside a repository).
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
    quiet: bool = False


class Place(Record):
    """A project and its experiments directory, both absolute, and its settings file's values."""

    project_directory: str
    repository: str | None
    experiments_directory: str
    values: dict[str, Any]


def parse_options(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Split the words after ``meticulous run`` into our options and the command.

    Options end at ``--`` or at the first word that is none; nothing after that is looked at.
    ``--name value``, ``--name=value``, ``-m value`` and ``-mvalue`` are understood; nothing is
    abbreviated. By hand, because importing argparse and building a parser takes 15 ms.

    Returns the given options under their keys, and the command. Raises UsageError.
    """
    given: dict[str, Any] = {}
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            return given, list(words[position + 1 :])
        if not word.startswith("-") or word == "-":
            break
        option, value = _option_of(word)
        position += 1
        if option.kind == "flag":
            if value is not None:
                raise UsageError(f"--{option.name} takes no value", "Write it alone")
            given[option.key] = True
            continue
        if value is None:
            if position == len(words):
                raise UsageError(f"--{option.name} needs a value", "Write it after the option")
            value = words[position]
            position += 1
        if option.kind == "list":
            given.setdefault(option.key, []).append(value)
        else:
            _check_choice(option, value, f"--{option.name}")
            given[option.key] = value
    return given, list(words[position:])


def _option_of(word: str) -> tuple[Option, str | None]:
    """Find the option that `word` is: (option, the value written in the same word or None)."""
    name, equals, value = word.partition("=")
    for option in RUN_OPTIONS:
        if name in (f"--{option.name}", f"--{option.key}"):
            return option, value if equals else None
        if option.short and word.startswith(f"-{option.short}") and not word.startswith("--"):
            return option, word[2:] or None
    import difflib

    near = difflib.get_close_matches(name, [f"--{option.name}" for option in RUN_OPTIONS], n=1)
    hint = f"Did you mean {near[0]}?" if near else "See `meticulous run --help`"
    raise UsageError(
        f"unknown option {name}", f"{hint} What belongs to the command goes after it, or after --"
    )


def find_repository(directory: str) -> str | None:
    """Give the git top level that holds `directory`, or None.

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
    _check_choice(DIRTY, values.get("dirty", "refuse"), "dirty")
    no_git = values.get("no_git", False)
    norecord = values.get("norecord", False)
    if place.repository is None and not no_git and not norecord:
        raise SettingsError(
            f"{place.project_directory} is in no git repository, so the code cannot be recorded",
            "Run `git init` and commit the code, or say --no-git, or run bare with --norecord",
        )
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
        quiet=values.get("quiet", False),
    )


def find_place(given: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Place:
    """Find the project directory, its repository, its settings file and its experiments.

    The project directory is the given one; else the git top level of the current directory; else
    the nearest directory above with a ``meticulous.yaml``; else the current directory. The
    experiments directory is relative to it, but for one given on the command line or in the
    environment that is absolute.
    """
    early = {
        **_from_environment(environ, (PROJECT_DIRECTORY, EXPERIMENTS_DIRECTORY)),
        **_given(given),
    }
    project = early.get("project_directory")
    if project is None:
        here = _current_directory()
        project = find_repository(here) or _above_with_settings(here) or here
    elif not os.path.isdir(project):
        kind = "is a file" if os.path.exists(project) else "does not exist"
        raise SettingsError(f"the project directory {project} {kind}", "Give a directory")
    project = os.path.abspath(project)
    values = _from_file(os.path.join(project, SETTINGS_FILE))
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
    """Give the arguments that only repeat an experiment, from a settings file's `values`."""
    return tuple(values.get(SEEDS.key, ("seed",)))


def _above_with_settings(directory: str) -> str | None:
    while not os.path.exists(os.path.join(directory, SETTINGS_FILE)):
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent
    return directory


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
    _check_choice(option, text, option.variable)
    return text


def _check_choice(option: Option, value: str, where: str) -> None:
    if option.choices and value not in option.choices:
        raise SettingsError(f"{where} is {value!r}", f"Set it to {' or '.join(option.choices)}")


def _from_file(path: str) -> dict[str, Any]:
    """Read ``meticulous.yaml``; errors name the file and the line."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    return _parse(path, content)


def _parse(path: str, content: bytes) -> dict[str, Any]:
    import yaml

    try:
        node = yaml.compose(content, Loader=yaml.SafeLoader)
        yaml.safe_load(content)  # finds what has no meaning, such as an unknown !!tag
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else path
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SettingsError(f"{where}: not YAML: {problem}", "Mend the line") from error
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError(
            f"{path}, line 1: not a mapping", "Write lines of the form `name: value`"
        )
    known = {option.key: option for option in RUN_OPTIONS + ASK_OPTIONS if option.in_file}
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        name = str(key_node.value)
        where = f"{path}, line {key_node.start_mark.line + 1}"
        option = known.get(name.replace("-", "_"))
        if option is None:
            names = ", ".join(sorted(entry.name for entry in known.values()))
            raise SettingsError(f"{where}: unknown setting {name!r}", f"Known are: {names}")
        values[option.key] = _check_type(option, yaml.safe_load(yaml.serialize(value_node)), where)
    return values


def _check_type(option: Option, value: Any, where: str) -> Any:
    """Give `value` if it has the type of `option`; a single word is taken for a list of one."""
    if option.kind == "flag" and isinstance(value, bool):
        return value
    if option.kind == "list":
        items = value if isinstance(value, list) else [value]
        if all(
            isinstance(item, str | int | float) and not isinstance(item, bool) for item in items
        ):
            return [str(item) for item in items]
    if option.kind == "text" and isinstance(value, str | int) and not isinstance(value, bool):
        _check_choice(option, str(value), f"{where}: {option.name}")
        return str(value)
    wanted = {"flag": "true or false", "list": "a list of words", "text": "text"}[option.kind]
    raise SettingsError(f"{where}: {option.name} must be {wanted}", f"It is {value!r}")
