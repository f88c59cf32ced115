"""The types of metadata.json are checked when it is read; code behind that can rely on them."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from meticulous import runfolder
from meticulous.errors import RunFolderError
from meticulous.runfolder import METADATA_KEYS, RunFolder
from meticulous.runfolder.keys import MOST_RANKS, TIMES, wrong_key
from meticulous.runfolder.output import Playback
from meticulous.runfolder.samples import last_sample


def run_with(folder: Path, **files: Any) -> RunFolder:
    """Make a run whose JSON files hold these values."""
    folder.mkdir()
    (folder / "STATUS").write_text("SUCCESS\n")
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return RunFolder(str(folder))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pid", 2147483648),
        ("pid", -1),
        ("pid", True),
        ("child-pid", 1 << 70),
        ("pid-start-time", "soon"),
        ("exit-code", 1.5),
        ("command", {"a": 1}),
        ("command", [["nested"]]),
        ("tags", [{"a": 1}]),
        ("notes", {}),
        ("notes", [{"text": 5}]),
        ("usage", {"wall": "long"}),
        ("usage", {"wall": float("inf")}),
        ("attempts", [{"start-time": 5}]),
        ("ranks", {"size": 30_000_000}),
        ("ranks", {"size": [2]}),
        ("data", [5]),
        ("data", [{"path": []}]),
        ("host", 3),
        ("format", "1"),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_by_name(key: str, value: Any, tmp_path: Path) -> None:
    run = run_with(tmp_path / "1", metadata={key: value})

    with pytest.raises(RunFolderError, match=f"metadata.json: .*'{key}'"):
        run.read_metadata()


@pytest.mark.parametrize("key", sorted(set(METADATA_KEYS) - set(TIMES)))
def test_every_key_may_be_null_and_none_takes_an_object_within_a_list(key: str) -> None:
    assert wrong_key({key: None}) is None
    assert wrong_key({key: [[1]]}) is not None or key == "recording-trouble"


@pytest.mark.parametrize("value", [5, [], {}, True])
@pytest.mark.parametrize("key", TIMES)
def test_a_time_of_a_wrong_type_counts_as_missing(key: str, value: Any, tmp_path: Path) -> None:
    assert run_with(tmp_path / "1", metadata={key: value}).read_metadata()[key] is None


def test_keys_of_others_are_not_looked_at(tmp_path: Path) -> None:
    metadata = {"mine": [[{}]], "ranks": {"size": MOST_RANKS, "mine": []}}

    assert metadata == run_with(tmp_path / "1", metadata=metadata).read_metadata()


@pytest.mark.parametrize(
    "line",
    [
        b"x stdout y z",
        b"1 stdout -5 3",
        b"1 stdout 0 -3",
        b"1 stdout 99999999999999999999 1",
        b"nan stderr 0",
        b"1 \xb2 1 \xff",
        b"",
        b"9" * 10_000,
    ],
)
def test_a_broken_line_of_the_timeline_loses_no_output(line: bytes, tmp_path: Path) -> None:
    run = run_with(tmp_path / "1")
    (tmp_path / "1" / "stdout").write_bytes(b"first\nlast\n")
    (tmp_path / "1" / "timeline").write_bytes(line + b"\n0.1 stdout 0 6\n")
    playback = Playback(run)

    assert b"".join([*playback.new(), *playback.rest()]) == b"first\nlast\n"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("os", True),
        ("python", 5),
        ("python", {"version": [3]}),
        ("packages", "text"),
        ("packages", {"numpy": 2}),
        ("package-sources", {"numpy": "editable"}),
        ("variables", ["PATH"]),
        ("gpus", [5]),
        ("cpu", {"logical": float("nan")}),
    ],
)
def test_the_environment_is_checked_likewise(key: str, value: Any, tmp_path: Path) -> None:
    run = run_with(tmp_path / "1", environment={key: value})

    with pytest.raises(RunFolderError, match=f"environment.json: .*'{key}'"):
        run.read_json("environment.json")


@pytest.mark.parametrize(
    "line", ['{"cpu": "x"}', '{"gpus": [5]}', '{"memory": 1e400}', "[" * 9999, "5"]
)
def test_a_broken_sample_counts_as_none(line: str, tmp_path: Path) -> None:
    run = run_with(tmp_path / "1")
    (tmp_path / "1" / "resources.jsonl").write_text(f'{{"cpu": 1.5}}\n{line}\n')

    assert last_sample(run) == {"cpu": 1.5}


def _literals(module: Path) -> set[str]:
    """Return the keys of metadata.json that `module` spells out; those of one word may mean anything."""
    spelled = {key for key in METADATA_KEYS if "-" in key}
    constants = (
        node.value
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return spelled.intersection(constants)


def test_each_key_is_written_once() -> None:
    package = Path(runfolder.__file__).parent.parent
    written = {
        str(module.relative_to(package)): found
        for module in package.rglob("*.py")
        if "child" not in module.parts and (found := _literals(module))
    }

    assert list(written) == ["runfolder/keys.py"]
    assert written["runfolder/keys.py"] == {key for key in METADATA_KEYS if "-" in key}
