"""The command of a sweep with places for values, and the command of one point.

Places are written ``{lr}``; ``{{lr}}`` is ``{lr}`` itself, and braces around anything but a name
are left alone. Names without a place are appended in the form that the program parses, which
:mod:`meticulous.sweep.append` finds out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from meticulous.errors import UsageError
from meticulous.sweep.values import ENVIRONMENT

__all__ = ["Part", "check", "command", "placed", "variables"]

Part = str | dict[str, Any]
"""A word, or a flag: ``{"flag": name, "true": [words], "false": [words]}``."""

_PLACE = re.compile(r"\{\{([A-Za-z_][\w.@/+-]*)\}\}|\{([A-Za-z_][\w.@/+-]*)\}")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def placed(words: Iterable[str]) -> list[str]:
    """List the names that have a place in `words`, each once."""
    found = (match[2] for word in words for match in _PLACE.finditer(word) if match[2])
    return list(dict.fromkeys(found))


def check(words: Sequence[str], names: Sequence[str]) -> None:
    """Raise UsageError for a place in `words` that none of `names` fills."""
    for place in placed(words):
        if place not in names:
            near = difflib.get_close_matches(place, names, n=1)
            hint = f"Did you mean {{{near[0]}}}? " if near else ""
            known = ", ".join(names) or "none"
            raise UsageError(
                f"{{{place}}} in the command has no values (names with values: {known})",
                f"{hint}Give {place}=…, or write {{{{{place}}}}} for the braces themselves",
            )


def command(parts: Iterable[Part], values: Mapping[str, str]) -> list[str]:
    """Fill `values` into the template `parts`. Raises UsageError for a flag that is no flag."""
    words: list[str] = []
    for part in parts:
        if isinstance(part, str):
            words.append(
                _PLACE.sub(lambda match: f"{{{match[1]}}}" if match[1] else values[match[2]], part)
            )
            continue
        name = part["flag"]
        value = values[name].lower()
        if value not in _TRUE + _FALSE:
            hint = "It is a flag of the program: give true and false"
            raise UsageError(f"{name}={values[name]} is no truth value", hint)
        words += part["true" if value in _TRUE else "false"]
    return words


def variables(values: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a point."""
    return {
        name[len(ENVIRONMENT) :]: text
        for name, text in values.items()
        if name.startswith(ENVIRONMENT)
    }
