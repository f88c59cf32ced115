"""Arguments of argparse programs, and of parsers that are classes of argparse's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meticulous.arguments import Arguments
from tests.shim_support import run_script

START = "import argparse, sys\nparser = argparse.ArgumentParser()\nadd = parser.add_argument\n"
END = "\nargs = parser.parse_args()\n"


def arguments(tmp_path: Path, text: str, *words: str) -> Arguments:
    child = run_script(tmp_path, text, *words)
    assert child.code == 0, child.stderr
    assert child.report.arguments is not None
    return child.report.arguments


CASES: dict[str, tuple[str, list[str], dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "types": (
        'add("--lr", type=float, default=0.1); add("-n", type=int); add("name")',
        ["--lr", "1e-3", "x"],
        {"lr": 0.001, "n": None, "name": "x"},
        {"lr": 0.1, "n": None, "name": None},
        ("lr", "name"),
    ),
    "a default written as text is converted": (
        'add("--lr", type=float, default="0.1")',
        ["--lr", "2"],
        {"lr": 2.0},
        {"lr": 0.1},
        ("lr",),
    ),
    "given though equal to the default": (
        'add("--lr", type=float, default=0.1); add("--m", default=1)',
        ["--lr=0.1"],
        {"lr": 0.1, "m": 1},
        {"lr": 0.1, "m": 1},
        ("lr",),
    ),
    "nargs": (
        'add("--a", nargs=2, type=int); add("--b", nargs="?", const=7, default=3);'
        ' add("c", nargs="*"); add("--d", nargs="+", default=["z"])',
        ["q", "r", "--a", "1", "2", "--b"],
        {"a": [1, 2], "b": 7, "c": ["q", "r"], "d": ["z"]},
        {"a": None, "b": 3, "c": None, "d": ["z"]},
        ("a", "b", "c"),
    ),
    "append, count, store_const": (
        'add("--tag", action="append"); add("-v", action="count", default=0);'
        ' add("--fast", dest="mode", action="store_const", const="fast", default="slow")',
        ["--tag", "a", "--tag", "b", "-vvv", "--fast"],
        {"tag": ["a", "b"], "v": 3, "mode": "fast"},
        {"tag": None, "v": 0, "mode": "slow"},
        ("tag", "v", "mode"),
    ),
    "BooleanOptionalAction": (
        'add("--amp", action=argparse.BooleanOptionalAction, default=True);'
        ' add("--ema", action=argparse.BooleanOptionalAction, default=False)',
        ["--no-amp"],
        {"amp": False, "ema": False},
        {"amp": True, "ema": False},
        ("amp",),
    ),
    "choices, required, metavar, dest": (
        'add("--opt", choices=["sgd", "adam"], required=True, dest="optimizer")',
        ["--opt", "adam"],
        {"optimizer": "adam"},
        {"optimizer": None},
        ("optimizer",),
    ),
    "groups, parents, mutually exclusive groups": (
        'base = argparse.ArgumentParser(add_help=False); base.add_argument("--seed", type=int);'
        " parser = argparse.ArgumentParser(parents=[base]);"
        ' parser.add_argument_group("model").add_argument("--depth", type=int, default=2);'
        " either = parser.add_mutually_exclusive_group();"
        ' either.add_argument("--cpu", action="store_true");'
        ' either.add_argument("--gpu", action="store_true")',
        ["--seed", "1", "--gpu"],
        {"seed": 1, "depth": 2, "cpu": False, "gpu": True},
        {"seed": None, "depth": 2, "cpu": False, "gpu": False},
        ("seed", "gpu"),
    ),
    "set_defaults with a function": (
        "def train(): pass\nparser.set_defaults(func=train, run=1)",
        [],
        {"func": "train", "run": 1},
        {"func": "train", "run": 1},
        (),
    ),
    "SUPPRESS": (
        'add("--a", default=argparse.SUPPRESS); add("--b", default=argparse.SUPPRESS)',
        ["--a", "1"],
        {"a": "1"},
        {},
        ("a",),
    ),
    "subcommands": (
        'add("-v", action="store_true"); sub = parser.add_subparsers(dest="command");'
        ' sub.add_parser("train").add_argument("--lr", type=float, default=0.1);'
        ' sub.add_parser("test").add_argument("--k", type=int, default=5)',
        ["-v", "train", "--lr", "3"],
        {"v": True, "command": "train", "train": {"lr": 3.0}},
        {"v": False, "command": None, "train": {"lr": 0.1}},
        ("v", "command", "train.lr"),
    ),
    "nested subcommands without a name for the choice": (
        'sub = parser.add_subparsers(); db = sub.add_parser("db"); db.add_argument("--url");'
        ' deep = db.add_subparsers(); up = deep.add_parser("up"); up.add_argument("--n", type=int)',
        ["db", "--url", "u", "up", "--n", "2"],
        {"command": "db", "db": {"url": "u", "command": "up", "up": {"n": 2}}},
        {"db": {"url": None, "up": {"n": None}}},
        ("db.url", "db.up.n"),
    ),
    "a file of arguments": (
        'open("more.txt", "w").write("--lr\\n5\\n");'
        ' parser = argparse.ArgumentParser(fromfile_prefix_chars="@");'
        ' parser.add_argument("--lr", type=float)',
        ["@more.txt"],
        {"lr": 5.0},
        {"lr": None},
        ("lr",),
    ),
    "numbers that are not finite": (
        'add("--a", type=float); add("--b", type=float)',
        ["--a", "inf", "--b=-inf"],
        {"a": float("inf"), "b": float("-inf")},
        {"a": None, "b": None},
        ("a", "b"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_argparse(tmp_path: Path, case: str) -> None:
    text, words, values, defaults, given = CASES[case]

    got = arguments(tmp_path, START + text + END, *words)

    assert values == got.values
    assert defaults == got.defaults
    assert set(given) == set(got.given)
    assert got.source.startswith("argparse in train.py (pid ")


STAGES = (
    "several parses in one process (`parse_known_args`, then the rest)",
    "`parse_args(sys.argv[1:])`, and a subcommand chosen by hand",
)


def test_a_second_stage_completes_the_first(tmp_path: Path) -> None:
    text = START + (
        'add("--config", default="a.yaml"); known, rest = parser.parse_known_args()\n'
        'second = argparse.ArgumentParser(); second.add_argument("--lr", type=float, default=1)\n'
        "second.set_defaults(lr=2.0)\nsecond.parse_args(rest)\n"
    )

    got = arguments(tmp_path, text, "--config", "b.yaml", "--lr", "3")

    assert {"config": "b.yaml", "lr": 3.0} == got.values
    assert {"config": "a.yaml", "lr": 2.0} == got.defaults
    assert {"config", "lr"} == set(got.given)


def test_the_whole_command_line_given_as_a_list_counts(tmp_path: Path) -> None:
    text = START + 'add("--lr"); parser.parse_args(sys.argv[1:])'

    assert {"lr": "1"} == arguments(tmp_path, text, "--lr", "1").values


def test_a_subcommand_chosen_by_hand_counts(tmp_path: Path) -> None:
    text = START + (
        'add("what"); parser.parse_args(sys.argv[1:2])\n'
        'second = argparse.ArgumentParser(); second.add_argument("--k", type=int)\n'
        "second.parse_args(sys.argv[2:])\n"
    )

    assert {"what": "go", "k": 3} == arguments(tmp_path, text, "go", "--k", "3").values


def test_other_lists_do_not_count(tmp_path: Path) -> None:
    text = START + (
        'add("--lr"); parser.parse_args(["--lr", "9"]); parser.parse_args([])\n'
        'other = argparse.ArgumentParser(); other.add_argument("--x"); other.parse_args(["--x", "0"])'
    )

    child = run_script(tmp_path, text, "--lr", "1")

    assert child.report.arguments is None


def test_a_parse_within_a_parse_does_not_count(tmp_path: Path) -> None:
    text = START + (
        "def kind(word):\n"
        '    inner = argparse.ArgumentParser(); inner.add_argument("--z"); inner.parse_known_args()\n'
        "    return word\n"
        'add("--lr", type=kind)'
    )

    assert {"lr": "1"} == arguments(tmp_path, text + END, "--lr", "1").values


def test_what_the_parser_refuses_is_no_argument(tmp_path: Path) -> None:
    child = run_script(tmp_path, START + 'add("--lr", type=float)' + END, "--lr", "x")

    assert child.code == 2
    assert "invalid float value: 'x'" in child.stderr
    refused = child.report.arguments
    assert ({}, {}) == (refused.values, refused.defaults)
    assert refused.source.startswith("refused by the parser of train.py")


def test_arguments_survive_a_crash_at_the_first_step(tmp_path: Path) -> None:
    child = run_script(
        tmp_path, START + 'add("--lr")' + END + "import os; os._exit(9)", "--lr", "1"
    )

    assert child.code == 9
    assert child.report.arguments is not None
    assert {"lr": "1"} == child.report.arguments.values


VALUES = """
import collections, dataclasses, datetime, decimal, enum, pathlib
class Color(enum.Enum): RED = 1
class Level(enum.IntEnum): HIGH = 3
@dataclasses.dataclass
class Point: x: int = 1; inner: dict = dataclasses.field(default_factory=lambda: {"k": (1, 2)})
class Odd: pass
class Bad:
    def __repr__(self): raise ValueError
class Rec(collections.namedtuple("Rec", "a b")): pass
loop = []; loop.append(loop)
parser.set_defaults(
    color=Color.RED, level=Level.HIGH, point=Point(), path=pathlib.Path("a") / "b", rec=Rec(1, None),
    when=datetime.datetime(2026, 1, 2, 3), day=datetime.date(2026, 1, 2), size=decimal.Decimal("1.5"),
    odd=Odd(), bad=Bad(), names={"b", "a"}, bytes=b"\\xff", big=10**30, huge=10**5000, loop=loop,
    file=sys.stdout, kind=Odd, nested={"a": [1, {"b": None}], 2: True}, call=lambda: 0, nan=float("nan"),
    surrogate="\\udcff", emoji="\\U0001f600\\n\\"", space=argparse.Namespace(q=1), c=1j, many=list(range(200000)))
"""


def test_any_value_becomes_json(tmp_path: Path) -> None:
    got = arguments(tmp_path, START + VALUES + END).values

    assert got.pop("nan") != 0
    assert got.pop("loop")[0][0][0] != []
    assert got.pop("many")[:3] == [0, 1, 2]
    assert {
        "color": "RED",
        "level": "HIGH",
        "point": {"x": 1, "inner": {"k": [1, 2]}},
        "path": "a/b",
        "rec": {"a": 1, "b": None},
        "when": "2026-01-02T03:00:00",
        "day": "2026-01-02",
        "size": "1.5",
        "odd": "<__main__.Odd object>",
        "bad": "<Bad>",
        "names": ["a", "b"],
        "bytes": "b'\\xff'",
        "big": 10**30,
        "huge": "<int>",
        "file": "<stdout>",
        "kind": "Odd",
        "nested": {"a": [1, {"b": None}], "2": True},
        "call": "<lambda>",
        "surrogate": "\udcff",
        "emoji": '\U0001f600\n"',
        "space": {"q": 1},
        "c": "1j",
    } == got


def test_numpy_values_become_json(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    text = "import numpy as np\nparser.set_defaults(f=np.float32(0.5), i=np.int64(3), b=np.bool_(True),"
    text += " a=np.arange(3), z=np.array(2.5), d=np.dtype('float16'), t=np.float32, big=np.zeros((99, 99)))"

    got = arguments(tmp_path, START + text + END).values

    assert {
        "f": 0.5,
        "i": 3,
        "b": True,
        "a": [0, 1, 2],
        "z": 2.5,
        "d": "float16",
        "t": "numpy.float32",
        "big": "<ndarray [99, 99] float64>",
    } == got
