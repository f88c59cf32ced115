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
from meticulous.masking.programs import Reader, commands_in, may_name_program
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
_PLACEHOLDER = r"<[\w |-]*>|\[[A-Z_ ]*\]|\{[\w.$ ]*\}|\{\{[\w.$ ]*\}\}"
"""What stands for a secret that is put in later: ``<password>``, ``{password}``."""
_PAIR = r"[^\s:/@]+:(?!\d{1,5}\Z)[^\s/]{4,}"
"""A user and a password; a host and a port are none."""
_NUMBER = r"[-+]?\d+(?:\.\d*)?"
_ASSIGNMENT = r"(?s)([-+~]{0,2})([A-Za-z_][\w.@/-]*)=(.*)"
_OPTION = r"--?([A-Za-z_][\w.-]*)"


def mask_variable(name: str, value: str) -> str:
    """Return the value of an environment variable as it may be written."""
    if is_secret_name(name) and not _is_plain(value):
        return MASK
    return mask_text(value)


def mask_text(text: str) -> str:
    """Return `text` with everything masked that looks like a secret by its shape or its label.

    Labels are ``NAME=value``, ``--name value`` and ``"name": "value"`` within the text, as in the
    argument of ``bash -c``, and the options of known programs (``mysql -p…``). A list after a label
    is masked whole.
    """
    return _mask_labelled(_mask_commands(mask_shapes(text, MASK)))


def mask_value(name: str, value: Any) -> Any:
    """Return the JSON value of the argument `name` as it may be written, at any depth.

    Below a name that is surely secret (``credentials``) every text and number is masked.
    """
    return _mask_value(value, name, kind_of_name(name))


def mask_command(argv: Sequence[str]) -> list[str]:
    """Return the words of a command line as they may be written; as many as there were."""
    masked = []
    pending = ""  # the option whose value is expected
    reader = Reader()
    for place, word in enumerate(argv):
        option = re.fullmatch(_OPTION, word)
        if pending and not option and _is_secret(pending, word):
            masked.append(MASK)
            # One secret, not all that follows, unless the name says that there are several.
            pending = pending if pending.endswith("s") and not pending.endswith("pass") else ""
            continue
        following = argv[place + 1] if place + 1 < len(argv) else ""
        if reader.announces(word, following):
            pending = "password"
            masked.append(word)
            continue
        pending = option[1] if option else ""
        if word == "=" and place and kind_of_name(argv[place - 1]) == "sure":
            pending = argv[place - 1]
        if not option:
            if reader.logs_in() and _looks_like_password(word):
                masked.append(MASK)
                continue
            reader.read(word)
        attached = reader.attached(word)
        masked.append(_mask_attached(attached, word) if attached else _mask_word(word))
    return masked


def _mask_commands(text: str) -> str:
    """Mask the passwords in command lines that stand in `text`."""
    if not may_name_program(text):
        return text
    parts, at = [], 0
    for command in commands_in(text):
        words = [word for _, _, word in command]
        if words == [text]:
            continue
        for (start, end, word), masked in zip(command, mask_command(words)):  # noqa: B905, Python 3.7 reads this
            if masked != word:
                parts += [text[at:start], masked]
                at = end
    return "".join([*parts, text[at:]])


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
        if kind != "sure" and _is_command(value):
            return mask_command(value)
        return [_mask_value(item, name, kind) for item in value]
    if isinstance(value, str):
        return MASK if _is_secret_of_kind(kind, value) else mask_text(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and kind == "sure":
        return MASK
    return value


def _is_command(values: Sequence[Any]) -> bool:
    """Return whether `values` can be the words of a command line."""
    are_words = all(isinstance(value, str) for value in values)
    return are_words and any(value.startswith("-") for value in values)


def _is_secret(name: str, value: str) -> bool:
    return _is_secret_of_kind(kind_of_name(name), value)


def _is_secret_of_kind(kind: str, value: str) -> bool:
    if not kind or _is_special(kind, value):
        return False
    if kind == "sure" and re.fullmatch(_NUMBER, value):
        return True
    if _is_plain(value):
        return False
    if kind == "mixed":
        return _looks_like_password(value)
    if kind == "pair":
        return re.fullmatch(_PAIR, value) is not None or _looks_random(value)
    return kind != "maybe" or _looks_random(value)


def _is_special(kind: str, value: str) -> bool:
    if kind == "sure":
        return re.fullmatch(_PLACEHOLDER, value) is not None
    return re.fullmatch(_BRACKETED, value) is not None


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
_LONGEST_WORD = 1000
"""Characters of a word that is looked into again; a limit keeps the time linear."""

_LABELLED = r"""(?x)
    (?<![\w.-])
    (?: (?P<quoted>["'])(?P<key>\w[\w.-]*)(?P=quoted)\s*:\s*
      | (?<=[{,])\s*(?P<flow>[A-Za-z_][\w.-]*)\s*:\s*
      | (?P<dashes>--?)?(?P<name>[A-Za-z_][\w.-]*)(?(dashes)(?:=|\s+)|=)
      | (?P<spaced>[A-Za-z_][\w.-]*)(?P<sign>\s*:\s+|\s*=\s*) )
    (?P<value>"(?:[^"\\]|\\.)*"|'[^']*'|[\[{]|[^\s;&|,"'}{[][^\s;&|,"'}]*)
"""


@functools.lru_cache(maxsize=1)
def _labelled() -> re.Pattern[str]:
    return re.compile(_LABELLED)


def _mask_labelled(text: str) -> str:
    if not may_label(text):
        return text
    parts, at = [], 0
    pattern, place = _labelled(), 0
    while True:
        match = pattern.search(text, place)
        if match is None:
            break
        start, end = match.span("value")
        place = start if end - start < _LONGEST_WORD else end  # what is no secret may hold one
        if match["value"] in ("[", "{"):
            name = match["name"] or match["key"] or match["flow"] or match["spaced"]
            end = _end_of_secret_list(name, text, start)
            if end < 0:
                continue
            parts += [text[at:start], f'"{MASK}"' if match["key"] else MASK]
            at = place = end
        elif _is_labelled_secret(match):
            quote = text[start] if text[start] in "\"'" else ""
            parts += [text[at:start], quote, MASK, quote]
            at = place = end
    return "".join([*parts, text[at:]])


def _end_of_secret_list(name: str, text: str, start: int) -> int:
    """Return where the list or mapping at `start` ends; -1 where not all of it is secret."""
    kind = kind_of_name(name)
    if kind == "sure":
        end = _closing(text, start)
        return -1 if re.fullmatch(_PLACEHOLDER, text[start:end]) else end
    if kind != "likely" or text[start] != "[":
        return -1
    end = text.find("]", start) + 1
    return end if "," in text[start:end] else -1


def _closing(text: str, start: int) -> int:
    """Return where the list or mapping that begins at `start` ends; the end of `text` if nowhere."""
    depth = 0
    for match in _brackets().finditer(text, start):
        depth += (match[0] in ("[", "{")) - (match[0] in ("]", "}"))
        if depth == 0:
            return match.end()
    return len(text)


@functools.lru_cache(maxsize=1)
def _brackets() -> re.Pattern[str]:
    return re.compile(r"""[\[{]|[]}]|"(?:[^"\\]|\\.)*"|'[^']*'""")


def _is_labelled_secret(match: re.Match[str]) -> bool:
    bare = match["value"].strip("\"'")
    name = match["name"] or match["key"] or match["flow"]
    if name is None:
        return _is_spaced_secret(match["spaced"], match["sign"], bare)
    return _is_secret_assignment(match["dashes"] or "", name, bare)


def _is_spaced_secret(name: str, sign: str, value: str) -> bool:
    """Judge ``password = value`` and ``password: value``; prose has a colon as well."""
    if kind_of_name(name) != "sure" or value == MASK:
        return False
    return _looks_like_password(value) if ":" in sign else _is_secret(name, value)
