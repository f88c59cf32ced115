"""Secrets in what a process reports of itself are masked before they reach the disk."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meticulous import masking
from meticulous.masking import programs
from meticulous.masking import shapes as secretshapes
from tests.masking.test_corpus import COMMANDS, KEPT
from tests.shim_support import STARTUP, run_script

PYTHON_36 = Path.home() / ".pyenv/versions/3.6.15/bin/python"
KEY = "sk-" + "a1b2c3d4" * 5

SCRIPT = """
import argparse
parser = argparse.ArgumentParser()
for name in ("--api-key", "--max-tokens", "--url", "--config", "--lr"):
    parser.add_argument(name, default={})
parser.set_defaults(nested={"password": "hunter2", "n": 1})
args = parser.parse_args()
raise ValueError("cannot log in with --password hunter2 to " + args.url)
"""


@pytest.fixture(scope="module")
def secrets() -> ModuleType:
    """The module of the shim, loaded by itself."""

    class Start:
        @staticmethod
        def spec_of_file(name: str, file: str) -> Any:
            return importlib.util.spec_from_file_location(name, file)

    path = f"{STARTUP}/_meticulous_secrets.py"
    spec = importlib.util.spec_from_file_location("_secrets_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__["load"] = lambda name: Start
    spec.loader.exec_module(module)
    return module


def test_no_secret_reaches_a_report(tmp_path: Path) -> None:
    words = [
        "--api-key",
        KEY,
        "--max-tokens",
        "512",
        "--url=https://bob:hunter2@host/x",
        "--lr",
        "1",
    ]

    child = run_script(tmp_path, SCRIPT, *words)

    (file,) = (tmp_path / "run" / "reports").glob("*.json")
    assert "hunter2" not in file.read_text()
    assert KEY not in file.read_text()
    assert child.report.arguments is not None
    assert {
        "api_key": "***",
        "max_tokens": "512",
        "url": "https://bob:***@host/x",
        "config": {},
        "lr": "1",
        "nested": {"password": "***", "n": 1},
    } == child.report.arguments.values
    assert child.report.interpreter is not None
    assert ["--api-key", "***"] == child.report.interpreter["argv"][1:3]
    assert child.report.traceback is not None
    assert "cannot log in" in child.report.traceback
    assert "_meticulous" not in child.stderr
    assert "hunter2" in child.stderr


def test_the_rules_are_loaded_only_where_they_may_matter(tmp_path: Path) -> None:
    text = "import argparse, sys; p = argparse.ArgumentParser(); p.add_argument('--lr'); p.parse_args()\n"
    text += (
        "print('_meticulous_masking' in sys.modules, [m for m in sys.modules if 'secretsh' in m])"
    )

    assert "False []" in run_script(tmp_path, text, "--lr", "1").stdout


def test_no_module_of_the_package_appears_in_the_program(tmp_path: Path) -> None:
    text = "import argparse, sys; p = argparse.ArgumentParser(); p.add_argument('--key'); p.parse_args()\n"
    text += "print([m for m in sys.modules if m.startswith('meticulous')])"

    assert "[]" in run_script(tmp_path, text, "--key", KEY).stdout


@pytest.mark.skipif(not PYTHON_36.exists(), reason="no Python 3.6")
def test_an_old_python_masks_all_that_could_be_one(tmp_path: Path) -> None:
    python = str(PYTHON_36)

    child = run_script(tmp_path, SCRIPT, "--api-key", KEY, "--lr", "1", python=python)

    (file,) = (tmp_path / "run" / "reports").glob("*.json")
    assert KEY not in file.read_text()
    assert child.report.arguments is not None
    assert "1" == child.report.arguments.values["lr"]


@settings(max_examples=300)
@given(text=st.one_of([st.from_regex(shape, fullmatch=True) for shape in secretshapes._TOKENS]))
def test_every_token_shape_is_noticed(secrets: ModuleType, text: str) -> None:
    assert secrets.mask_text(text) == masking.mask_text(text)


@given(text=st.from_regex(secretshapes._IN_PLACE))
def test_every_place_of_a_secret_is_noticed(secrets: ModuleType, text: str) -> None:
    assert secrets.mask_text(text) == masking.mask_text(text)


@given(
    name=st.sampled_from(
        ["lr", "hub_token", "tokenizer", "PASSWORD", "author", "x-api-key", "sig"]
    ),
    value=st.recursive(
        st.sampled_from(
            [KEY, "x", "a" * 30, 512, 1.5, None, True, "https://u:p@h", "--key=" + KEY]
        ),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "pwd"]), inner),
        max_leaves=5,
    ),
)
def test_values_are_masked_as_the_rest_of_the_product_masks_them(
    secrets: ModuleType, name: str, value: Any
) -> None:
    assert secrets.mask_value(name, value) == masking.mask_value(name, value)


@pytest.mark.parametrize("words", COMMANDS + KEPT, ids=" ".join)
def test_the_corpus_is_masked_as_the_rest_of_the_product_masks_it(
    secrets: ModuleType, words: list[str]
) -> None:
    assert secrets.mask_words(words) == masking.mask_command(words)
    assert secrets.mask_value("x", words) == masking.mask_value("x", words)
    assert secrets.mask_value("x", repr(words)) == masking.mask_value("x", repr(words))
    assert [secrets.mask_text(word) for word in words] == [
        masking.mask_text(word) for word in words
    ]


def test_every_program_that_takes_a_password_is_noticed(secrets: ModuleType) -> None:
    assert secrets._PROGRAMS == programs.PROGRAMS
