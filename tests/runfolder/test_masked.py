"""No text reaches STATUS or metadata.json with a secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from meticulous.runfolder import ERROR, METADATA, STATUS, RunFolder

TOKEN = "ghp_" + "aB3dE5gH7jK9" * 3


@pytest.mark.parametrize("key", ["description", "branch", "reason"])
def test_a_text_of_the_metadata_is_masked(tmp_path: Path, key: str) -> None:
    RunFolder(str(tmp_path)).write_json(METADATA, {key: f"with {TOKEN}", "format": 1})

    text = (tmp_path / METADATA).read_text()
    assert TOKEN not in text and "with ***" in text


@pytest.mark.parametrize("key", ["tags", "untracked", "recording-trouble"])
def test_each_of_a_list_is_masked(tmp_path: Path, key: str) -> None:
    RunFolder(str(tmp_path)).write_json(METADATA, {key: ["plain", f"t{TOKEN}"], "format": 1})

    text = (tmp_path / METADATA).read_text()
    assert TOKEN not in text and "plain" in text and "t***" in text


@pytest.mark.parametrize("said", [f"exit code 1: {TOKEN}", "no access with password = hunter2x"])
def test_status_is_masked(tmp_path: Path, said: str) -> None:
    RunFolder(str(tmp_path)).write_status(ERROR, said)

    text = (tmp_path / STATUS).read_text()
    assert TOKEN not in text and "hunter2x" not in text and text.startswith("ERROR\n")
