"""What training loops print of their speed is no difference; their results are."""

from __future__ import annotations

from pathlib import Path

import pytest

from meticulous.comparison.normalise import Normaliser
from meticulous.runfolder import RunFolder


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Time 0.7 ( 0.722) Loss 2.1 (2.3)", "Time 0.9 ( 0.801) Loss 2.1 (2.3)", True),
        ("Time  0.698 (0.722)", "Time  0.7 (0.9)", True),
        ("SPS: 5643", "SPS: 5701", True),
        ("SPS=12.5", "SPS=13", True),
        ("Time 0.7 ( 0.722) Loss 2.1 (2.3)", "Time 0.7 ( 0.722) Loss 2.1 (2.4)", False),
        ("Loss 2.1 ( 2.3)", "Loss 2.1 ( 2.4)", False),
        ("time: 3 (2)", "time: 3 (4)", False),
    ],
)
def test_lines_of_training_loops(tmp_path: Path, one: str, other: str, is_same: bool) -> None:
    plain = Normaliser(RunFolder(str(tmp_path)))

    assert (plain(one) == plain(other)) is is_same
