"""A manifest that would take gigabytes once it is parsed is refused before that."""

from __future__ import annotations

import pytest

from meticulous.archive.manifest import Manifest
from meticulous.errors import ArchiveError


@pytest.mark.parametrize("piece", [b"{},", b"[[]],", b"1,", b'{"a":1},'])
def test_a_manifest_that_swells_is_refused(piece: bytes) -> None:
    content = b'{"format": 1, "files": {}, "runs": [' + piece * 5_000_001 + b"1]}"

    with pytest.raises(ArchiveError, match="more than 5,000,000 values"):
        Manifest.from_json(content, "a.zip")
