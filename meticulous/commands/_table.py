"""The table of commands, in the groups of the overview."""

from __future__ import annotations

__all__ = ["COMMANDS", "GROUPS", "module_of", "overview"]

GROUPS = {
    "start here": {
        "run": "run a command and record it",
        "ls": "list the runs of a directory",
        "show": "show everything about a run",
        "metrics": "show what runs have logged, step by step",
        "plot": "draw what runs have logged, in the terminal or into a file",
        "diff": "show what differs between two runs",
    },
    "many runs": {
        "sweep": "run a command for many values, each recorded",
    },
    "while they run": {
        "ps": "show the runs that are running, and how far they are",
        "logs": "print what a run printed",
        "stop": "end running runs",
        "wait": "wait until runs have ended",
        "summary": "save values of the run this is called in",
        "log": "log metrics of the run this is called in",
    },
    "compare": {
        "compare": "show runs side by side",
        "verify": "say whether two runs gave the same",
    },
    "repeat": {
        "rerun": "run a recorded command again, with its code, and verify it",
        "checkout": "put the code of a run into a directory of its own",
        "environment": "print the packages of a run, to install them elsewhere",
        "script": "print a shell script that repeats runs without meticulous",
    },
    "keep": {
        "tag": "add tags to runs, or take them away",
        "note": "write a note into the record of a run",
        "path": "print the folder of a run",
        "rm": "remove runs: they go to the trash",
        "restore": "bring removed runs back",
        "purge": "delete what is in the trash",
        "gc": "remove old, failed or superseded runs",
        "du": "show how much of the disk the runs take",
    },
    "share": {
        "report": "write one page about runs, to send or keep",
        "export": "write runs and their code into one file for others",
        "import": "take in runs that were exported",
    },
    "repair and help": {
        "doctor": "look for what is wrong among the runs",
        "help": "explain filters, columns, or how runs are named",
        "completion": "print the completion script of a shell",
    },
}
"""Group of the overview -> its commands, each with its line."""

COMMANDS = {name: line for group in GROUPS.values() for name, line in group.items()}
"""Command -> its line in the help. The module is ``meticulous.commands.<command>``."""

_MODULES = {"import": "import_"}
"""Command -> its module, where Python would not take the name."""


def module_of(command: str) -> str:
    """Return the name of the module of `command` within ``meticulous.commands``."""
    return _MODULES.get(command, command)


def overview() -> str:
    """Return the help of all commands, in groups."""
    lines = [
        "usage: meticulous COMMAND …",
        "",
        "Record experiments as plain files, and ask about them.",
        "",
    ]
    for title, commands in GROUPS.items():
        lines += [f"{title}:", *(f"  {name:<13}{text}" for name, text in commands.items()), ""]
    lines += [
        "`meticulous COMMAND --help` tells more, with examples.",
        "`meticulous DIRECTORY` is `meticulous ls DIRECTORY`.",
    ]
    return "\n".join(lines)
