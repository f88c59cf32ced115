"""Reading ``meticulous.yaml``; yaml is imported only where there is a file to read."""

from __future__ import annotations

from meticulous.errors import SettingsError
from meticulous.settings.options import ASK_OPTIONS, COLLECT, RUN_OPTIONS, Option, check_choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["SETTINGS_FILE", "from_file"]

SETTINGS_FILE = "meticulous.yaml"


def from_file(path: str) -> dict[str, Any]:
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
    known = {
        option.key: option for option in (*RUN_OPTIONS, *ASK_OPTIONS, COLLECT) if option.in_file
    }
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
    wanted = {"flag": "true or false", "list": "a list of words", "text": "text"}[option.kind]
    raise SettingsError(f"{where}: {option.name} must be {wanted}", f"It is {value!r}")
