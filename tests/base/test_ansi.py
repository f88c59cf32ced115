"""A terminal obeys nothing of what a program has printed but its colours, if they are kept."""

from __future__ import annotations

import re
from pathlib import Path

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous.base.ansi import unfinished, visible, without_sequences

EVIL = [
    "\x1b\x1b[K[2J", "\x1b[6n", "\x1b[?1049h", "\x1b]52;c;QUJD\x07", "\x1b]52;c;QUJD\x1b\\",
    "\x1b\x1b[0m]0;title\x07", "\x9b6n", "\x1b\x1b[31m[2J", "\x1bc", "\x1b7", "\x1bP1$q\x1b\\",
    "\x1b[" + "1" * 100 + "m", "\x1b]" + "x" * 5000 + "\x07", "a\x08b", "\x0e", "\u202eevil",
    "\x1b[>c", "\x1b[18t", "\x1b#8", "\x1b%G", "\x1b[2 q", "\x1b\x1b]0;x\x07c",
]  # fmt: skip


@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("keeps_colours", [True, False])
def test_no_sequence_is_left_or_made(text: str, keeps_colours: bool) -> None:
    found = visible(f"before {text} after", keeps_colours=keeps_colours)

    assert found.startswith("before ")
    assert found.endswith(" after")
    assert not re.search(r"\x1b(?!\[[0-9;:]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202e]", found)
    if not keeps_colours:
        assert "\x1b" not in found


def test_colours_stay_if_they_are_wanted() -> None:
    text = "\x1b[1;31mred\x1b[0m \x1b[38:2::1:2:3mtrue\x1b[m"

    assert visible(text, keeps_colours=True) == text
    assert visible(text, keeps_colours=False) == "red true"


pieces = st.sampled_from(
    ["\x1b", "[", "]", "K", "2J", "0m", "31m", ";", "\x07", "\\", "P", "6n", "c", "x", "\x9b", "?"]
)


@given(st.lists(pieces, max_size=30))
def test_a_terminal_shows_what_is_left_where_it_stands(parts: list[str]) -> None:
    text = visible("".join(parts), keeps_colours=True)
    screen = pyte.Screen(200, 5)
    pyte.Stream(screen).feed("*" + text + "*")

    plain = re.sub(r"\x1b\[[0-9;:]*m", "", text)
    assert screen.display[0].rstrip() == f"*{plain}*".rstrip()
    assert not any(line.strip() for line in screen.display[1:])


@pytest.mark.parametrize(
    "text",
    ["\x1b]" * 500_000, "\x1b]" + "x" * 1_000_000, "\x1b[" * 500_000, "\x1bP0;\x1b" * 250_000],
)
def test_the_work_grows_with_the_size(text: str) -> None:
    # Four times as much again: with the square of the size this would take an hour.
    assert visible(text * 4, keeps_colours=True)
    assert unfinished(text * 4) > 0


def test_what_may_go_on_is_found_at_the_end() -> None:
    for end in ("\x1b", "\x1b[", "\x1b[31", "\x1b]0;ti", "\x1b]0;ti\x1b", "\x1bP"):
        assert unfinished(f"text{end}") == 4
    assert unfinished("text\x1b[0m") == len("text\x1b[0m")


def test_commands_print_by_the_one_writer() -> None:
    """What stands in runs is printed by _console; elsewhere only words of our own are."""
    allowed = {"_console.py", "_removal.py", "completion.py", "logs.py", "path.py", "checkout.py"}
    root = Path(__file__).parent.parent.parent / "meticulous" / "commands"
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted(root.glob("*.py"))
        if path.name not in allowed
        for line in path.read_text().splitlines()
        if re.search(r"\bprint\(\s*f?[^\"')\s]*\{?(?!f?[\"'])[a-z]", line)
        and "file=sys.stderr" not in line
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[1;31mred\x1b[0m\tone\r\ntwo", "red\tone\r\ntwo"),
        ("\x1b]0;title\x07a\x1b]8;;x\x1b\\b", "ab"),
        ("\x1b[?25lbar\x1b[K", "bar"),
        ("\x1b[2", "\x1b[2"),
        ("none", "none"),
    ],
)
def test_what_is_read_has_no_sequences(text: str, plain: str) -> None:
    assert without_sequences(text) == plain
