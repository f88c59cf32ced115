"""The short form of the fault programs in ``tests/faults``, which run for minutes by themselves."""

from __future__ import annotations

from pathlib import Path

from tests.faults import kills


def test_after_kills_at_random_moments_every_status_is_true(tmp_path: Path) -> None:
    seen = kills.run(tmp_path, moments=15, seed=1)
    assert 15 == seen.total()
    assert any(status == "LOST" for _, status in seen)
