"""Of several parses in one process, those of the program's own command line are recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.shim_support import run_script

OWN = "import argparse, sys\np = argparse.ArgumentParser(); p.add_argument('--lr', type=float, default=0.01)\n"
OTHER = "q = argparse.ArgumentParser(); q.add_argument('--lr', type=float, default=0.9); q.add_argument('--split', default='val')\n"

SEVERAL = {
    "another parser is asked for its defaults": OWN
    + "p.parse_args()\n"
    + OTHER
    + "q.parse_args([])",
    "and with a tuple": OWN + "p.parse_args()\n" + OTHER + "q.parse_known_args(())",
    "asked for defaults before": OWN + OTHER + "q.parse_args([])\np.parse_args()",
    "a tool with an argv of its own": OWN
    + "p.parse_args()\n"
    + OTHER
    + "sys.argv = ['eval', '--lr', '7', '--split', 'test']; q.parse_args()",
    "a tool with other words": OWN + "p.parse_args()\n" + OTHER + "q.parse_args(['--lr', '8'])",
    "a tool whose argv is put back": OWN
    + "p.parse_args()\n"
    + OTHER
    + "old = sys.argv; sys.argv = ['x', '--lr', '7']; q.parse_args(); sys.argv = old",
}


@pytest.mark.parametrize("words", [(), ("--lr", "0.3")], ids=["no words", "words"])
@pytest.mark.parametrize("kind", SEVERAL)
def test_only_the_command_line_counts(kind: str, words: tuple[str, ...], tmp_path: Path) -> None:
    found = run_script(tmp_path, SEVERAL[kind], *words).report.arguments

    assert found.values == {"lr": 0.3 if words else 0.01}
    assert found.given == (("lr",) if words else ())


def test_another_module_that_reads_the_same_command_line_fills_gaps_alone(tmp_path: Path) -> None:
    for name, words, lr in (("given", ["--lr", "0.3"], 0.3), ("bare", [], 0.01)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "plugin.py").write_text("import argparse\n" + OTHER + "q.parse_known_args()\n")
        found = run_script(folder, OWN + "p.parse_args()\nimport plugin", *words).report.arguments

        assert found.values == {"lr": lr, "split": "val"}


def test_defaults_from_a_file_that_the_first_parse_names_are_what_it_ran_with(
    tmp_path: Path,
) -> None:
    code = OWN + (
        "p.add_argument('--config'); p.parse_known_args()\np.set_defaults(lr=0.5)\np.parse_args()"
    )
    for name, words, lr in (("file", [], 0.5), ("both", ["--lr", "2"], 2.0)):
        folder = tmp_path / name
        folder.mkdir()
        found = run_script(folder, code, "--config", "c", *words).report.arguments

        assert found.values == {"lr": lr, "config": "c"}


INTO = {
    "a class": "class Config: name = 'preset'\np.parse_args(namespace=Config)",
    "a module": "import types\nm = types.ModuleType('m'); m.other = 1\np.parse_args(namespace=m)",
    "slots": "class Slots: __slots__ = ('lr',)\np.parse_args(namespace=Slots())",
    "a dictionary": "class D(dict):\n"
    "    def __getattr__(self, name):\n"
    "        if name in self: return self[name]\n"
    "        raise AttributeError(name)\n"
    "    __setattr__ = dict.__setitem__\n"
    "p.parse_args(namespace=D(x=1))",
    "an object with more": "class O: pass\no = O(); o.secret = 1\np.parse_args(namespace=o)",
    "a namespace with more": "p.parse_known_args(None, argparse.Namespace(model='huge'))",
}


@pytest.mark.parametrize("kind", INTO)
def test_whatever_it_is_parsed_into_the_arguments_are_the_parsers(
    kind: str, tmp_path: Path
) -> None:
    found = run_script(tmp_path, OWN + INTO[kind], "--lr", "0.3").report.arguments

    assert found.values == {"lr": 0.3}
