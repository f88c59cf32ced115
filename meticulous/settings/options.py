"""Every option of `run` in one table, and the reading of a command line by it.

By hand, because importing argparse and building a parser takes 15 ms.
"""

from __future__ import annotations

from meticulous.base.namedtuple import NamedTuple
from meticulous.errors import SettingsError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = [
    "ASK_OPTIONS",
    "COLLECT",
    "DIRTY",
    "EXPERIMENTS_DIRECTORY",
    "PROJECT_DIRECTORY",
    "RETRIES",
    "RUN_OPTIONS",
    "SAMPLE_INTERVAL",
    "SEEDS",
    "SNAPSHOT_FILE_LIMIT",
    "SNAPSHOT_LIMIT",
    "TIMEOUT",
    "Option",
    "check_choice",
    "parse_options",
]


class Option(NamedTuple):
    """One option of `run`: ``--name``, ``METICULOUS_NAME`` and ``name:`` in meticulous.yaml.

    `kind` is ``text``, ``flag``, ``list`` or ``mapping``.
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
    "what to do with uncommitted changes (default: refuse); snapshot keeps them and new files",
    choices=("refuse", "snapshot", "ignore"),
)
TIMEOUT = Option(
    "timeout",
    "text",
    "end the command after this time, such as 90s, 30m or 2h; exit code 124",
    metavar="TIME",
)
RETRIES = Option(
    "retries", "text", "start a command that fails again, at most N times", metavar="N"
)
SAMPLE_INTERVAL = Option(
    "sample-interval",
    "text",
    "time between two samples of resources; 0 for none (default: 1s, growing to 10s)",
    metavar="TIME",
)
SNAPSHOT_LIMIT = Option(
    "snapshot-limit",
    "text",
    "how much a snapshot may keep, such as 200MB (default: 50MB)",
    metavar="SIZE",
)
SNAPSHOT_FILE_LIMIT = Option(
    "snapshot-file-limit",
    "text",
    "the largest file that a snapshot may keep (default: 10MB)",
    metavar="SIZE",
)
RUN_OPTIONS = (
    PROJECT_DIRECTORY,
    EXPERIMENTS_DIRECTORY,
    Option("experiment-id", "text", "name of the run (default: the next number)", metavar="ID"),
    Option("description", "text", "a sentence on what this run is for", "m", "TEXT"),
    Option("tag", "list", "a word to find the run by; repeatable", "t", "TAG"),
    Option("norecord", "flag", "run the command bare: no folder, uncommitted changes allowed"),
    DIRTY,
    SNAPSHOT_LIMIT,
    SNAPSHOT_FILE_LIMIT,
    Option("no-git", "flag", "the project is in no git repository"),
    Option("pipe", "flag", "give the command pipes, even on a terminal"),
    Option("pty", "flag", "give the command pseudo-terminals, even off a terminal"),
    Option(
        "env", "list", "record this environment variable too (* matches); repeatable", None, "NAME"
    ),
    Option("no-shim", "flag", "put nothing of ours into the command's Python"),
    Option(
        "metrics",
        "list",
        "read metrics from what the command prints: a preset or a pattern; repeatable",
        metavar="PRESET|PATTERN",
    ),
    Option(
        "alert",
        "list",
        "say so, and tag the run, when this holds: 'loss is nan', 'no output for 20m'; repeatable",
        metavar="CONDITION",
    ),
    Option(
        "alert-command", "text", "what is run then, by sh: see docs/alerts.md", metavar="COMMAND"
    ),
    Option("no-collect", "flag", "do not collect what the command logs to trackers"),
    Option("no-ranks", "flag", "each process of srun, mpirun or torchrun is a run of its own"),
    Option("no-sync", "flag", "end without waiting until the record is on the disk"),
    Option("quiet", "flag", "no lines of our own on stderr, but for trouble", "q"),
    Option("detach", "flag", "run in the background, print the id and return", "d", in_file=False),
    TIMEOUT,
    RETRIES,
    SAMPLE_INTERVAL,
    Option(
        "resume",
        "flag",
        "go on in the folder of an earlier run of the same command and code that did not succeed",
        in_file=False,
    ),
    Option(
        "needed",
        "flag",
        "do nothing where a run of the same command and code has succeeded",
        in_file=False,
    ),
)


SEEDS = Option("seeds", "list", "arguments that tell apart repetitions of one experiment")
COLLECT = Option("collect", "flag", "whether to collect what the command logs to trackers")
BETTER = Option("better", "mapping", "whether a higher or a lower value of a column is better")
ASK_OPTIONS = (SEEDS, BETTER)
"""Settings of the commands that ask; they stand in ``meticulous.yaml`` only."""


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
            check_choice(option, value, f"--{option.name}")
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


def check_choice(option: Option, value: str, where: str) -> None:
    """Raise SettingsError, naming `where`, unless `value` is one that `option` can have."""
    if option.choices and value not in option.choices:
        raise SettingsError(f"{where} is {value!r}", f"Set it to {' or '.join(option.choices)}")
