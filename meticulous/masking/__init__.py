"""Secrets are masked before they reach the disk; what counts as one is decided here.

A value is a secret by its name (``HF_TOKEN``, ``--api-key``), by its shape (``ghp_…``), or by its
place (the password in a URL). ``docs/privacy.md`` states the rules for people. Names of environment
variables are judged strictly; names of arguments with more care, because ``--max-tokens 512`` and
``--pad_token "<pad>"`` are everyday words of the field. Standard library only: `run` imports this.
"""

from __future__ import annotations

import functools
import re

from meticulous.masking.names import is_secret_name, kind_of_name, may_label
from meticulous.masking.shapes import mask_shapes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = [
    "MASK",
    "is_secret_name",
    "mask_command",
    "mask_text",
    "mask_value",
    "mask_variable",
]

MASK = "***"

_PLAIN = r"(?i)|true|false|yes|no|on|off|none|null|~|auto|[-+]?[0-9.]{1,7}(?:e-?\d\d?)?"
_BRACKETED = r"(?s)<.*>|\[.*\]|\{.*\}"
_NUMBER = r"[-+]?\d+(?:\.\d*)?"
_ASSIGNMENT = r"(?s)([-+~]{0,2})([A-Za-z_][\w.@/-]*)=(.*)"
_OPTION = r"--?([A-Za-z_][\w.-]*)"

_PASSWORD_OPTIONS = {
    "az": ("-p",),
    "curl": ("-u", "--user", "--proxy-user", "-U"),
    "docker": ("-p",),
    "helm": ("-p",),
    "http": ("-a",),
    "https": ("-a",),
    "ldapsearch": ("-w",),
    "mariadb": ("-p",),
    "mongosh": ("-p",),
    "mysql": ("-p",),
    "mysqladmin": ("-p",),
    "mysqldump": ("-p",),
    "oc": ("-p",),
    "podman": ("-p",),
    "redis-cli": ("-a",),
    "sshpass": ("-p",),
    "wget": ("--http-password",),
}
"""Program -> its options whose value is a password though the name does not say so."""
_ONLY_ATTACHED = ("mariadb", "mysql", "mysqladmin", "mysqldump")
"""Programs that take the password in the word of the option, and ask where none is there."""
_AFTER_LOGIN = ("az", "docker", "helm", "oc", "podman")
"""Programs whose option has that meaning after the word `login`; ``docker run -p`` is a port."""


def mask_variable(name: str, value: str) -> str:
    """Return the value of an environment variable as it may be written."""
    if is_secret_name(name) and not _is_plain(value):
        return MASK
    return mask_text(value)


def mask_text(text: str) -> str:
    """Return `text` with everything masked that looks like a secret by its shape or its label.

    Labels are ``NAME=value``, ``--name value`` and ``"name": "value"`` within the text, as in the
    argument of ``bash -c``.
    """
    return _mask_labelled(mask_shapes(text, MASK))


def mask_value(name: str, value: Any) -> Any:
    """Return the JSON value of the argument `name` as it may be written, at any depth.

    Below a name that is surely secret (``credentials``) every text and number is masked.
    """
    return _mask_value(value, name, kind_of_name(name))


def mask_command(argv: Sequence[str]) -> list[str]:
    """Return the words of a command line as they may be written; as many as there were."""
    masked = []
    pending = ""  # the option whose value is expected
    program = ""  # one that takes passwords, and has been named
    passwords: tuple[str, ...] = ()
    for place, word in enumerate(argv):
        option = re.fullmatch(_OPTION, word)
        if pending and not option and _is_secret(pending, word):
            masked.append(MASK)
            # One secret, not all that follows, unless the name says that there are several.
            pending = pending if pending.endswith("s") else ""
            continue
        if word in passwords and program not in _ONLY_ATTACHED:
            pending = "password"
            passwords = () if program == "sshpass" else passwords  # another program follows
            masked.append(word)
            continue
        pending = option[1] if option else ""
        if word == "=" and place and kind_of_name(argv[place - 1]) == "sure":
            pending = argv[place - 1]
        if not option:
            program, passwords = _password_options(word, program, passwords)
        attached = next((short for short in passwords if _is_attached(short, word)), None)
        masked.append(_mask_attached(attached, word) if attached else _mask_word(word))
    return masked


def _password_options(
    word: str, program: str, passwords: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """Return the program and its options that take passwords, once `word` has been read."""
    name = word.rpartition("/")[2]
    if name in _PASSWORD_OPTIONS:
        return name, () if name in _AFTER_LOGIN else _PASSWORD_OPTIONS[name]
    if word == "login" and program in _AFTER_LOGIN:
        return program, _PASSWORD_OPTIONS[program]
    return program, passwords


def _is_attached(option: str, word: str) -> bool:
    """Return whether `word` is `option` with its value: ``-pVALUE`` or ``--user=VALUE``."""
    if len(option) > 2:
        return word.startswith(option + "=")
    return word.startswith(option) and len(word) > 2


def _mask_attached(option: str, word: str) -> str:
    return option + ("=" if word.startswith(option + "=") else "") + MASK


def _mask_word(word: str) -> str:
    assignment = re.fullmatch(_ASSIGNMENT, word)
    if assignment and _is_secret_assignment(assignment[1], assignment[2], assignment[3]):
        return f"{assignment[1]}{assignment[2]}={MASK}"
    return mask_text(word)


def _is_secret_assignment(dashes: str, name: str, value: str) -> bool:
    """Judge ``NAME=value``: as an environment variable where it is written as one."""
    if not dashes and name.isupper() and is_secret_name(name):
        return not _is_plain(value)
    return _is_secret(name, value)


def _mask_value(value: Any, name: str, kind: str) -> Any:
    if isinstance(value, dict):
        return {
            key: _mask_value(item, key, kind if kind == "sure" else kind_of_name(str(key)))
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_mask_value(item, name, kind) for item in value]
    if isinstance(value, str):
        return MASK if _is_secret_of_kind(kind, value) else mask_text(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and kind == "sure":
        return MASK
    return value


def _is_secret(name: str, value: str) -> bool:
    return _is_secret_of_kind(kind_of_name(name), value)


def _is_secret_of_kind(kind: str, value: str) -> bool:
    if not kind or re.fullmatch(_BRACKETED, value):
        return False
    if kind == "sure" and re.fullmatch(_NUMBER, value):
        return True
    if _is_plain(value):
        return False
    if kind == "mixed":
        return _looks_like_password(value)
    return kind != "maybe" or _looks_random(value)


def _is_plain(value: str) -> bool:
    """Return whether `value` is a switch or a short number, which hides nothing."""
    return re.fullmatch(_PLAIN, value) is not None


def _looks_random(value: str) -> bool:
    """Return whether `value` holds 12 letters and digits in a row, three of each at least."""
    runs = re.findall(r"[A-Za-z0-9]{12,}", value)
    return any(len(re.findall(r"\d", run)) in range(3, len(run) - 2) for run in runs)


def _looks_like_password(value: str) -> bool:
    """Return whether `value` is no word, number or path: it mixes letters with digits or signs."""
    has_letter = re.search(r"[^\W\d_]", value) is not None
    if not has_letter or len(value) < _SHORTEST_PASSWORD or "/" in value:
        return False
    return re.search(r"\d|[^\w\s.,-]", value) is not None


_SHORTEST_PASSWORD = 6

_LABELLED = r"""(?x)
    (?<![\w.-])
    (?: (?P<quoted>["'])(?P<key>\w[\w.-]*)(?P=quoted)\s*:\s*
      | (?<=[{,])\s*(?P<flow>[A-Za-z_][\w.-]*)\s*:\s*
      | (?P<dashes>--?)?(?P<name>[A-Za-z_][\w.-]*)(?(dashes)(?:=|\s+)|=)
      | (?P<spaced>[A-Za-z_][\w.-]*)(?P<sign>\s*:\s+|\s*=\s*) )
    (?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[^\s;&|,"'}{[][^\s;&|,"'}]*)
"""


@functools.lru_cache(maxsize=1)
def _labelled() -> re.Pattern[str]:
    return re.compile(_LABELLED)


def _mask_labelled(text: str) -> str:
    return _labelled().sub(_mask_match, text) if may_label(text) else text


def _mask_match(match: re.Match[str]) -> str:
    text, value = match[0], match["value"]
    bare = value.strip("\"'")
    name = match["name"] or match["key"] or match["flow"]
    if name is None and not _is_spaced_secret(match["spaced"], match["sign"], bare):
        return text
    if name and not _is_secret_assignment(match["dashes"] or "", name, bare):
        return text
    quote = value[0] if value[0] in "\"'" else ""
    return text[: len(text) - len(value)] + quote + MASK + quote


def _is_spaced_secret(name: str, sign: str, value: str) -> bool:
    """Judge ``password = value`` and ``password: value``; prose has a colon as well."""
    if kind_of_name(name) != "sure" or value == MASK:
        return False
    return _looks_like_password(value) if ":" in sign else _is_secret(name, value)
