"""Reading ``meticulous.yaml``; yaml is imported only where there is a file to read.

There are two: the user's own, and that of the project, which may come with a clone. What a stranger
must not decide is accepted in the user's alone.
"""

from __future__ import annotations

import os

from meticulous.errors import SettingsError
from meticulous.runfolder.files import read_record
from meticulous.settings.options import ASK_OPTIONS, COLLECT, RUN_OPTIONS, Option, check_choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["SETTINGS_FILE", "from_file", "users_file"]

SETTINGS_FILE = "meticulous.yaml"
_MOST_VALUES = 10_000
_DEEPEST = 50
_LONGEST_SHOWN = 200
_UNLIKE_NAMES = ("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "PGPASSWORD", "HOME_DIRECTORY_9", "ZQJ")


def users_file(environ: Mapping[str, str]) -> str | None:
    """Return where the user's own settings are: ``$XDG_CONFIG_HOME/meticulous.yaml``, or ``~/.config``.

    None for a user without a home.
    """
    base = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # as the XDG specification says of a relative one
        home = environ.get("HOME") or os.path.expanduser("~")
        base = os.path.join(home, ".config")
    return os.path.join(base, SETTINGS_FILE) if os.path.isabs(base) else None


def from_file(path: str, *, users: str | None = None) -> dict[str, Any]:
    """Read a ``meticulous.yaml``; errors name the file and the line.

    `users` is where the user's own settings are, for messages; None where `path` is that file.
    """
    try:
        content = read_record(path)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        if users is None and isinstance(error, PermissionError):
            return {}  # as in git: the home is that of another user, as under sudo
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    values = _parse(path, content)
    if users is not None:
        _refuse_theirs(path, values, users)
    return values


def _refuse_theirs(path: str, values: Mapping[str, Any], users: str) -> None:
    """Raise SettingsError for what a project must not decide: ``env`` that records everything."""
    import fnmatch

    patterns = values.get("env", ())
    if patterns and all(
        any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns) for name in _UNLIKE_NAMES
    ):
        raise SettingsError(
            f"{path}: env {' '.join(patterns)!r} records every variable, secrets too",
            "Name the variables; a pattern that matches everything belongs into your own "
            f"settings, {users}, or --env",
        )


def _parse(path: str, content: bytes) -> dict[str, Any]:
    import yaml

    try:
        node = yaml.compose(content, Loader=yaml.SafeLoader)
        _check_size(path, node)
        yaml.safe_load(content)  # finds what has no meaning, such as an unknown !!tag
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark else path
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise SettingsError(f"{where}: not YAML: {problem}", "Mend the line") from error
    except RecursionError as error:
        raise SettingsError(f"{path}: nested too deeply", "Settings are words and lists") from error
    except ValueError as error:  # an integer of thousands of digits, a date that is none
        message = f"{path}: a value that cannot be read: {error}"
        raise SettingsError(message, "Correct it, or put it in quotes") from error
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError(
            f"{path}, line 1: not a mapping", "Write lines of the form `name: value`"
        )
    return _values(path, node)


def _check_size(path: str, node: Any) -> None:
    """Raise SettingsError where `node` is nested deeply, or larger than any settings are.

    The size is that with each alias written out: aliases of aliases make gigabytes of a few lines.
    """
    left, count = [(node, 0)], 0
    while left:
        one, depth = left.pop()
        count += 1
        if count > _MOST_VALUES or depth > _DEEPEST:
            message = f"{path}: too many values, or nested too deeply"
            raise SettingsError(message, "Settings are words and lists of words")
        for item in one.value if one is not None and one.id != "scalar" else ():
            left += [(inner, depth + 1) for inner in (item if one.id == "mapping" else (item,))]


def _values(path: str, node: Any) -> dict[str, Any]:
    """Return the settings in the mapping `node` by their keys, each checked."""
    import yaml

    known = {
        option.key: option for option in (*RUN_OPTIONS, *ASK_OPTIONS, COLLECT) if option.in_file
    }
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        name = str(key_node.value)[:_LONGEST_SHOWN]
        where = f"{path}, line {key_node.start_mark.line + 1}"
        option = known.get(name.replace("-", "_"))
        if option is None:
            names = ", ".join(sorted(entry.name for entry in known.values()))
            raise SettingsError(f"{where}: unknown setting {name!r}", f"Known are: {names}")
        value = _check_type(option, yaml.safe_load(yaml.serialize(value_node)), where)
        _check_words(option, value, where)
        values[option.key] = value
    return values


def _check_words(option: Option, value: Any, where: str) -> None:
    """Raise SettingsError for a word that no system takes."""
    for word in value if isinstance(value, list) else [value]:
        if isinstance(word, str) and "\0" in word:
            raise SettingsError(f"{where}: {option.name} has a NUL character", "Take it out")


def _check_type(option: Option, value: Any, where: str) -> Any:
    """Return `value` if it has the type of `option`; a single word is taken for a list of one."""
    if option.kind == "flag" and isinstance(value, bool):
        return value
    if option.kind == "list":
        items = value if isinstance(value, list) else [value]
        if all(
            isinstance(item, str | int | float) and not isinstance(item, bool) for item in items
        ):
            return [str(item) for item in items]
    if (
        option.kind == "text"
        and isinstance(value, str | int | float)
        and not isinstance(value, bool)
    ):
        check_choice(option, str(value), f"{where}: {option.name}")
        return str(value)
    if option.kind == "mapping" and isinstance(value, dict):
        wrong = [item for item in value.values() if item not in ("higher", "lower")]
        if not wrong:
            return {str(name): item for name, item in value.items()}
    wanted = {
        "flag": "true or false",
        "list": "a list of words",
        "text": "text",
        "mapping": "names with `higher` or `lower`",
    }[option.kind]
    raise SettingsError(
        f"{where}: {option.name} must be {wanted}", f"It is {repr(value)[:_LONGEST_SHOWN]}"
    )
