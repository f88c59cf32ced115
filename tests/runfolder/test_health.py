"""What doctor says of records that are not whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meticulous.runfolder import health


@pytest.mark.parametrize("state", ["SUCCESS", "ERROR"])
@pytest.mark.parametrize(
    ("stdout", "stderr", "named"),
    [
        ("said\n", "", []),
        ("", "", ["stdout has 0 bytes, and had 5"]),
        (None, "", ["stdout has 0 bytes, and had 5"]),
        ("sa", "x", ["stdout has 2 bytes, and had 5", "stderr has 1 bytes, and had 0"]),
    ],
)
def test_a_stream_that_is_not_as_long_as_it_was_is_named(
    state: str, stdout: str | None, stderr: str, named: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "1"
    run.mkdir()
    (run / "STATUS").write_text(f"{state}\n")
    sizes = {"format": 1, "bytes": {"stdout": 5, "stderr": 0}}
    (run / "metadata.json").write_text(json.dumps(sizes))
    (run / "stderr").write_text(stderr)
    if stdout is not None:
        (run / "stdout").write_text(stdout)

    found = [one.what for one in health.examine(str(tmp_path)) if one.kind == "shortened"]

    assert [what.partition(" when")[0] for what in found] == named
