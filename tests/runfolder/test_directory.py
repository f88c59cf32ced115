"""The format: names, numbering, and document, code and a fresh run held together."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meticulous import runfolder
from meticulous.child.helper import from_strict, json_bytes
from meticulous.errors import RunFolderError
from meticulous.runfolder import RunFolder
from meticulous.runfolder import directory as store
from tests.conftest import AWKWARD, meticulous, only_run

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "run-folder.md").read_text(encoding="utf-8")
FROZEN = ROOT / "tests" / "data" / "run_v1"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def test_numbers_are_given_in_order_and_never_twice(tmp_path: Path) -> None:
    directory = str(tmp_path / AWKWARD)

    ids = [store.create(directory).id for _ in range(3)]
    os.rmdir(os.path.join(directory, "3"))
    ids.append(store.create(directory).id)

    assert ["1", "2", "3", "4"] == ids


def test_the_number_of_a_run_in_the_trash_is_not_given_again(tmp_path: Path) -> None:
    directory = tmp_path / "experiments"
    store.create(str(directory))
    (directory / runfolder.TRASH).mkdir()
    (directory / "1").rename(directory / runfolder.TRASH / "1")
    (directory / runfolder.HIGHEST_ID).unlink()

    assert "2" == store.create(str(directory)).id


def test_only_plain_numbers_count(tmp_path: Path) -> None:
    for name in ("007", "12a", "baseline", "-3", "٣"):
        (tmp_path / name).mkdir()

    assert "1" == store.create(str(tmp_path)).id


def test_runs_are_listed_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("10", "9", "b", "a", ".trash"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()

    assert ["9", "10", "a", "b"] == store.run_ids(str(tmp_path))


def test_a_given_id_that_exists_is_refused(tmp_path: Path) -> None:
    store.create(str(tmp_path), "baseline")

    with pytest.raises(RunFolderError, match="exists already"):
        store.create(str(tmp_path), "baseline")


@pytest.mark.parametrize("run_id", ["", ".", "..", "a/b", "/", ".trash", "-x", "a\nb", "a" * 256])
def test_an_id_that_is_no_folder_name_is_refused(run_id: str) -> None:
    with pytest.raises(RunFolderError, match="the experiment id"):
        store.check_id(run_id)


def test_git_takes_no_notice_of_the_store(tmp_path: Path) -> None:
    directory = tmp_path / "experiments"

    store.create(str(directory))

    assert "*\n" == (directory / ".gitignore").read_text()


def test_a_gitignore_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")

    store.create(str(tmp_path))

    assert "mine\n" == (tmp_path / ".gitignore").read_text()


@given(json_values)
def test_json_is_strict_and_comes_back(value: object) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    text = json_bytes({"value": value})
    loaded = json.loads(text, parse_constant=refuse)

    assert text.endswith(b"}\n")
    assert repr(_normalised({"value": value})) == repr(from_strict(loaded))


def _normalised(value: object) -> object:
    """The three words that stand for numbers come back as numbers: this much is lost."""
    return from_strict(value) if not isinstance(value, float) else value


def test_a_missing_file_reads_as_empty(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))

    assert {} == run.read_json(runfolder.ARGS)
    assert ("", "") == run.read_status()


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"", b'{"a": ' + b"[" * 100_000])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / runfolder.ARGS).write_bytes(content)

    with pytest.raises(RunFolderError, match=r"args\.json"):
        RunFolder(str(tmp_path)).read_json(runfolder.ARGS)


def test_words_for_numbers_are_numbers_in_arguments_and_words_in_metadata(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))
    run.write_json(runfolder.ARGS, {"limit": float("inf")})
    run.write_json(runfolder.METADATA, {"description": "Infinity"})

    assert {"limit": float("inf")} == run.read_json(runfolder.ARGS)
    assert {"description": "Infinity"} == run.read_metadata()


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    run = RunFolder(str(tmp_path))
    run.write_json(runfolder.METADATA, {"format": runfolder.FORMAT + 1})

    with pytest.raises(RunFolderError, match="Upgrade"):
        run.read_metadata()


def test_the_document_names_every_file_and_key() -> None:
    documented = set(re.findall(r"`([^`\s]+)`", DOCUMENT))
    names = [
        *runfolder.METADATA_KEYS,
        runfolder.RESOURCES,
        runfolder.STATUS,
        runfolder.ARGS,
        runfolder.DEFAULT_ARGS,
        runfolder.METADATA,
        runfolder.ENVIRONMENT,
        runfolder.STDOUT,
        runfolder.STDERR,
        runfolder.TIMELINE,
        runfolder.SUMMARY,
        runfolder.METRICS,
        runfolder.HIGHEST_ID,
        runfolder.REPORTS + "/",
        runfolder.TRASH + "/",
    ]

    assert [] == [name for name in names if name not in documented]


def test_the_document_on_resources_names_every_key_of_usage() -> None:
    text = (Path(__file__).parents[2] / "docs" / "resources.md").read_text()
    documented = set(re.findall(r"`([^`\s]+)`", text))
    names = [*runfolder.USAGE_KEYS, *runfolder.SAMPLED_USAGE_KEYS]
    assert [] == [name for name in names if name not in documented]


def test_a_fresh_run_has_what_the_document_says_and_nothing_else(repository: Path) -> None:
    done = meticulous("run", "-q", "--", "true", cwd=repository)

    run = only_run(repository)
    files = set(os.listdir(run.path))
    metadata = run.read_metadata()
    assert (0, b"") == (done.returncode, done.stderr)
    assert files == {
        runfolder.STATUS,
        runfolder.ARGS,
        runfolder.DEFAULT_ARGS,
        runfolder.METADATA,
        runfolder.ENVIRONMENT,
        runfolder.STDOUT,
        runfolder.STDERR,
        runfolder.TIMELINE,
    }
    assert set(runfolder.METADATA_KEYS) - set(metadata) == {
        "data",
        "imported-from",
        "notes",
        "ranks",
        "recording-trouble",
        "linked",
        "rerun-of",
        "snapshot-left-out",
        "snapshot-submodules",
        "sweep",
    }
    assert set(metadata) <= set(runfolder.METADATA_KEYS)
    assert set(metadata["usage"]) == set(runfolder.USAGE_KEYS)
    assert metadata["format"] == runfolder.FORMAT


def test_the_frozen_folder_still_reads() -> None:
    run = RunFolder(str(FROZEN))

    assert ("ERROR", "ValueError: no digits") == (
        run.read_status()[0],
        run.read_status()[1].splitlines()[-1],
    )
    assert set(run.read_metadata()) <= set(runfolder.METADATA_KEYS)
    assert {"lr": 0.1, "epochs": 5, "limit": float("inf")} == run.read_json(runfolder.ARGS)
    assert {"lr": 0.01, "epochs": 20, "limit": None} == run.read_json(runfolder.DEFAULT_ARGS)
    assert {"loss": 0.25} == run.read_json(runfolder.SUMMARY)
