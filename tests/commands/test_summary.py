"""``meticulous summary``: values from programs of any language."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from meticulous.arguments import reports
from meticulous.runfolder import METADATA, SUMMARY, RunFolder
from tests.conftest import meticulous, only_run
from tests.launch_support import METICULOUS

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    (tmp_path / "3").mkdir()
    monkeypatch.setenv("METICULOUS_RUN_DIR", str(tmp_path / "3"))
    return RunFolder(str(tmp_path / "3"))


def test_words_are_typed(run: RunFolder, tmp_path: Path) -> None:
    words = ["loss=0.12", "n=3", "ok=true", "none=null", "name=a b=c", "nan=nan", "list=[1, 2]"]
    words += ["time=12_3", "small=.5", "text=True", "empty="]

    done = meticulous("summary", *words, cwd=tmp_path)

    assert 0 == done.returncode, done.stderr
    got = run.read_json(SUMMARY)
    assert got.pop("nan") != 0
    assert {
        "loss": 0.12,
        "n": 3,
        "ok": True,
        "none": None,
        "name": "a b=c",
        "list": [1, 2],
        "time": "12_3",
        "small": 0.5,
        "text": True,
        "empty": "",
    } == got


def test_a_json_file_and_stdin(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": {"b": 1}}')

    meticulous("summary", "--json", "a.json", "c=2", cwd=tmp_path)
    meticulous("summary", "--json", "-", cwd=tmp_path, input=b'{"d": 3}')

    assert {"a": {"b": 1}, "c": 2, "d": 3} == run.read_json(SUMMARY)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["loss"], b"'loss' is not NAME=VALUE"),
        (["=3"], b"'=3' is not NAME=VALUE"),
        ([], b"nothing to save"),
        (["--json", "missing.json"], b"cannot read missing.json: No such file"),
        (["--json", "broken.json"], b"cannot read broken.json: it is not JSON"),
        (["--json", "list.json"], b"it holds no JSON object"),
    ],
)
def test_bad_input_is_one_message(
    run: RunFolder, tmp_path: Path, words: list[str], message: bytes
) -> None:
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")

    done = meticulous("summary", *words, cwd=tmp_path)

    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert 1 == done.stderr.count(b"\n")
    assert {} == run.read_json(SUMMARY)


def test_outside_a_run_it_does_nothing(tmp_path: Path) -> None:
    done = meticulous("summary", "loss=1", cwd=tmp_path)

    assert (0, b"", b"") == (done.returncode, done.stdout, done.stderr)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("example", "program", "names"),
    [("count_words.sh", "sh", {"words", "longest"}), ("estimate_pi.awk", "awk", {"pi", "points"})],
)
def test_the_examples_save_a_summary(
    repository: Path, example: str, program: str, names: set[str]
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"no {program}")
    words = [program, "-f"] if program == "awk" else [program]

    environ = {**os.environ, "PATH": os.path.dirname(METICULOUS[0]) + ":" + os.environ["PATH"]}

    done = meticulous("run", "--", *words, EXAMPLES / example, cwd=repository, env=environ)

    assert 0 == done.returncode, done.stderr
    run = only_run(repository)
    assert names == set(run.read_json(SUMMARY))
    assert "argv" == run.read_json(METADATA)["args-source"]
    assert reports.read(run).interpreter is None
