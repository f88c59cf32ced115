"""The examples in the help are command lines that our parsers take."""

from __future__ import annotations

import importlib
import shlex

import pytest

from meticulous.commands._examples import EXAMPLES
from meticulous.commands._parser import Parser
from meticulous.commands._table import COMMANDS, module_of

OPERATORS = {"|", "||", "&&", ">", "$(", "(", ")", "<"}
LINES = [(command, line) for command, lines in EXAMPLES.items() for line in lines]


def invocations(line: str) -> list[list[str]]:
    """Return the words after each ``meticulous`` of a shell line, up to the next operator."""
    lexer = shlex.shlex(line.replace("$(", " ( "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = []
    is_inside = False
    for word in lexer:
        if word == "meticulous" and not is_inside:
            found.append([])
            is_inside = True
        elif set(word) <= set("|&<>()"):
            is_inside = False
        elif is_inside:
            found[-1].append(word)
    return found


@pytest.mark.parametrize(("command", "line"), LINES, ids=[line for _, line in LINES])
def test_each_example_is_parsed(command: str, line: str) -> None:
    for name, *words in invocations(line):
        module = importlib.import_module(f"meticulous.commands.{module_of(name)}")
        if name == "run":
            assert "--" in words
            continue
        parser = Parser(prog=f"meticulous {name}")
        module.add_arguments(parser)
        own = module.prepare(words) if hasattr(module, "prepare") else words
        parser.parse_args(module.split(own)[0] if hasattr(module, "split") else own)


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_examples_of_a_command_are_of_the_command(command: str) -> None:
    assert len(EXAMPLES[command]) == 3
    assert any(command in (words[0] for words in invocations(line)) for line in EXAMPLES[command])


def test_every_command_has_examples() -> None:
    assert [name for name in COMMANDS if name not in EXAMPLES] == ["help", "completion"]
