"""Copies of config files with their secrets masked, found by the path of keys that leads to them.

A file is parsed in its own language, so that a secret is found in whatever form the language has
for a value. Raises ValueError where a file cannot be parsed: what is in it is then not known.
"""

from __future__ import annotations

import codecs
import json
import re

from meticulous.masking import MASK, mask_text, mask_value
from meticulous.masking.names import kind_of_name, may_label
from meticulous.masking.programs import mentions_program
from meticulous.masking.shapes import mask_shapes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["mask_document"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_COMMENT = r"""(?m)([#;][#; \t-]*["']?([\w.-]+)["']?[ \t]*[:=][ \t]*["']?)([^"'\s#][^"'\n]*)"""
"""A setting that is commented out, in YAML, TOML and INI."""
_PROPERTIES = r"(?:[&!]\S*\s+)*"
"""The anchor and the tag in front of a YAML value."""


def mask_document(content: bytes, ending: str) -> bytes:
    """Return the `content` of a config file with its secrets masked.

    Args:
        content: the bytes of the file, in UTF-8, UTF-16, UTF-32 or an encoding of single bytes.
        ending: the ending of its name, which tells the language: ``.yaml``, ``.json``, …

    Raises ValueError where it cannot be parsed and could hold a secret.
    """
    bom, encoding, text = _decoded(content)
    if not _could_hide(text):
        return content
    try:
        masked = _MASKERS[ending.lower()](text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    masked = re.sub("[#;].*", lambda comment: mask_text(comment[0]), mask_shapes(masked, MASK))
    masked = re.sub(_COMMENT, _masked_comment, masked)
    return content if masked == text else bom + masked.encode(encoding)


def _decoded(content: bytes) -> tuple[bytes, str, str]:
    """Return the byte order mark, the encoding and the text."""
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            return bom, encoding, content[len(bom) :].decode(encoding)
    if b"\0" in content[:4]:  # the first character of a config file is an ASCII one
        wide = "utf-32" if b"\0\0" in content[:4] else "utf-16"
        encoding = wide + ("-be" if content[0] == 0 else "-le")
        return b"", encoding, content.decode(encoding)
    try:
        return b"", "utf-8", content.decode("utf-8")
    except UnicodeDecodeError:
        return b"", "latin-1", content.decode("latin-1")


def _could_hide(text: str) -> bool:
    """Return whether masking could change `text`; an escape may spell any name."""
    may_hide = "\\" in text or may_label(text) or mentions_program(text)
    return may_hide or mask_text(text) != text


def _masked_comment(match: re.Match[str]) -> str:
    start, name, value = match.groups()
    return start + MASK if mask_value(name, value.strip()) == MASK else match[0]


def _yaml(text: str) -> str:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = list(yaml.compose_all(text, Loader=loader))
    except yaml.YAMLError as error:
        raise ValueError("it is no YAML that can be parsed") from error
    spans: dict[int, tuple[int, str]] = {}  # start -> end, what stands there instead
    seen: set[tuple[int, str, str]] = set()
    for document in documents:
        _find_in_yaml(document, "", "", spans, seen)
    parts, at = [], 0
    for start, (end, instead) in sorted(spans.items()):
        old = text[start:end]
        properties = re.match(_PROPERTIES, old)
        left = old[len(old.rstrip()) :]  # a block ends after its line break
        parts += [text[at:start], properties[0] if properties else "", instead, left]
        at = end
    return "".join([*parts, text[at:]])


def _find_in_yaml(
    node: Any,
    name: str,
    kind: str,
    spans: dict[int, tuple[int, str]],
    seen: set[tuple[int, str, str]],
) -> None:
    """Note in `spans` where the secrets in `node` are; `name` and `kind` are those of its key."""
    if node is None or (id(node), name, kind) in seen:  # an alias is the node that it names
        return
    seen.add((id(node), name, kind))
    if node.id == "mapping":
        for key, value in node.value:
            inner = str(key.value) if key.id == "scalar" else name
            _find_in_yaml(key, "", "", spans, seen)
            _find_in_yaml(
                value, inner, kind if kind == "sure" else kind_of_name(inner), spans, seen
            )
    elif node.id == "sequence" and any(item.id != "scalar" for item in node.value):
        for item in node.value:
            _find_in_yaml(item, name, kind, spans, seen)
    else:  # a list of words can be a command line
        scalars = node.value if node.id == "sequence" else [node]
        values = [_plain(scalar) for scalar in scalars]
        found = mask_value("password" if kind == "sure" else name, values)
        for scalar, value, masked in zip(scalars, values, found, strict=True):
            if masked != value:
                is_bare = not scalar.style and masked[0].isalnum()
                spans[scalar.start_mark.index] = (
                    scalar.end_mark.index,
                    masked if is_bare else json.dumps(masked),
                )


def _plain(node: Any) -> Any:
    """Return the value of a scalar as far as masking has to know it."""
    kind = node.tag.rpartition(":")[2]
    if kind in ("null", "bool"):
        return None
    return node.value


def _json(text: str) -> str:
    doubled = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            doubled.append(True)
        return found

    value = json.loads(text, object_pairs_hook=pairs)
    masked = mask_value("", value)
    if masked == value and not doubled:
        return text
    return json.dumps(masked, indent=2, ensure_ascii=False) + "\n"


def _toml(text: str) -> str:
    try:
        import tomllib
    except ImportError:  # Python 3.10
        raise ValueError("this Python cannot parse TOML") from None
    value = tomllib.loads(text.replace("\r\n", "\n"))
    masked = mask_value("", value)
    if masked == value:
        return text
    return "".join(f"{line}\n" for line in _toml_lines(masked, ""))


def _toml_lines(table: dict[str, Any], above: str) -> Iterator[str]:
    """Return a TOML file, a setting a line: its tables are written as dotted keys."""
    for key, value in table.items():
        written = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml_value(key)
        if isinstance(value, dict) and value:
            yield from _toml_lines(value, f"{above}{written}.")
        else:
            yield f"{above}{written} = {_toml_value(value)}"


def _toml_value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(line for line in _toml_lines(value, "")) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def _ini(text: str) -> str:
    import configparser

    parser = configparser.RawConfigParser(strict=False, delimiters=("=", ":"))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string("[top]\n" + text if _starts_bare(text) else text)
    except configparser.Error as error:
        raise ValueError("it is no INI file that can be parsed") from error
    lines, section, name = [], "", ""
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        header = re.match(r"\[(.*)\]", bare)
        if not bare or bare.startswith(("#", ";")):
            lines.append(line)
        elif line[0].isspace() and name:  # it goes on with the value above
            lines.append(_ini_value(section, name, line))
        elif header:
            section, name = header[1], ""
            lines.append(line)
        else:
            start, sign, value = re.split(r"([=:])", line, maxsplit=1)
            name = start.strip()
            lines.append(start + sign + _ini_value(section, name, value))
    return "".join(lines)


def _starts_bare(text: str) -> bool:
    """Return whether settings stand above the first section."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith(("#", ";"))), "[")
    return not first.startswith("[")


def _ini_value(section: str, name: str, text: str) -> str:
    value = text.strip()
    if not value:
        return text
    bare = value.strip("\"'")
    masked = mask_value(name, bare)
    if kind_of_name(section) == "sure":
        masked = mask_value("password", bare)
    if masked == bare and kind_of_name(name) == "sure" and bare[:1] in "[{<":
        masked = MASK  # it is no <pad>, but a list of secrets
    return text if masked == bare else text.replace(value, masked)


_MASKERS = {
    ".yaml": _yaml,
    ".yml": _yaml,
    ".json": _json,
    ".toml": _toml,
    ".ini": _ini,
    ".cfg": _ini,
    ".conf": _ini,
}
