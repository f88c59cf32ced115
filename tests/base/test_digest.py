"""The SHA-256 of a file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from meticulous.base.digest import sha256_of


def test_of_more_than_a_block(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "data").write_bytes(content)

    assert sha256_of(str(tmp_path / "data")) == hashlib.sha256(content).hexdigest()


def test_it_stops_when_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"x")

    assert sha256_of(str(tmp_path / "data"), lambda: True) == hashlib.sha256(b"").hexdigest()


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sha256_of(str(tmp_path / "none"))
